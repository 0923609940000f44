//! Streams and databases that lost what they had acknowledged: the groups stop with a code, and `recover` goes on from
//! what can be trusted.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tapedeck_runtime::Bus;
use tapedeck_servers::{NatsServer, Postgres};

use crate::common::{System, capture, json, text};
use crate::groups::{Group, WAIT_MAX, get, until};

/// Every group as a process.
pub(crate) struct Fleet(pub(crate) Vec<(&'static str, Group)>);

impl Fleet {
    pub(crate) fn start(system: &System, generations: &str) -> Self {
        let args = ["--generations", generations];
        let start = |name| (name, Group::start_with(system, name, &args));
        let mut fleet = Self(tapedeck_groups::names().map(start).collect());
        fleet.0.iter_mut().for_each(|(_, group)| group.wait_ready(system));
        fleet
    }

    fn group(&self, name: &str) -> &Group {
        &self.0.iter().find(|(known, _)| *known == name).unwrap().1
    }

    /// Waits until the group says this, and checks that it is live and that its metric says so.
    pub(crate) fn wait_stop(&self, name: &str, code: &str) {
        let group = self.group(name);
        let started = std::time::Instant::now();
        while !get(group.port, "/readyz").contains(code) {
            let found = get(group.port, "/readyz");
            assert!(started.elapsed() < WAIT_MAX, "{name} does not stop with {code}: {found}\n{}", group.log());
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        assert!(get(group.port, "/livez").contains("200 OK"), "{name}");
        let metric = format!("tapedeck_stopped{{group=\"{name}\",partition=\"0\",reason=\"{code}\"}} 1");
        until(&format!("{name} has no metric"), || get(group.port, "/metrics").contains(&metric));
        assert!(group.log().contains("see docs/recovery.md"), "{name}");
    }

    /// Ends every process; its exit status.
    pub(crate) fn terminate(self) -> BTreeMap<&'static str, i32> {
        self.0.into_iter().map(|(name, mut group)| (name, group.terminate().unwrap())).collect()
    }
}

/// Copies a directory with its files.
pub(crate) fn copied(from: &Path, to: &Path) {
    let done = std::process::Command::new("cp").args(["-a"]).args([from, to]).status().unwrap();
    assert!(done.success());
}

/// The greatest block file of a stream.
fn last_block(system: &System, stream: &str) -> PathBuf {
    let dir = system.path().join("nats/data/jetstream/$G/streams").join(stream).join("msgs");
    let blocks = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let number = |path: &Path| path.file_stem().unwrap().to_str().unwrap().parse::<u32>().unwrap();
    blocks.filter(|path| path.extension().is_some_and(|end| end == "blk")).max_by_key(|path| number(path)).unwrap()
}

/// Kills the server, damages a file of the stream, and starts the server on the same port.
pub(crate) fn damage(system: &System, nats: NatsServer, stream: &str, change: impl FnOnce(&mut Vec<u8>)) -> NatsServer {
    let port: u16 = nats.url().rsplit(':').next().unwrap().parse().unwrap();
    let block = last_block(system, stream);
    nats.kill().unwrap();
    let mut bytes = std::fs::read(&block).unwrap();
    change(&mut bytes);
    std::fs::write(&block, bytes).unwrap();
    NatsServer::start(&system.path().join("nats"), port).unwrap()
}

pub(crate) fn status(system: &System, generations: &str) -> (Option<i32>, serde_json::Value) {
    let output = system.run(&["status", "--json", "--generations", generations]);
    (output.status.code(), json(&text(&output.stdout)))
}

/// The last number of each session and instrument that ingest has read.
pub(crate) fn numbers(system: &System, generations: &str) -> BTreeMap<String, u64> {
    let (_, status) = status(system, generations);
    let sources = status["partitions"][0]["sources"].as_array().unwrap().clone();
    let sessions = sources.iter().flat_map(|source| source["sessions"].as_array().unwrap().clone());
    let number =
        |one: serde_json::Value| (format!("{} {}", one["session"], one["instrument"]), one["last_seq"].clone());
    sessions.map(number).map(|(session, last)| (session, last.as_u64().unwrap())).collect()
}

/// Waits until each message of the inbox is decided on and each record projected.
pub(crate) fn wait_quiet(system: &System, generations: &str) {
    until("the system does not come to rest", || {
        let (code, status) = status(system, generations);
        let one = &status["partitions"][0];
        code == Some(0) && one["writers"][0]["decided"] == one["market_inbox_last"]
    });
}

/// Recovers as docs/recovery.md says; the generations to restart with.
pub(crate) fn recover(system: &System, generations: &str, names: &str) -> String {
    let told = system.run(&["recover", "--generations", generations]);
    assert_eq!(told.status.code(), Some(1), "it asks");
    assert!(text(&told.stdout).contains(names), "{}", text(&told.stdout));
    let done = system.ok(&["recover", "--yes", "--generations", generations]);
    let begun =
        done.lines().find_map(|line| line.split("TAPEDECK_GENERATIONS=").nth(1)).unwrap_or_else(|| panic!("{done}"));
    begun.trim_end_matches(')').to_string()
}

/// After a recovery: publishers repeat their sessions, and everything is there once.
pub(crate) fn check_recovered(
    system: &System,
    generations: &str,
    sessions: &[&[&str]],
    before: &BTreeMap<String, u64>,
) {
    let fleet = Fleet::start(system, generations);
    // A session is sent again where another followed it on the subject, and its repetitions are refused.
    let publish = ["publish", "--allow-rejects", "--generations", generations];
    sessions.iter().for_each(|session| drop(system.ok(&[&publish, *session].concat())));
    wait_quiet(system, generations);
    assert_eq!(&numbers(system, generations), before, "each session is read to its end");
    let verified = system.ok(&["verify", "--generations", generations]);
    assert!(verified.contains("clean"), "{verified}");
    assert!(system.ok(&["recover", "--generations", generations]).contains("nothing is lost"));
    assert!(fleet.terminate().values().all(|code| *code == 0));
}

pub(crate) const FIRST: &[&str] = &["--events", "40"];
pub(crate) const SECOND: &[&str] = &["--events", "20", "--seed", "2"];

/// A system without market events.
fn begun() -> (System, NatsServer, Postgres, Fleet) {
    let mut system = System::new();
    let (nats, postgres) = system.provisioned();
    let setup = concat!(env!("CARGO_MANIFEST_DIR"), "/../feeds/setup/default.toml");
    system.ok(&["control", "apply", "--no-wait", setup]);
    let fleet = Fleet::start(&system, "");
    (system, nats, postgres, fleet)
}

/// A system that has decided on two sessions, and what it read of them.
pub(crate) fn two_sessions() -> (System, NatsServer, Postgres, Fleet, BTreeMap<String, u64>) {
    let (system, nats, postgres, fleet) = begun();
    system.ok(&[&["publish"], FIRST].concat());
    system.ok(&[&["publish"], SECOND].concat());
    wait_quiet(&system, "");
    let numbers = numbers(&system, "");
    (system, nats, postgres, fleet, numbers)
}

#[test]
fn messages_that_follow_a_lost_tail_of_the_inbox_are_not_lost() {
    let (system, nats, _postgres, fleet, before) = two_sessions();
    let last = status(&system, "").1["partitions"][0]["market_inbox_last"].as_u64().unwrap();
    let nats = damage(&system, nats, "INBOX_0_G1", |bytes| bytes.truncate(bytes.len() - 1500));
    // Acknowledged, at the sequences of what was lost.
    system.ok(&["publish", "--no-wait", "--events", "20", "--seed", "3"]);
    fleet.wait_stop("ingest", "inbox-mismatch");
    let (code, told) = status(&system, "");
    assert_eq!(code, Some(1));
    assert!(told["partitions"][0]["market_inbox_last"].as_u64().unwrap() >= last, "the lost sequences are used again");
    assert_eq!(fleet.terminate()["ingest"], 49);
    // A restart does not help: the digest on the tape is that of the lost messages.
    let restarted = Group::start(&system, "ingest");
    let codes = ["inbox-mismatch", "unknown-cause"];
    until("ingest does not stop again", || codes.iter().any(|code| get(restarted.port, "/readyz").contains(code)));
    drop(restarted);
    let generations = recover(&system, "", "ingest decided on messages");
    assert_eq!(generations, "TAPE_0_G2");
    // The third session is in the inbox still, and each number of the first two is read again.
    let fleet = Fleet::start(&system, &generations);
    wait_quiet(&system, &generations);
    let third: BTreeMap<String, u64> = numbers(&system, &generations);
    assert!(third.len() > before.len() / 2 && fleet.terminate().values().all(|code| *code == 0));
    let all = third.into_iter().filter(|(session, _)| !before.contains_key(session)).chain(before.clone()).collect();
    check_recovered(&system, &generations, &[FIRST, SECOND], &all);
    drop(nats);
}

/// Number of quotes, of trades, and the traded quantity of BTCUSDT in Postgres.
fn totals(postgres: &Postgres) -> (String, String, String) {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let (client, connected) = tokio_postgres::connect(&postgres.url(), tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connected);
        let columns = "quotes::text, trades::text, trim_scale(quantity)::text";
        let query = format!("SELECT {columns} FROM tapedeck.market_totals WHERE instrument = 'binance.BTCUSDT'");
        let row = client.query_one(&query, &[]).await.unwrap();
        (row.get(0), row.get(1), row.get(2))
    })
}

