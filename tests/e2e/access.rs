//! The accounts that the binary prints, on a real server: the system trades with them, and each role has exactly its
//! permissions.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use tapedeck_kernel::Answer;
use tapedeck_runtime::Bus;
use tapedeck_runtime::bus::NatsAccess;
use tapedeck_schemas::access::Role;
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
        server.run(Role::Keeper, &["provision"]);
        server
    }

    fn key(&self, role: Role) -> PathBuf {
        self.system.path().join("nats").join(format!("{}.seed", role.as_str()))
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
        let access = NatsAccess { url: self.nats.url(), nkey: Some(self.key(role)) };
        Bus::connect(&access, role.as_str()).await.unwrap()
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
    let writers = Role::ALL.into_iter().filter(|role| matches!(role, Role::Group(_) | Role::Projector));
    let groups: Vec<Process> = writers.map(|role| group(role.as_str(), role)).collect();
    assert_eq!(groups.len(), 8);
    let setup = server.system.path().join("setup.toml");
    std::fs::write(&setup, tapedeck_feeds::Setup::default_toml()).unwrap();
    server.run(Role::Operator, &["control", "apply", setup.to_str().unwrap()]);
    server.run(Role::Publisher, &["publish", "--events", "20000"]);
    let mut before = String::new();
    loop {
        tokio::time::sleep(Duration::from_millis(700)).await;
        let args = server.with(Role::Reader, &[&["status", "--json"], &database[..]].concat());
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
    let verdict = json(&server.run(Role::Reader, &[&["verify", "--json"], &database[..]].concat()));
    assert_eq!(verdict["findings"].as_array().unwrap().len(), 0);
    let fills = server.run(Role::Reader, &["tape", "--json", "--kind", "OrderFilled"]);
    assert!(fills.lines().count() > 0);
    for group in groups {
        assert_eq!(group.terminate(), Some(0));
    }
}

#[tokio::test]
async fn a_replaced_key_is_used_without_a_restart() {
    let server = SecuredServer::start();
    let old = std::fs::read_to_string(server.key(Role::Publisher)).unwrap();
    let bus = server.bus(Role::Publisher).await;
    let dir = server.system.path().join("nats");
    std::fs::remove_file(server.key(Role::Publisher)).unwrap();
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
    let with_old_key = Bus::connect(&NatsAccess { url: server.nats.url(), nkey: Some(kept) }, "old").await;
    assert!(with_old_key.is_err(), "the old key is still accepted");
}

/// The attempted actions, and whether each was permitted.
type Actions = BTreeMap<&'static str, bool>;

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
    let api = if role == Role::Keeper { "$JS.API" } else { tapedeck_schemas::access::API_PREFIX };
    let mut actions = Actions::new();
    for (name, writer) in [
        ("append as ingest", Writer::Ingest),
        ("append as control", Writer::Control),
        ("append as signal", Writer::Signal),
        ("append as risk", Writer::Risk),
        ("append as execution", Writer::Execution),
        ("append as paper", Writer::Paper),
        ("append as portfolio", Writer::Portfolio),
        ("append as keeper", Writer::Keeper),
    ] {
        let subject = tapedeck_schemas::subject::tape_subject(0, writer);
        let answer = bus.append("TAPE_0", &subject, u64::MAX, "x".into()).await;
        // The fence rejects it: the append reached the stream.
        actions.insert(name, matches!(answer, Answer::WrongLast(_)));
    }
    actions.insert("publish md", ask("md.demo.ACME.quote", "{}").await);
    actions.insert("command", ask("cmd.0.halt", "x").await);
    actions.insert("store rejections", ask("rejects.0.x", "x").await);
    actions.insert("read tape", bus.last_on("TAPE_0", "tape.0.keeper").await.is_ok());
    actions.insert("read inbox", bus.last_on("INBOX_0", "md.demo.ACME.quote").await.is_ok());
    let create = r#"{"name":"OWN","subjects":["own.>"],"storage":"memory"}"#;
    actions.insert("create stream", ask(&format!("{api}.STREAM.CREATE.OWN"), create).await);
    actions.insert("purge", ask(&format!("{api}.STREAM.PURGE.COMMAND_0"), "").await);
    actions.insert("delete stream", ask(&format!("{api}.STREAM.DELETE.REPORT_0"), "").await);
    let common = ask("$JS.API.STREAM.PURGE.INBOX_0", "").await;
    *actions.get_mut("purge").unwrap() |= common;
    actions
}

