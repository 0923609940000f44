//! The accounts that the binary prints, on a real server: the system trades with them, and each role has exactly its
//! permissions.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use tapedeck_groups::GROUPS;
use tapedeck_groups::access::{self, KEEPER, OPERATOR, PUBLISHER, READER, Role};
use tapedeck_kernel::Answer;
use tapedeck_runtime::Bus;
use tapedeck_runtime::bus::NatsAccess;
use tapedeck_schemas::record::Writer;
use tapedeck_servers::{NatsServer, Postgres};

use crate::common::{Process, System, json};

/// A server with accounts, and the key of each role.
struct SecuredServer {
    system: System,
    nats: NatsServer,
}

impl SecuredServer {
    fn start() -> Self {
        let system = System::new();
        let dir = system.path().join("nats");
        system.ok(&["keys", "--out", dir.to_str().unwrap()]);
        let accounts = system.ok(&["nats-accounts"]);
        let config = format!("host: 127.0.0.1\nmax_payload: 512KB\njetstream {{ max_file_store: 4TB }}\n{accounts}");
        let nats = NatsServer::start_with(&dir, 0, &config).unwrap();
        let server = Self { system, nats };
        server.run(KEEPER, &["provision"]);
        server
    }

    fn key(&self, role: Role) -> PathBuf {
        self.system.path().join("nats").join(format!("{}.seed", role.name))
    }

    fn with(&self, role: Role, args: &[&str]) -> Vec<String> {
        let mut all: Vec<String> = args.iter().map(ToString::to_string).collect();
        let key = self.key(role).to_str().unwrap().to_string();
        all.extend(["--nats-url".to_string(), self.nats.url(), "--nats-nkey".to_string(), key]);
        all
    }

    fn run(&self, role: Role, args: &[&str]) -> String {
        let args = self.with(role, args);
        self.system.ok(&args.iter().map(String::as_str).collect::<Vec<_>>())
    }

    async fn bus(&self, role: Role) -> Bus {
        let access = NatsAccess { nkey: Some(self.key(role)), ..NatsAccess::from(&self.nats.url()) };
        Bus::connect(&access, role.name).await.unwrap()
    }
}

#[tokio::test]
async fn the_system_trades_with_a_separate_key_for_each_role() {
    let server = SecuredServer::start();
    let postgres = Postgres::start(&server.system.path().join("postgres"), 0).unwrap();
    let url = postgres.url();
    let database = ["--database-url", url.as_str()];
    server.system.ok(&[&["migrate"], &database[..]].concat());
    let group = |name: &str, role: Role| {
        let mut args = server.with(role, &["run", name, "--partition", "0", "--http", "127.0.0.1:0"]);
        args.extend(database.map(String::from));
        Process::start(&mut server.system.command(&args.iter().map(String::as_str).collect::<Vec<_>>()))
    };
    let groups: Vec<Process> = GROUPS.iter().map(|one| group(one.name, one.role())).collect();
    let setup = server.system.path().join("setup.toml");
    std::fs::write(&setup, tapedeck_feeds::Setup::default_toml()).unwrap();
    server.run(OPERATOR, &["control", "apply", "--no-wait", setup.to_str().unwrap()]);
    // The setup before the market: without weights there are no orders.
    while server.run(READER, &["tape", "--kind", "WeightsSet"]).is_empty() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    server.run(PUBLISHER, &["publish", "--events", "20000"]);
    let mut before = String::new();
    loop {
        tokio::time::sleep(Duration::from_millis(700)).await;
        let args = server.with(READER, &[&["status", "--json"], &database[..]].concat());
        let output = server.system.run(&args.iter().map(String::as_str).collect::<Vec<_>>());
        let status = json(&crate::common::text(&output.stdout));
        let partition = &status["partitions"][0];
        let decided = partition["writers"][0]["decided"] == partition["market_inbox_last"];
        let now = format!("{} {}", partition["tape_last"], partition["sources"][0]["accepted"]);
        if output.status.success() && decided && now == before {
            break;
        }
        before = now;
    }
    let verdict = json(&server.run(READER, &[&["verify", "--json"], &database[..]].concat()));
    assert_eq!(verdict["findings"].as_array().unwrap().len(), 0);
    let fills = server.run(READER, &["tape", "--json", "--kind", "OrderFilled"]);
    assert!(fills.lines().count() > 0);
    for group in groups {
        assert_eq!(group.terminate(), Some(0));
    }
}