/// What [`totals`] should be after a capture of this many frames.
fn totals_of_capture(frames: u64) -> (String, String, String) {
    let trades: Vec<u64> = (0..frames).filter(|i| i % 3 == 2).collect();
    let quantity: u64 = trades.iter().map(|i| 400 + (i * 7919) % 9_000).sum(); // in 1e-4, as `capture` writes it
    let quantity = format!("{}.{:04}", quantity / 10_000, quantity % 10_000);
    let whole = quantity.trim_end_matches('0').trim_end_matches('.');
    ((frames - trades.len() as u64).to_string(), trades.len().to_string(), whole.into())
}

#[test]
fn what_an_inbox_lost_before_its_publisher_went_on_is_published_again_once() {
    const FRAMES: u64 = 900;
    let (system, nats, postgres, fleet) = begun();
    let market = capture(system.path(), "btc.jsonl", "BTCUSDT", FRAMES);
    let session = ["publish", market.to_str().unwrap()];
    let mut paced = system.command(&[&session[..], &["--speed", "5x", "--no-wait"]].concat());
    let mut publisher = paced.stdout(Stdio::null()).spawn().unwrap();
    let stored = || status(&system, "").1["partitions"][0]["market_inbox_last"].as_u64().unwrap();
    until("nothing is published", || stored() >= 60);
    // The publisher goes on after the numbers of what is lost.
    let nats = damage(&system, nats, "INBOX_0_G1", |bytes| bytes.truncate(bytes.len() * 2 / 3));
    assert!(publisher.wait().unwrap().success());
    fleet.wait_stop("ingest", "inbox-mismatch");
    fleet.terminate();
    let generations = recover(&system, "", "ingest decided on messages");
    let fleet = Fleet::start(&system, &generations);
    wait_quiet(&system, &generations);
    let before = totals(&postgres);
    assert_ne!(before, totals_of_capture(FRAMES), "something is lost");
    let again = [&session[..], &["--generations", &generations]].concat();
    let told = system.ok(&again);
    assert!(told.contains(": 0 published, ") && told.contains(" published again (missing), "), "{told}");
    wait_quiet(&system, &generations);
    assert_eq!(totals(&postgres), totals_of_capture(FRAMES), "of {before:?}");
    let told = system.ok(&again);
    assert!(told.contains(": 0 published, 901 skipped (already stored)"), "{told}");
    wait_quiet(&system, &generations);
    assert!(system.ok(&["verify", "--generations", &generations]).contains("clean"));
    assert!(system.ok(&["tape", "--kind", "Rejected", "--generations", &generations]).is_empty(), "nothing came twice");
    assert!(fleet.terminate().values().all(|code| *code == 0));
    drop(nats);
}

