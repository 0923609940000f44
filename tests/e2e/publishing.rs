//! The publishing contract on a running system: every row of the table in docs/bad-input.md, and the replies to the
//! publisher.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use futures_util::StreamExt as _;
use serde_json::Value;
use tapedeck_runtime::Bus;

use crate::common::{Process, System, json, text};

const PAGE: &str = include_str!("../../docs/bad-input.md");
const SECOND: u64 = 1_000_000_000;

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64
}

struct Row {
    case: String,
    subject: String,
    payload: Vec<u8>,
    answers: Vec<String>,
}

/// The rows of the table, with their placeholders filled in.
fn rows() -> Vec<Row> {
    let table = PAGE.split("# What becomes of bad input").nth(1).unwrap();
    let lines = table.lines().filter(|line| line.starts_with("| ")).skip(1);
    let row = |(number, line): (usize, &str)| {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [case, subject, payload, answer] = cells[..] else { panic!("{line}") };
        let payload = match payload.trim_matches('`') {
            "[ × 300 and ] × 300" => ["[".repeat(300), "]".repeat(300)].concat(),
            "[{} × 1025]" => format!("[{}]", vec!["{}"; 1025].join(",")),
            "x × 262145" => "x".repeat(262_145),
            "x × 270000" => "x".repeat(270_000),
            text => fill(text, number),
        };
        Row {
            case: case.into(),
            subject: format!("md.{subject}"),
            payload: payload.into_bytes(),
            answers: answer.split(", ").map(str::to_string).collect(),
        }
    };
    lines.enumerate().map(row).collect()
}

