//! The accounts that the binary prints, on a real server: the system trades with them, and each role has exactly its
//! permissions.

use std::collections::BTreeMap;
use std::time::Duration;

use async_nats::{HeaderMap, Subscriber};
use futures_util::StreamExt as _;
use tapedeck_groups::access::{self, KEEPER};
use tapedeck_groups::names;
use tapedeck_kernel::Answer;
use tapedeck_runtime::Bus;
use tapedeck_runtime::bus::NatsAccess;
use tapedeck_schemas::record::Writer;
use tapedeck_servers::Postgres;

use crate::common::{Process, json};
use crate::keyed::KeyedServer;

/// The role that answers publishers.
const ANSWERS: &str = "answers";

#[tokio::test]
async fn the_system_trades_with_a_separate_key_for_each_role() {
    let server = KeyedServer::start();
    let postgres = Postgres::start(&server.system.path().join("postgres"), 0).unwrap();
    let url = postgres.url();
    let database = ["--database-url", url.as_str()];
    server.system.ok(&[&["migrate"], &database[..]].concat());
    let groups: Vec<Process> = names().map(|name| server.group(name, &database)).collect();
    let setup = server.system.path().join("setup.toml");
    std::fs::write(&setup, tapedeck_feeds::Setup::default_toml()).unwrap();
    // The setup is in force before the market: without weights or funds there are no orders.
    server.run("operator", &["control", "apply", "--timeout", "60", setup.to_str().unwrap()]);
    server.run("publisher", &["publish", "--events", "20000"]);
    let mut before = String::new();
    loop {
        tokio::time::sleep(Duration::from_millis(700)).await;
        let output = server.output("reader", &[&["status", "--json"], &database[..]].concat());
        let status = json(&crate::common::text(&output.stdout));
        let partition = &status["partitions"][0];
        let decided = partition["writers"][0]["decided"] == partition["market_inbox_last"];
        let now = format!("{} {}", partition["tape_last"], partition["sources"][0]["accepted"]);
        if output.status.success() && decided && now == before {
            break;
        }
        before = now;
    }
    let verdict = json(&server.run("reader", &[&["verify", "--json"], &database[..]].concat()));
    assert_eq!(verdict["findings"].as_array().unwrap().len(), 0);
    let fills = server.run("reader", &["tape", "--json", "--kind", "OrderFilled"]);
    assert!(fills.lines().count() > 0);
    for group in groups {
        assert_eq!(group.terminate(), Some(0));
    }
}

#[tokio::test]
async fn a_command_with_the_wrong_key_says_so() {
    let server = KeyedServer::start();
    let halt = ["halt", "--scope", "all", "--reason", "drill", "--timeout", "2"];
    let publish = ["publish", "--events", "100"];
    for (key, args, told) in [
        ("reader", &halt[..], "the key is not one that may send commands: give that of operator"),
        ("publisher", &halt[..], "no responders: JetStream is unavailable, or the key has no right to it"),
        ("publisher", &["tape"], "no responders: JetStream is unavailable, or the key has no right to it"),
        ("reader", &publish[..], "the key may not be that of a publisher of this source"),
    ] {
        let output = server.output(key, args);
        let error = crate::common::text(&output.stderr);
        assert!(output.status.code() == Some(2) && error.contains(told), "{key} {args:?}: {error}");
    }
    let output = server.system.run(&["tape", "--nats-url", &server.nats.url()]);
    let error = crate::common::text(&output.stderr);
    assert!(output.status.code() == Some(2) && error.contains("rejected the key; give that of a role"), "{error}");
}