#[test]
fn a_tape_that_lost_its_tail_stops_its_groups_and_is_continued_by_the_next_generation() {
    let (system, nats, _postgres, fleet, before) = two_sessions();
    let nats = damage(&system, nats, "TAPE_0_G1", |bytes| bytes.truncate(bytes.len() - 1500));
    for name in tapedeck_groups::writers().map(|writer| writer.as_str()) {
        fleet.wait_stop(name, "tape-lost-data");
    }
    fleet.wait_stop("projector", "checkpoint-mismatch");
    let (code, told) = status(&system, "");
    let mismatch = |one: &serde_json::Value| one["reason"] == "checkpoint-mismatch" && one["group"].is_null();
    assert_eq!((code, told["reasons"].as_array().unwrap().iter().any(mismatch)), (Some(1), true));
    let ended = told["partitions"][0]["tape_last"].clone();
    assert!(fleet.terminate().iter().all(|(name, code)| *code == if *name == "projector" { 48 } else { 45 }));
    // A group that starts learns from the projector what the tape lost, although the projector itself has stopped.
    let projector = Group::start(&system, "projector");
    let restarted = Group::start(&system, "risk");
    until("risk does not stop again", || get(restarted.port, "/readyz").contains("tape-lost-data"));
    drop((projector, restarted));
    assert_eq!(status(&system, "").1["partitions"][0]["tape_last"], ended, "nothing was appended");
    let generations = recover(&system, "", "but the tape ends at");
    check_recovered(&system, &generations, &[FIRST, SECOND], &before);
    // The former generation is read-only, and a group that is told to use it owns nothing.
    let mut former = Group::start(&system, "risk");
    until("it appends", || get(former.port, "/readyz").contains("other-tape: "));
    assert!(former.log().contains("a later generation continues it"), "{}", former.log());
    assert_eq!(former.terminate(), Some(42));
    drop(nats);
}

