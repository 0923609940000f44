//! Stored messages whose subject or headers the NATS client cannot parse: each ends the connection that receives it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;

use tapedeck_runtime::Bus;
use tapedeck_runtime::tail::Tail;

use crate::common::{System, json, text};
use crate::groups::{Group, get, until};

/// Sends commands of the NATS protocol, and waits until the server has handled them.
fn send(url: &str, commands: &[Vec<u8>]) {
    let mut stream = TcpStream::connect(url.trim_start_matches("nats://")).unwrap();
    stream.write_all(b"CONNECT {\"verbose\":false,\"headers\":true}\r\n").unwrap();
    commands.iter().for_each(|command| stream.write_all(command).unwrap());
    stream.write_all(b"PING\r\n").unwrap();
    let replies = BufReader::new(stream).lines().map_while(Result::ok);
    let ended = replies.inspect(|line| assert!(!line.starts_with("-ERR"), "{line}")).any(|line| line == "PONG");
    assert!(ended, "the server has closed the connection");
}

fn publish(subject: &[u8], payload: &str) -> Vec<u8> {
    [b"PUB ", subject, format!(" {}\r\n{payload}\r\n", payload.len()).as_bytes()].concat()
}

fn publish_with(headers: &[u8], subject: &str, payload: &str) -> Vec<u8> {
    let head = format!("HPUB {subject} {} {}\r\n", headers.len(), headers.len() + payload.len());
    [head.as_bytes(), headers, payload.as_bytes(), b"\r\n"].concat()
}

/// Headers that the server stores and the client does not parse.
const HEADERS: [&[u8]; 3] = [b"NATS/1.0\r\nnocolon\r\n\r\n", b"NATS/1.0\r\nX: \xff\r\n\r\n", b"garbage!\r\n\r\n"];

/// Number of facts of this kind on the tape.
fn count(system: &System, kind: &str) -> usize {
    let listed = system.ok(&["tape", "--json"]);
    listed.lines().filter(|line| json(line)["kind"] == kind).count()
}

#[test]
fn a_message_that_the_client_cannot_parse_is_read_and_answered_like_any_other() {
    let mut system = System::new();
    let (nats, _postgres) = system.provisioned();
    let mut groups = ["ingest", "control"].map(|name| Group::start(&system, name));
    groups.iter_mut().for_each(|group| group.wait_ready(&system));
    system.ok(&["publish", "--no-wait", "--events", "100"]);
    until("the events are not answered", || count(&system, "Trade") + count(&system, "Quote") >= 50);
    let answered = |system: &System| count(system, "Rejected");
    assert_eq!(answered(&system), 0);
    let mut market: Vec<_> = HEADERS.iter().map(|headers| publish_with(headers, "md.demo.ACME.trade", "{}")).collect();
    market.push(publish(b"md.demo.\xff.trade", "{}"));
    send(&nats.url(), &market);
    until("the messages are not answered", || answered(&system) == market.len());
    // Commands: control refuses what is no command, and a halt after it is in force.
    let commands: Vec<_> = HEADERS.iter().map(|headers| publish_with(headers, "cmd.0.halt", "{}")).collect();
    send(&nats.url(), &commands);
    system.ok(&["halt", "--scope", "all", "--reason", "drill"]);
    until("the commands are not answered", || count(&system, "CommandRefused") == commands.len());
    until("the halt is not in force", || count(&system, "TradingHalted") == 1);
    // On the tape, as a hostile writer appends them: the readers skip them.
    let on_tape = HEADERS.map(|headers| publish_with(headers, "tape.0.g1.venue", "{}"));
    send(&nats.url(), &[&on_tape[..], &[publish(b"tape.0.g1.\xff", "{}")]].concat());
    let filtered = tokio::runtime::Runtime::new().unwrap().block_on(async {
        let bus = Bus::connect(&nats.url(), "test").await.unwrap();
        let mut tail = Tail::new(&bus, "TAPE_0_G1".into(), "tape.0.g1.venue".into(), 1);
        let mut read = 0;
        while tail.next_until(u64::MAX).await.unwrap().is_some() {
            read += 1;
        }
        read
    });
    assert_eq!(filtered, on_tape.len(), "by a filter, up to the end");
    let quotes = count(&system, "Quote");
    system.ok(&["publish", "--no-wait", "--events", "100", "--seed", "2"]);
    let skipped = text(&system.run(&["tape"]).stderr).matches("invalid record").count();
    assert_eq!(skipped, on_tape.len() + 1);
    groups.iter_mut().for_each(|group| {
        until("a group is not ready", || get(group.port, "/readyz").contains("200 OK"));
        assert_eq!(group.terminate(), Some(0));
    });
    // Groups that start again read the same messages, and only these singly.
    let mut groups = ["ingest", "control"].map(|name| Group::start(&system, name));
    groups.iter_mut().for_each(|group| group.wait_ready(&system));
    until("the new events are not answered", || count(&system, "Quote") > quotes);
    let singly = groups[0].log().lines().filter(|line| line.contains("singly") && line.contains("INBOX")).count();
    assert!((market.len()..market.len() + 3).contains(&singly), "{singly} messages of the inbox were read singly");
    let verified = system.run(&["verify"]);
    assert_eq!(verified.status.code(), Some(0), "{}", text(&verified.stdout));
}