#[tokio::test]
async fn a_replaced_key_is_used_without_a_restart() {
    let server = KeyedServer::start();
    let old = std::fs::read_to_string(server.key("acme")).unwrap();
    let bus = server.bus("acme").await;
    let dir = server.system.path().join("nats");
    std::fs::remove_file(server.key("acme")).unwrap();
    let publishers = server.system.path().join("publishers.toml");
    server.system.ok(&["keys", "--out", dir.to_str().unwrap(), "--publishers", publishers.to_str().unwrap()]);
    let hup = std::process::Command::new("kill").args(["-HUP", &server.nats.pid().to_string()]).status().unwrap();
    assert!(hup.success());
    let publish = async |bus: &Bus| {
        let sent = bus.context().publish("md.demo.ACME.quote", "{}".into()).await;
        match sent {
            Ok(ack) => ack.await.is_ok(),
            Err(_) => false,
        }
    };
    // The server closes connections with the old key; the client reconnects with the new one.
    let id = bus.client().server_info().client_id;
    while bus.client().server_info().client_id == id || !publish(&bus).await {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let kept = dir.join("old.seed");
    std::fs::write(&kept, old).unwrap();
    let with_old_key =
        Bus::connect(&NatsAccess { nkey: Some(kept), ..NatsAccess::from(&server.nats.url()) }, "old").await;
    assert!(with_old_key.is_err(), "the old key is still accepted");
}

/// The attempted actions, and whether each was permitted.
type Actions = BTreeMap<String, bool>;

const REPLY_TIMEOUT: Duration = Duration::from_secs(2);

/// Attempts every action as one role or publisher. A request without a subscriber is answered "no responders".
async fn attempt_all(server: &KeyedServer, name: &str) -> Actions {
    let bus = server.bus(name).await;
    let ask = async |subject: &str, body: &str| {
        let request = async_nats::Request::new().payload(body.to_string().into()).timeout(Some(REPLY_TIMEOUT));
        let answer = bus.client().send_request(subject.to_string(), request).await;
        let body = answer.ok().map(|message| String::from_utf8_lossy(&message.payload).into_owned());
        body.is_some_and(|body| !body.contains(r#""error""#))
    };
    let api = if name == KEEPER.name { "$JS.API" } else { tapedeck_schemas::subject::API_PREFIX };
    let mut actions = Actions::new();
    for writer in Writer::ALL {
        let subject = bus.generations().tape_subject(0, *writer);
        let answer = bus.append("TAPE_0_G1", &subject, u64::MAX, "x".into()).await;
        // The fence rejects it: the append reached the stream.
        actions.insert(format!("append as {writer}"), matches!(answer, Answer::WrongLast(_)));
    }
    let published = ask("md.demo.ACME.quote", "{}").await;
    assert_eq!(ask("md.demo.BRK%2EB.quote", "{}").await, published, "an escaped symbol is one token");
    if name != KEEPER.name {
        assert!(!ask("md.demo.BRK.B.quote", "{}").await, "a symbol that is not escaped is not permitted");
    }
    actions.insert("publish md".into(), published);
    actions.insert("publish md of another venue".into(), ask("md.other.ACME.quote", "{}").await);
    for source in ["acme", "rival", "rival2", "operator"] {
        let quote = ask(&format!("in.{source}.demo.ACME.quote"), "{}").await;
        actions.insert(format!("publish as {source}"), quote);
        let last = format!("{api}.DIRECT.GET.INBOX_0_G1.in.{source}.demo.ACME.quote");
        actions.insert(format!("read the last of {source}"), ask(&last, "").await);
    }
    actions.insert("publish as acme on another venue".into(), ask("in.acme.other.ACME.quote", "{}").await);
    actions.insert("define as operator".into(), ask("in.operator.demo.ACME.definition", "{}").await);
    actions.insert("command".into(), ask("cmd.0.halt", "x").await);
    actions.insert("store rejections".into(), ask("rejects.0.x", "x").await);
    actions.insert("read tape".into(), bus.last_on("TAPE_0_G1", "tape.0.g1.keeper").await.is_ok());
    actions.insert("read inbox".into(), bus.last_on("INBOX_0_G1", "md.demo.ACME.quote").await.is_ok());
    let consumer =
        r#"{"stream_name":"TAPE_0_G1","config":{"deliver_policy":"all","ack_policy":"none","mem_storage":true}}"#;
    actions.insert("create consumer".into(), ask(&format!("{api}.CONSUMER.CREATE.TAPE_0_G1"), consumer).await);
    actions.insert("read in batches".into(), ask(&format!("{api}.DIRECT.GET.TAPE_0_G1"), r#"{"seq":1}"#).await);
    let create = r#"{"name":"OWN","subjects":["own.>"],"storage":"memory"}"#;
    actions.insert("create stream".into(), ask(&format!("{api}.STREAM.CREATE.OWN"), create).await);
    actions.insert("purge".into(), ask(&format!("{api}.STREAM.PURGE.COMMAND_0_G1"), "").await);
    actions.insert("delete stream".into(), ask(&format!("{api}.STREAM.DELETE.REPORT_0_G1"), "").await);
    let common = ask("$JS.API.STREAM.PURGE.INBOX_0_G1", "").await;
    *actions.get_mut("purge").unwrap() |= common;
    actions
}

#[tokio::test]
async fn each_role_and_publisher_has_exactly_the_permissions_of_the_table() {
    let server = KeyedServer::start();
    let mut text = String::new();
    let keeper = server.bus(KEEPER.name).await;
    for source in ["acme", "rival", "rival2", "operator"] {
        let subject = format!("in.{source}.demo.ACME.quote");
        keeper.context().publish(subject, "{}".into()).await.unwrap().await.unwrap();
    }
    // The keeper owns the streams: last, below.
    let roles = access::roles().map(|role| role.name).filter(|name| *name != KEEPER.name);
    for name in roles.chain(["publisher", "acme", "rival"]) {
        // Stated here by name, not read from the list of groups: a right too many in the list must fail.
        let own = format!("append as {name}");
        let mut expected = match name {
            "publisher" => vec![],
            "acme" => vec!["publish md", "publish as acme", "read the last of acme"],
            "rival" => {
                vec!["publish as rival", "publish as rival2", "read the last of rival", "read the last of rival2"]
            }
            "projector" => vec!["create consumer", "read inbox", "read tape"],
            "reader" => vec!["read in batches", "read inbox", "read tape"],
            "operator" => {
                vec![
                    "command",
                    "define as operator",
                    "read in batches",
                    "read inbox",
                    "read tape",
                    "read the last of operator",
                ]
            }
            "answers" => vec!["create consumer", "store rejections", "read inbox", "read tape"],
            _ => vec![&own, "create consumer", "read inbox", "read tape"],
        };
        expected.sort_unstable();
        let actions = attempt_all(&server, name).await;
        let (permitted, denied): (Vec<&str>, Vec<&str>) =
            actions.keys().map(String::as_str).partition(|action| actions[*action]);
        text.push_str(&format!("{name:<10} permitted: {}; denied: {}\n", permitted.join(", "), denied.join(", ")));
        assert_eq!(permitted, expected, "{name}");
    }
    let keeper = attempt_all(&server, KEEPER.name).await;
    assert!(keeper.values().all(|permitted| *permitted), "{keeper:?}");
    println!("{text}");
}

/// What arrives on the subscriptions in half a second.
async fn seen(subscriptions: &mut [Subscriber]) -> Vec<String> {
    let mut all = Vec::new();
    for one in subscriptions {
        while let Ok(Some(message)) = tokio::time::timeout(Duration::from_millis(500), one.next()).await {
            all.push(format!("{}: {}", message.subject, String::from_utf8_lossy(&message.payload)));
        }
    }
    all
}

#[tokio::test]
async fn a_publisher_sees_and_forges_nothing_of_another() {
    let server = KeyedServer::start();
    let (answers, acme, rival) = (server.bus(ANSWERS).await, server.bus("acme").await, server.bus("rival").await);
    let mut own = [acme.client().subscribe("md-rejects.acme").await.unwrap()];
    let mut foreign = Vec::new();
    for subject in [">", "_INBOX.>", "_R_.>", "md.>", "in.>", "md-status.>", "md-rejects.>", "rejects.>", "bus.>"] {
        foreign.push(rival.client().subscribe(subject).await.unwrap());
    }
    foreign.push(rival.client().queue_subscribe("md-status.*", "md-status".into()).await.unwrap());
    let mut questions = answers.client().queue_subscribe("md-status.*", "md-status".into()).await.unwrap();
    for bus in [&answers, &acme, &rival] {
        bus.client().flush().await.unwrap();
    }
    let replies = answers.clone();
    let answering = tokio::spawn(async move {
        while let Some(question) = questions.next().await {
            replies.client().publish(question.reply.unwrap(), "true".into()).await.unwrap();
        }
    });
    // The server passes a subscription on to other accounts a moment after it has acknowledged it.
    while acme.client().request("md-status.acme", "".into()).await.is_err() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for _ in 0..20 {
        let answer = acme.client().request("md-status.acme", "".into()).await.unwrap();
        assert_eq!(answer.payload, "true");
    }
    for source in ["acme", "operator", "synthetic"] {
        // The rival answers its own request at most: it listens on that subject.
        let request = async_nats::Request::new().payload("forged".into()).timeout(Some(Duration::from_secs(1)));
        let foreign = rival.client().send_request(format!("md-status.{source}"), request).await;
        assert!(foreign.is_err(), "the rival has an answer about {source}: {foreign:?}");
    }
    // Messages of acme, its rejections, and forged ones.
    acme.context().publish("md.demo.ACME.quote", "secret".into()).await.unwrap().await.unwrap();
    let rejection = answers.publish("rejects.0.acme", HeaderMap::new(), "true".into()).await;
    assert!(matches!(rejection, Answer::Committed(_)), "{rejection:?}");
    for subject in ["md-rejects.acme", "md-rejects.~", "rejects.0.acme", "_INBOX.acme", "md-status.acme"] {
        rival.client().publish(subject, "forged".into()).await.unwrap();
    }
    rival.client().flush().await.unwrap();
    assert_eq!(seen(&mut own).await, ["md-rejects.acme: true"]);
    let seen = seen(&mut foreign).await;
    assert!(seen.iter().all(|one| one.ends_with(": forged")), "the rival sees {seen:?}");
    // A request for a last message must not give another message than that of its subject.
    rival.context().publish("in.rival.demo.ACME.quote", "own".into()).await.unwrap().await.unwrap();
    for body in [
        r#"{"seq":1}"#,
        r#"{"last_by_subj":"in.acme.demo.ACME.quote"}"#,
        r#"{"multi_last":["in.acme.>"]}"#,
        r#"{"seq":1,"next_by_subj":"in.acme.>"}"#,
        r#"{"seq":1,"batch":9}"#,
        "",
    ] {
        for subject in ["in.rival.demo.ACME.quote", "in.rival.*.*.*", "in.acme.demo.ACME.quote", "in.>"] {
            let request = async_nats::Request::new().payload(body.into()).timeout(Some(Duration::from_millis(300)));
            let subject = format!("bus.DIRECT.GET.INBOX_0_G1.{subject}");
            let answer = rival.client().send_request(subject.clone(), request).await;
            let shown = answer.map(|answer| String::from_utf8_lossy(&answer.payload).into_owned());
            assert!(!shown.is_ok_and(|shown| shown.contains("secret")), "{subject} {body}");
        }
    }
    answering.abort();
}

#[tokio::test]
async fn no_reply_and_no_delivery_reaches_a_subject_of_a_stream() {
    let server = KeyedServer::start();
    let keeper = server.bus(KEEPER.name).await;
    let sent = keeper.context().publish("md.demo.ACME.quote", "forged".into()).await.unwrap();
    sent.await.unwrap();
    let messages = async || {
        let stream = keeper.context().get_stream("TAPE_0_G1").await.unwrap();
        stream.cached_info().state.last_sequence
    };
    assert_eq!(messages().await, 1);
    let risk = server.bus("risk").await;
    let reader = server.bus("reader").await;
    let target = "tape.0.g1.ingest";
    // Requests with the tape as the reply subject.
    for (request, body) in [
        ("bus.STREAM.MSG.GET.INBOX_0_G1", r#"{"seq":1}"#),
        ("bus.STREAM.INFO.INBOX_0_G1", ""),
        ("bus.STREAM.NAMES", ""),
        ("bus.CONSUMER.CREATE.INBOX_0_G1.c", "{}"),
        ("ask.0.ingest", ""),
    ] {
        risk.client().publish_with_reply(request, target, body.into()).await.unwrap();
    }
    let batch = r#"{"seq":1,"batch":5,"next_by_subj":">"}"#;
    reader.client().publish_with_reply("bus.DIRECT.GET.INBOX_0_G1", target, batch.into()).await.unwrap();
    // Consumers that deliver to the tape: a push consumer, and a pull request with the tape as the reply subject.
    for (name, to) in [("push", target), ("purge", "$JS.API.STREAM.PURGE.TAPE_0_G1"), ("halt", "cmd.0.halt")] {
        let config = format!(
            r#"{{"stream_name":"INBOX_0_G1","config":{{"name":"{name}","deliver_policy":"all","ack_policy":"none",
               "deliver_subject":"{to}","mem_storage":true,"num_replicas":1}}}}"#
        );
        let request = format!("bus.CONSUMER.CREATE.INBOX_0_G1.{name}");
        let _ = risk.client().request(request, config.into()).await;
    }
    let pull = r#"{"stream_name":"INBOX_0_G1","config":{"name":"pull","deliver_policy":"all","ack_policy":"none",
                   "mem_storage":true,"num_replicas":1,"inactive_threshold":30000000000}}"#;
    risk.client().request("bus.CONSUMER.CREATE.INBOX_0_G1.pull", pull.into()).await.unwrap();
    let next = "bus.CONSUMER.MSG.NEXT.INBOX_0_G1.pull";
    risk.client().publish_with_reply(next, target, r#"{"batch":1}"#.into()).await.unwrap();
    let sent = keeper.context().publish("md.demo.ACME.quote", "forged".into()).await.unwrap();
    sent.await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(messages().await, 1, "the tape has more than its first record");
    let command = keeper.context().get_stream("COMMAND_0_G1").await.unwrap();
    assert_eq!(command.cached_info().state.messages, 0);
}