#[test]
fn a_flipped_byte_in_the_tape_is_noticed_by_the_groups_that_restart() {
    let (system, nats, _postgres, fleet, before) = two_sessions();
    let nats = damage(&system, nats, "TAPE_0_G1", |bytes| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x40;
    });
    let codes = ["tape-lost-data", "records-missing", "checkpoint-mismatch"];
    for (name, group) in &fleet.0 {
        until(&format!("{name} does not stop"), || codes.iter().any(|code| get(group.port, "/readyz").contains(code)));
    }
    assert_eq!(status(&system, "").0, Some(1));
    fleet.terminate();
    let generations = recover(&system, "", "lost");
    check_recovered(&system, &generations, &[FIRST, SECOND], &before);
    drop(nats);
}

#[test]
fn a_stream_that_is_deleted_and_provisioned_again_stops_its_readers() {
    let (system, nats, _postgres, fleet, before) = two_sessions();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let delete = |stream: &str| {
        runtime.block_on(async {
            let bus = Bus::connect(&nats.url(), "test").await.unwrap();
            bus.context().delete_stream(stream).await.unwrap();
        });
        system.ok(&["provision"]);
    };
    delete("INBOX_0_G1");
    let readers_of_the_inbox = ["ingest", "answers"];
    readers_of_the_inbox.iter().for_each(|name| fleet.wait_stop(name, "inbox-mismatch"));
    assert_eq!(status(&system, "").0, Some(1));
    delete("TAPE_0_G1");
    for name in tapedeck_groups::names().filter(|name| !readers_of_the_inbox.contains(name)) {
        fleet.wait_stop(name, "other-tape");
    }
    fleet.terminate();
    // Groups that start now know another tape from Postgres than the one that is there.
    let restarted = Fleet(["projector", "risk"].map(|name| (name, Group::start(&system, name))).into());
    restarted.wait_stop("risk", "other-tape");
    restarted.wait_stop("projector", "other-tape");
    assert_eq!(status(&system, "").0, Some(1));
    restarted.terminate();
    let generations = recover(&system, "", "holds no record of tape");
    check_recovered(&system, &generations, &[FIRST, SECOND], &before);
}

#[test]
fn a_database_that_is_older_than_before_stops_the_projector_and_nothing_is_lost() {
    let (system, nats, postgres, fleet, before) = two_sessions();
    let port: u16 = postgres.url().rsplit(':').next().unwrap().split('/').next().unwrap().parse().unwrap();
    let (data, copy) = (system.path().join("postgres"), system.path().join("copy"));
    drop(postgres);
    copied(&data, &copy);
    let postgres = Postgres::start(&data, port).unwrap();
    let third: &[&str] = &["--events", "20", "--seed", "3"];
    system.ok(&[&["publish"], third].concat());
    wait_quiet(&system, "");
    let after = numbers(&system, "");
    drop(postgres);
    std::fs::remove_dir_all(&data).unwrap();
    copied(&copy, &data);
    let postgres = Postgres::start(&data, port).unwrap();
    fleet.wait_stop("projector", "database-lost-data");
    assert_eq!(fleet.terminate()["projector"], 50);
    assert!(system.ok(&["recover"]).contains("nothing is lost"));
    assert_ne!(before, after);
    check_recovered(&system, "", &[FIRST, SECOND, third], &after);
    drop((nats, postgres));
}

#[test]
fn a_lost_tail_that_neither_a_group_nor_the_database_knows_is_not_noticed() {
    // The README names this case.
    let (system, nats, postgres, fleet, _) = two_sessions();
    fleet.terminate();
    let nats = damage(&system, nats, "TAPE_0_G1", |bytes| bytes.truncate(bytes.len() - 1500));
    drop(postgres);
    Postgres::remove_data(&system.path().join("postgres")).unwrap();
    let mut system = system;
    let postgres = Postgres::start(&system.path().join("postgres"), 0).unwrap();
    system.use_servers(&nats.url(), &postgres.url());
    system.ok(&["migrate"]);
    let fleet = Fleet::start(&system, "");
    assert!(system.ok(&["recover"]).contains("nothing is lost"));
    assert!(fleet.terminate().values().all(|code| *code == 0));
}