#[tokio::test]
async fn a_replaced_key_is_used_without_a_restart() {
    let server = SecuredServer::start();
    let old = std::fs::read_to_string(server.key(PUBLISHER)).unwrap();
    let bus = server.bus(PUBLISHER).await;
    let dir = server.system.path().join("nats");
    std::fs::remove_file(server.key(PUBLISHER)).unwrap();
    server.system.ok(&["keys", "--out", dir.to_str().unwrap()]);
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

/// Attempts every action as one role. A request without a subscriber is answered "no responders".
async fn attempt_all(server: &SecuredServer, role: Role) -> Actions {
    let bus = server.bus(role).await;
    let ask = async |subject: &str, body: &str| {
        let request = async_nats::Request::new().payload(body.to_string().into()).timeout(Some(REPLY_TIMEOUT));
        let answer = bus.client().send_request(subject.to_string(), request).await;
        let body = answer.ok().map(|message| String::from_utf8_lossy(&message.payload).into_owned());
        body.is_some_and(|body| !body.contains(r#""error""#))
    };
    let api = if role == KEEPER { "$JS.API" } else { tapedeck_schemas::subject::API_PREFIX };
    let mut actions = Actions::new();
    for writer in Writer::ALL {
        let subject = bus.generations().tape_subject(0, *writer);
        let answer = bus.append("TAPE_0_G1", &subject, u64::MAX, "x".into()).await;
        // The fence rejects it: the append reached the stream.
        actions.insert(format!("append as {writer}"), matches!(answer, Answer::WrongLast(_)));
    }
    let published = ask("md.demo.ACME.quote", "{}").await;
    assert_eq!(ask("md.demo.BRK%2EB.quote", "{}").await, published, "an escaped symbol is one token");
    if role != KEEPER {
        assert!(!ask("md.demo.BRK.B.quote", "{}").await, "a symbol that is not escaped is not permitted");
    }
    actions.insert("publish md".into(), published);
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
async fn each_role_has_exactly_the_permissions_of_the_table() {
    let server = SecuredServer::start();
    let mut text = String::new();
    // The keeper owns the streams: last, below.
    for role in access::roles().filter(|role| *role != KEEPER) {
        // Stated here by name, not read from the list of groups: a right too many in the list must fail.
        let own = format!("append as {}", role.name);
        let mut expected = match role.name {
            "publisher" => vec!["publish md", "read inbox"],
            "projector" => vec!["create consumer", "read inbox", "read tape"],
            "reader" => vec!["read in batches", "read inbox", "read tape"],
            "operator" => vec!["command", "read in batches", "read inbox", "read tape"],
            "answers" => vec!["create consumer", "store rejections", "read inbox", "read tape"],
            _ => vec![&own, "create consumer", "read inbox", "read tape"],
        };
        expected.sort_unstable();
        let actions = attempt_all(&server, role).await;
        let permitted: Vec<&str> =
            actions.iter().filter(|(_, permitted)| **permitted).map(|(action, _)| action.as_str()).collect();
        text.push_str(&format!("{:<10} permitted: {}; denied: {}\n", role.name, permitted.join(", "), {
            actions
                .iter()
                .filter(|(_, permitted)| !**permitted)
                .map(|(action, _)| action.as_str())
                .collect::<Vec<_>>()
                .join(", ")
        }));
        assert_eq!(permitted, expected, "{}", role.name);
    }
    let keeper = attempt_all(&server, KEEPER).await;
    assert!(keeper.values().all(|permitted| *permitted), "{keeper:?}");
    println!("{text}");
}

#[tokio::test]
async fn no_reply_and_no_delivery_reaches_a_subject_of_a_stream() {
    let server = SecuredServer::start();
    let keeper = server.bus(KEEPER).await;
    let sent = keeper.context().publish("md.demo.ACME.quote", "forged".into()).await.unwrap();
    sent.await.unwrap();
    let messages = async || {
        let stream = keeper.context().get_stream("TAPE_0_G1").await.unwrap();
        stream.cached_info().state.last_sequence
    };
    assert_eq!(messages().await, 1);
    let risk = server.bus(access::roles().find(|role| role.name == "risk").unwrap()).await;
    let reader = server.bus(READER).await;
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
