//! The accounts that the binary prints, on a real server: the whole trades with them, and role by role what each may do
//! and what it may not.

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

/// A server with accounts, and a key for each role.
struct Guarded {
    system: System,
    nats: NatsServer,
}

impl Guarded {
    fn start() -> Self {
        let system = System::new();
        let dir = system.path().join("nats");
        system.ok(&["keys", "--out", dir.to_str().unwrap()]);
        let accounts = system.ok(&["nats-accounts"]);
        let config = format!("host: 127.0.0.1\nmax_payload: 512KB\njetstream {{ max_file_store: 4TB }}\n{accounts}");
        let nats = NatsServer::start_with(&dir, 0, &config).unwrap();
        let guarded = Self { system, nats };
        guarded.run(Role::Keeper, &["provision"]);
        guarded
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
async fn the_whole_trades_with_a_key_of_its_own_for_each() {
    let guarded = Guarded::start();
    let postgres = Postgres::start(&guarded.system.path().join("postgres"), 0).unwrap();
    let url = postgres.url();
    let database = ["--database-url", url.as_str()];
    guarded.system.ok(&[&["migrate"], &database[..]].concat());
    let group = |name: &str, role: Role| {
        let mut args = guarded.with(role, &["run", name, "--partition", "0", "--http", "127.0.0.1:0"]);
        args.extend(database.map(String::from));
        Process::start(&mut guarded.system.command(&args.iter().map(String::as_str).collect::<Vec<_>>()))
    };
    let writers = Role::ALL.into_iter().filter(|role| matches!(role, Role::Group(_) | Role::Projector));
    let groups: Vec<Process> = writers.map(|role| group(role.as_str(), role)).collect();
    assert_eq!(groups.len(), 8);
    let setup = guarded.system.path().join("setup.toml");
    std::fs::write(&setup, tapedeck_feeds::Setup::default_toml()).unwrap();
    guarded.run(Role::Operator, &["control", "apply", setup.to_str().unwrap()]);
    guarded.run(Role::Publisher, &["publish", "--events", "20000"]);
    let mut before = String::new();
    loop {
        tokio::time::sleep(Duration::from_millis(700)).await;
        let args = guarded.with(Role::Reader, &[&["status", "--json"], &database[..]].concat());
        let output = guarded.system.run(&args.iter().map(String::as_str).collect::<Vec<_>>());
        let status = json(&crate::common::text(&output.stdout));
        let partition = &status["partitions"][0];
        let decided = partition["writers"][0]["decided"] == partition["market_inbox_last"];
        let now = format!("{} {}", partition["tape_last"], partition["sources"][0]["accepted"]);
        if output.status.success() && decided && now == before {
            break;
        }
        before = now;
    }
    let verdict = json(&guarded.run(Role::Reader, &[&["verify", "--json"], &database[..]].concat()));
    assert_eq!(verdict["findings"].as_array().unwrap().len(), 0);
    let fills = guarded.run(Role::Reader, &["tape", "--json", "--kind", "OrderFilled"]);
    assert!(fills.lines().count() > 0);
    for group in groups {
        assert_eq!(group.terminate(), Some(0));
    }
}

#[tokio::test]
async fn a_key_that_is_exchanged_is_taken_up_without_a_restart() {
    let guarded = Guarded::start();
    let old = std::fs::read_to_string(guarded.key(Role::Publisher)).unwrap();
    let bus = guarded.bus(Role::Publisher).await;
    let dir = guarded.system.path().join("nats");
    std::fs::remove_file(guarded.key(Role::Publisher)).unwrap();
    guarded.system.ok(&["keys", "--out", dir.to_str().unwrap()]);
    let hup = std::process::Command::new("kill").args(["-HUP", &guarded.nats.pid().to_string()]).status().unwrap();
    assert!(hup.success());
    let publish = async |bus: &Bus| {
        let sent = bus.context().publish("md.demo.ACME.quote", "{}".into()).await;
        match sent {
            Ok(ack) => ack.await.is_ok(),
            Err(_) => false,
        }
    };
    // The server cuts off who came with the old key; who reads the new one is let in again.
    let id = bus.client().server_info().client_id;
    while bus.client().server_info().client_id == id || !publish(&bus).await {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let kept = dir.join("old.seed");
    std::fs::write(&kept, old).unwrap();
    let with_the_old = Bus::connect(&NatsAccess { url: guarded.nats.url(), nkey: Some(kept) }, "old").await;
    assert!(with_the_old.is_err(), "the old key is of no use");
}

/// What was tried, as a line of the table.
type Deeds = BTreeMap<&'static str, bool>;

const WAIT: Duration = Duration::from_secs(2);

/// Tries everything as one role. A request that nobody takes is answered "no responders".
async fn tried(guarded: &Guarded, role: Role) -> Deeds {
    let bus = guarded.bus(role).await;
    let ask = async |subject: &str, body: &str| {
        let request = async_nats::Request::new().payload(body.to_string().into()).timeout(Some(WAIT));
        let answer = bus.client().send_request(subject.to_string(), request).await;
        let body = answer.ok().map(|message| String::from_utf8_lossy(&message.payload).into_owned());
        body.is_some_and(|body| !body.contains(r#""error""#))
    };
    let api = if role == Role::Keeper { "$JS.API" } else { tapedeck_schemas::access::API_PREFIX };
    let mut deeds = Deeds::new();
    for (name, writer) in [
        ("append as ingest", Writer::Ingest),
        ("append as control", Writer::Control),
        ("append as signal", Writer::Signal),
        ("append as risk", Writer::Risk),
        ("append as execution", Writer::Execution),
        ("append as venue", Writer::Paper),
        ("append as portfolio", Writer::Portfolio),
        ("append as keeper", Writer::Keeper),
    ] {
        let subject = tapedeck_schemas::subject::tape_subject(0, writer);
        let answer = bus.append("TAPE_0", &subject, u64::MAX, "x".into()).await;
        // Fenced: it came as far as the stream.
        deeds.insert(name, matches!(answer, Answer::WrongLast(_)));
    }
    deeds.insert("publish md", ask("md.demo.ACME.quote", "{}").await);
    deeds.insert("command", ask("cmd.0.halt", "x").await);
    deeds.insert("keep refusals", ask("rejects.0.x", "x").await);
    deeds.insert("read tape", bus.last_on("TAPE_0", "tape.0.keeper").await.is_ok());
    deeds.insert("read inbox", bus.last_on("INBOX_0", "md.demo.ACME.quote").await.is_ok());
    let create = r#"{"name":"OWN","subjects":["own.>"],"storage":"memory"}"#;
    deeds.insert("create stream", ask(&format!("{api}.STREAM.CREATE.OWN"), create).await);
    deeds.insert("purge", ask(&format!("{api}.STREAM.PURGE.COMMAND_0"), "").await);
    deeds.insert("delete stream", ask(&format!("{api}.STREAM.DELETE.REPORT_0"), "").await);
    let common = ask("$JS.API.STREAM.PURGE.INBOX_0", "").await;
    *deeds.get_mut("purge").unwrap() |= common;
    deeds
}

#[tokio::test]
async fn each_role_may_do_what_the_table_says_and_nothing_else() {
    let guarded = Guarded::start();
    let reads = ["read inbox", "read tape"];
    let own = |role: Role| format!("append as {}", role.as_str());
    let mut text = String::new();
    for role in Role::ALL {
        let may: Vec<String> = match role {
            Role::Group(Writer::Ingest) => vec![own(role), "keep refusals".into()],
            Role::Group(_) => vec![own(role)],
            Role::Projector | Role::Reader => vec![],
            Role::Operator => vec!["command".into()],
            Role::Publisher => vec!["publish md".into(), "read inbox".into()],
            Role::Keeper => continue, // it owns the streams: last, below
        };
        let deeds = tried(&guarded, role).await;
        let mut expected: Vec<&str> = may.iter().map(String::as_str).collect();
        if role != Role::Publisher {
            expected.extend(reads);
        }
        expected.sort_unstable();
        let done: Vec<&str> = deeds.iter().filter(|(_, done)| **done).map(|(deed, _)| *deed).collect();
        text.push_str(&format!("{:<10} may {}; tried in vain: {}\n", role.as_str(), done.join(", "), {
            deeds.iter().filter(|(_, done)| !**done).map(|(deed, _)| *deed).collect::<Vec<_>>().join(", ")
        }));
        assert_eq!(done, expected, "{}", role.as_str());
    }
    let keeper = tried(&guarded, Role::Keeper).await;
    assert!(keeper.values().all(|done| *done), "{keeper:?}");
    println!("{text}");
}

#[tokio::test]
async fn no_reply_and_no_consumer_of_a_role_lands_on_a_subject_of_a_stream() {
    let guarded = Guarded::start();
    let keeper = guarded.bus(Role::Keeper).await;
    let sent = keeper.context().publish("md.demo.ACME.quote", "forged".into()).await.unwrap();
    sent.await.unwrap();
    let messages = async || {
        let stream = keeper.context().get_stream("TAPE_0").await.unwrap();
        stream.cached_info().state.last_sequence
    };
    assert_eq!(messages().await, 1);
    let risk = guarded.bus(Role::Group(Writer::Risk)).await;
    let target = "tape.0.ingest";
    // Replies that the server would publish there.
    for (request, body) in [
        ("bus.STREAM.MSG.GET.INBOX_0", r#"{"seq":1}"#),
        ("bus.STREAM.INFO.INBOX_0", ""),
        ("bus.STREAM.NAMES", ""),
        ("bus.CONSUMER.CREATE.INBOX_0.c", "{}"),
        ("ask.0.ingest", ""),
    ] {
        risk.client().publish_with_reply(request, target, body.into()).await.unwrap();
    }
    // What consumers would deliver there: a push consumer, and a pull whose reply is there.
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
    assert_eq!(messages().await, 1, "nothing but the record that created the tape");
    let command = keeper.context().get_stream("COMMAND_0").await.unwrap();
    assert_eq!(command.cached_info().state.messages, 0);
}
