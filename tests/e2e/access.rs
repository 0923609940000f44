//! The accounts that the binary prints, on a real server: the whole trades with them, and role by role what each may do
//! and what it may not.

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
        guarded.run(KEEPER, &["provision"]);
        guarded
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
        let access = NatsAccess { url: self.nats.url(), nkey: Some(self.key(role)) };
        Bus::connect(&access, role.name).await.unwrap()
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
    let groups: Vec<Process> = GROUPS.iter().map(|one| group(one.name, one.role())).collect();
    let setup = guarded.system.path().join("setup.toml");
    std::fs::write(&setup, tapedeck_feeds::Setup::default_toml()).unwrap();
    guarded.run(OPERATOR, &["control", "apply", setup.to_str().unwrap()]);
    guarded.run(PUBLISHER, &["publish", "--events", "20000"]);
    let mut before = String::new();
    loop {
        tokio::time::sleep(Duration::from_millis(700)).await;
        let args = guarded.with(READER, &[&["status", "--json"], &database[..]].concat());
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
    let verdict = json(&guarded.run(READER, &[&["verify", "--json"], &database[..]].concat()));
    assert_eq!(verdict["findings"].as_array().unwrap().len(), 0);
    let fills = guarded.run(READER, &["tape", "--json", "--kind", "OrderFilled"]);
    assert!(fills.lines().count() > 0);
    for group in groups {
        assert_eq!(group.terminate(), Some(0));
    }
}

#[tokio::test]
async fn a_key_that_is_exchanged_is_taken_up_without_a_restart() {
    let guarded = Guarded::start();
    let old = std::fs::read_to_string(guarded.key(PUBLISHER)).unwrap();
    let bus = guarded.bus(PUBLISHER).await;
    let dir = guarded.system.path().join("nats");
    std::fs::remove_file(guarded.key(PUBLISHER)).unwrap();
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
type Deeds = BTreeMap<String, bool>;

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
    let api = if role == KEEPER { "$JS.API" } else { tapedeck_schemas::subject::API_PREFIX };
    let mut deeds = Deeds::new();
    for writer in Writer::ALL {
        let subject = tapedeck_schemas::subject::tape_subject(0, *writer);
        let answer = bus.append("TAPE_0", &subject, u64::MAX, "x".into()).await;
        // Fenced: it came as far as the stream.
        deeds.insert(format!("append as {writer}"), matches!(answer, Answer::WrongLast(_)));
    }
    deeds.insert("publish md".into(), ask("md.demo.ACME.quote", "{}").await);
    deeds.insert("command".into(), ask("cmd.0.halt", "x").await);
    deeds.insert("keep rejects".into(), ask("rejects.0.x", "x").await);
    deeds.insert("read tape".into(), bus.last_on("TAPE_0", "tape.0.keeper").await.is_ok());
    deeds.insert("read inbox".into(), bus.last_on("INBOX_0", "md.demo.ACME.quote").await.is_ok());
    let create = r#"{"name":"OWN","subjects":["own.>"],"storage":"memory"}"#;
    deeds.insert("create stream".into(), ask(&format!("{api}.STREAM.CREATE.OWN"), create).await);
    deeds.insert("purge".into(), ask(&format!("{api}.STREAM.PURGE.COMMAND_0"), "").await);
    deeds.insert("delete stream".into(), ask(&format!("{api}.STREAM.DELETE.REPORT_0"), "").await);
    let common = ask("$JS.API.STREAM.PURGE.INBOX_0", "").await;
    *deeds.get_mut("purge").unwrap() |= common;
    deeds
}

#[tokio::test]
async fn each_role_may_do_what_the_table_says_and_nothing_else() {
    let guarded = Guarded::start();
    let mut text = String::new();
    // It owns the streams: last, below.
    for role in access::roles().filter(|role| *role != KEEPER) {
        // Stated here by name, not read from the list of groups: a right too many in the list must fail.
        let own = format!("append as {}", role.name);
        let mut expected = match role.name {
            "publisher" => vec!["publish md", "read inbox"],
            "projector" | "reader" => vec!["read inbox", "read tape"],
            "operator" => vec!["command", "read inbox", "read tape"],
            "ingest" => vec![&own, "keep rejects", "read inbox", "read tape"],
            _ => vec![&own, "read inbox", "read tape"],
        };
        expected.sort_unstable();
        let deeds = tried(&guarded, role).await;
        let done: Vec<&str> = deeds.iter().filter(|(_, done)| **done).map(|(deed, _)| deed.as_str()).collect();
        text.push_str(&format!("{:<10} may {}; tried in vain: {}\n", role.name, done.join(", "), {
            deeds.iter().filter(|(_, done)| !**done).map(|(deed, _)| deed.as_str()).collect::<Vec<_>>().join(", ")
        }));
        assert_eq!(done, expected, "{}", role.name);
    }
    let keeper = tried(&guarded, KEEPER).await;
    assert!(keeper.values().all(|done| *done), "{keeper:?}");
    println!("{text}");
}

#[tokio::test]
async fn no_reply_and_no_consumer_of_a_role_lands_on_a_subject_of_a_stream() {
    let guarded = Guarded::start();
    let keeper = guarded.bus(KEEPER).await;
    let sent = keeper.context().publish("md.demo.ACME.quote", "forged".into()).await.unwrap();
    sent.await.unwrap();
    let messages = async || {
        let stream = keeper.context().get_stream("TAPE_0").await.unwrap();
        stream.cached_info().state.last_sequence
    };
    assert_eq!(messages().await, 1);
    let risk = guarded.bus(access::roles().find(|role| role.name == "risk").unwrap()).await;
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