#[tokio::test]
async fn each_role_has_exactly_the_permissions_of_the_table() {
    let server = SecuredServer::start();
    let reads = ["read inbox", "read tape"];
    let own = |role: Role| format!("append as {}", role.as_str());
    let mut text = String::new();
    for role in Role::ALL {
        let may: Vec<String> = match role {
            Role::Group(Writer::Ingest) => vec![own(role), "store rejections".into()],
            Role::Group(_) => vec![own(role)],
            Role::Projector | Role::Reader => vec![],
            Role::Operator => vec!["command".into()],
            Role::Publisher => vec!["publish md".into(), "read inbox".into()],
            Role::Keeper => continue, // it owns the streams and may purge them: last, below
        };
        let actions = attempt_all(&server, role).await;
        let mut expected: Vec<&str> = may.iter().map(String::as_str).collect();
        if role != Role::Publisher {
            expected.extend(reads);
        }
        expected.sort_unstable();
        let with_result = |wanted: bool| -> Vec<&str> {
            actions.iter().filter(|(_, permitted)| **permitted == wanted).map(|(action, _)| *action).collect()
        };
        let (permitted, denied) = (with_result(true), with_result(false));
        let name = role.as_str();
        text.push_str(&format!("{name:<10} permitted: {}; denied: {}\n", permitted.join(", "), denied.join(", ")));
        assert_eq!(permitted, expected, "{name}");
    }
    let keeper = attempt_all(&server, Role::Keeper).await;
    assert!(keeper.values().all(|permitted| *permitted), "{keeper:?}");
    println!("{text}");
}

#[tokio::test]
async fn no_reply_and_no_delivery_reaches_a_subject_of_a_stream() {
    let server = SecuredServer::start();
    let keeper = server.bus(Role::Keeper).await;
    let sent = keeper.context().publish("md.demo.ACME.quote", "forged".into()).await.unwrap();
    sent.await.unwrap();
    let messages = async || {
        let stream = keeper.context().get_stream("TAPE_0").await.unwrap();
        stream.cached_info().state.last_sequence
    };
    assert_eq!(messages().await, 1);
    let risk = server.bus(Role::Group(Writer::Risk)).await;
    let target = "tape.0.ingest";
    // Requests with the tape as the reply subject.
    for (request, body) in [
        ("bus.STREAM.MSG.GET.INBOX_0", r#"{"seq":1}"#),
        ("bus.STREAM.INFO.INBOX_0", ""),
        ("bus.STREAM.NAMES", ""),
        ("bus.CONSUMER.CREATE.INBOX_0.c", "{}"),
        ("ask.0.ingest", ""),
    ] {
        risk.client().publish_with_reply(request, target, body.into()).await.unwrap();
    }
    // Consumers that deliver to the tape: a push consumer, and a pull request with the tape as the reply subject.
    for (name, to) in [("push", target), ("purge", "$JS.API.STREAM.PURGE.TAPE_0"), ("halt", "cmd.0.halt")] {
        let config = format!(
            r#"{{"stream_name":"INBOX_0","config":{{"name":"{name}","deliver_policy":"all","ack_policy":"none",
               "deliver_subject":"{to}","mem_storage":true,"num_replicas":1}}}}"#
        );
        let request = format!("bus.CONSUMER.CREATE.INBOX_0.{name}");
        let _ = risk.client().request(request, config.into()).await;
    }
    let pull = r#"{"stream_name":"INBOX_0","config":{"name":"pull","deliver_policy":"all","ack_policy":"none",
                   "mem_storage":true,"num_replicas":1,"inactive_threshold":30000000000}}"#;
    risk.client().request("bus.CONSUMER.CREATE.INBOX_0.pull", pull.into()).await.unwrap();
    let next = "bus.CONSUMER.MSG.NEXT.INBOX_0.pull";
    risk.client().publish_with_reply(next, target, r#"{"batch":1}"#.into()).await.unwrap();
    let sent = keeper.context().publish("md.demo.ACME.quote", "forged".into()).await.unwrap();
    sent.await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(messages().await, 1, "the tape has more than its first record");
    let command = keeper.context().get_stream("COMMAND_0").await.unwrap();
    assert_eq!(command.cached_info().state.messages, 0);
}