fn fill(text: &str, number: usize) -> String {
    let source = number / 4; // as many live sessions as a source may have
    let head = |seq: u64| format!(r#""source":"bad-{source}","session":"row{number}","seq":{seq},"ts_recv":{}"#, now());
    let later = [2, 3].iter().fold(text.to_string(), |text, seq| text.replace(&format!("…{seq}"), &head(*seq)));
    let times = [("AHEAD", now() + 10 * SECOND), ("AGO", now() - 3600 * SECOND), ("NOW", now())];
    times.iter().fold(later.replace('…', &head(1)), |text, (name, time)| text.replace(name, &time.to_string()))
}

const DEFINED: &str = concat!(
    r#"{"source":"def","session":"s","seq":1,"ts_recv":NOW,"base":"ACME","quote":"USD","#,
    r#""tick_size":"0.01","lot_size":"1"}"#
);

/// A fact of ingest: its offset, and its kind or the reason of a rejection.
type FactOfIngest = (String, String);

/// The facts of ingest by the inbox message that they answer.
fn facts(system: &System) -> BTreeMap<u64, Vec<FactOfIngest>> {
    let mut facts: BTreeMap<u64, Vec<FactOfIngest>> = BTreeMap::new();
    for line in system.ok(&["tape", "--json", "--writer", "ingest"]).lines() {
        let line = json(line);
        let found = match line["kind"].as_str().unwrap() {
            "Epoch" | "ClockAdvanced" | "Progress" => continue,
            "Rejected" => {
                let (body, detail) = (&line["body"], &line["body"]["detail"]);
                // An event that does not decode has the code of the error within.
                let code = detail["detail"].get("code").unwrap_or(&detail["code"]);
                format!("{}: {code}", body["reason"].as_str().unwrap())
            }
            kind => kind.to_string(),
        };
        let cause = line["cause"].as_str().unwrap().strip_prefix("inbox.g1:").unwrap();
        let cause = cause.split('.').next().unwrap().parse().unwrap();
        facts.entry(cause).or_default().push((line["offset"].as_str().unwrap().into(), found));
    }
    facts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn every_row_of_the_table_has_its_answer_and_is_reported_to_the_publisher() {
    let system = System::new();
    let (up, bus) = start(&system).await;
    let publish = async |subject: String, payload: Vec<u8>| match bus.context().publish(subject, payload.into()).await {
        Ok(ack) => ack.await.map(|ack| ack.sequence).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let mut rejects = bus.client().subscribe("md-rejects.*").await.unwrap();
    bus.client().flush().await.unwrap();
    publish("md.demo.ACME.definition".into(), fill(DEFINED, 0).into_bytes()).await.unwrap();
    let rows = rows();
    assert!(rows.len() > 40, "{} rows", rows.len());
    let mut stored = Vec::new();
    for row in &rows {
        stored.push(publish(row.subject.clone(), row.payload.clone()).await);
    }
    let status = settled(&bus, "bad").await;
    let facts = facts(&system);
    let rejections = facts.values().flatten().filter(|(_, fact)| fact.contains(": ")).count();
    let reported = reported(&mut rejects, rejections).await;
    let mut rejected: BTreeMap<String, u64> = BTreeMap::new();
    for (row, stored) in rows.iter().zip(stored) {
        let seq = match stored {
            Err(error) => {
                assert_eq!(row.answers, ["refused by the server"], "{}: {error}", row.case);
                continue;
            }
            Ok(seq) => seq,
        };
        let found = facts.get(&seq).cloned().unwrap_or_default();
        assert_eq!(found.len(), row.answers.len(), "{}: {found:?}", row.case);
        for ((offset, found), expected) in found.iter().zip(&row.answers) {
            let (reason, detail) = expected.split_once(": ").unwrap_or((expected, ""));
            assert!(found.starts_with(reason), "{}: {found}, not {expected}", row.case);
            if !detail.is_empty() {
                // The tape has the code, the message to the publisher also the words.
                let (fact, words) = &reported[offset];
                assert_eq!(fact, found, "{}", row.case);
                assert!(words.contains(detail), "{}: {words}, not {detail}", row.case);
                *rejected.entry(reason.into()).or_default() += 1;
            }
        }
    }
    // The counts in the status equal those of the tape.
    let mut counted: BTreeMap<String, u64> = BTreeMap::new();
    let partition = &json(&text(&system.run(&["status", "--json"]).stdout))["partitions"][0];
    let sources = partition["sources"].as_array().unwrap();
    for counts in sources.iter().map(|source| &source["rejects"]).chain([&partition["unreadable"]]) {
        for (reason, count) in counts.as_object().unwrap() {
            *counted.entry(reason.clone()).or_default() += count.as_u64().unwrap();
        }
    }
    assert_eq!(counted, rejected);
    assert_eq!(sources.iter().map(|source| source["gaps"].as_u64().unwrap()).sum::<u64>(), 1);
    let late = status["sessions"].as_array().unwrap().iter().find(|one| one["session"] == "late").unwrap();
    assert_eq!((&late["instrument"], &late["last_seq"]), (&Value::from("demo.ACME"), &Value::from(1)));
    assert_eq!(up.terminate(), Some(0));
}

/// The next `count` messages on `md-rejects.*`, by the offset of the fact: the reason with the code, and the words.
async fn reported(rejects: &mut async_nats::Subscriber, count: usize) -> BTreeMap<String, (String, String)> {
    let mut all = BTreeMap::new();
    for _ in 0..count {
        let message = rejects.next().await.unwrap();
        let source = message.subject.strip_prefix("md-rejects.").unwrap();
        assert!(source.starts_with("bad") || source == "~", "{source}");
        let reject = json(&text(&message.payload));
        let part = |name: &str| reject[name].as_str().unwrap().to_string();
        all.insert(part("offset"), (format!("{}: {}", part("reason"), reject["code"]), part("detail")));
    }
    assert_eq!(all.len(), count, "an offset is reported twice");
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn rejections_are_stored_once_across_a_restart_and_two_partitions_reply_as_one() {
    let system = System::new();
    for round in 1..=2 {
        let (up, bus) = start_with(&system, &["--partitions", "2"]).await;
        for symbol in ["ALPHAUSD", "BRAVOUSD"] {
            let payload = fill(r#"{…,"price":true,"quantity":"1"}"#, round);
            bus.context().publish(format!("md.sim.{symbol}.trade"), payload.into()).await.unwrap().await.unwrap();
        }
        let unplaced = bus.context().publish("md.nowhere.X.trade", "{}".into()).await.unwrap().await;
        assert!(unplaced.is_err(), "the subject is placed on no partition: {unplaced:?}");
        let status = settled(&bus, "bad-0").await;
        assert_eq!((&status["partitions"], &status["rejects"]["malformed"]), (&2.into(), &(2 * round).into()));
        let stored = async |stream: &str| bus.context().get_stream(stream).await.unwrap().cached_info().state.messages;
        while stored("REJECTS_0").await + stored("REJECTS_1").await < 2 * round as u64 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        assert_eq!((stored("REJECTS_0").await, stored("REJECTS_1").await), (round as u64, round as u64));
        assert_eq!(up.terminate(), Some(0));
    }
}

#[test]
fn the_error_of_a_taken_port_names_the_flag() {
    let system = System::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    for (flag, value) in
        [("--nats-port", port.clone()), ("--database-port", port.clone()), ("--http", format!("127.0.0.1:{port}"))]
    {
        let output = system.run(&["up", flag, &value]);
        let found = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{found}");
        assert!(found.contains(flag) && found.contains(&port) && found.contains("any free"), "{found}");
    }
}

async fn start(system: &System) -> (Process, Bus) {
    start_with(system, &[]).await
}

pub(crate) async fn start_with(system: &System, more: &[&str]) -> (Process, Bus) {
    let up = Process::start(&mut system.command(&[&["up"], more].concat()));
    let url = loop {
        let file = std::fs::read_to_string(system.path().join("connection.toml")).unwrap_or_default();
        let url = file.lines().find_map(|line| line.strip_prefix("nats_url = "));
        if let Some(url) = url.filter(|_| system.run(&["status"]).status.success()) {
            break url.trim_matches('"').to_string();
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    (up, Bus::connect(&url, "test").await.unwrap())
}

/// The status of a source when no input waits.
async fn settled(bus: &Bus, source: &str) -> Value {
    let subject = format!("md-status.{source}");
    loop {
        let answer = bus.client().request(subject.clone(), "".into()).await;
        let status = answer.map(|answer| json(&text(&answer.payload))).unwrap_or_default();
        let known =
            status["sessions"].as_array().is_some_and(|all| !all.is_empty()) || status["rejects"] != Value::Null;
        if known && status["waiting"] == 0 && status["missing"] == Value::Array(Vec::new()) {
            // A decided record may still be in flight; the later status is complete.
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            return json(&text(&bus.client().request(subject, "".into()).await.unwrap().payload));
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}
