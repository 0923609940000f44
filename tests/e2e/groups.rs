//! Every group as a separate process, as in pods, with a publisher that is killed and restarted.

use std::time::Duration;

use tapedeck_runtime::Bus;
use tapedeck_servers::{NatsServer, Postgres};

use crate::common::{Process, System, json, text};
pub(crate) use crate::processes::{Group, WAIT_MAX, get, until};

#[test]
fn nine_processes_trade_with_a_resumed_publisher_and_drain_on_sigterm() {
    let mut system = System::new();
    let nats = NatsServer::start(&system.path().join("nats"), 0).unwrap();
    let postgres = Postgres::start(&system.path().join("postgres"), 0).unwrap();
    let (nats_url, database_url) = (nats.url(), postgres.url());
    system.use_servers(&nats_url, &database_url);
    // Missing streams and tables are drift.
    assert_eq!(system.run(&["provision", "--check"]).status.code(), Some(1));
    assert_eq!(system.run(&["migrate", "--check"]).status.code(), Some(1));
    system.ok(&["provision"]);
    system.ok(&["migrate"]);
    let setup = concat!(env!("CARGO_MANIFEST_DIR"), "/../feeds/setup/default.toml");
    system.ok(&["control", "apply", "--no-wait", setup]);
    // Two projectors: they compete, and each row is still there once.
    let names = tapedeck_groups::names().chain(["projector"]);
    let mut started: Vec<Group> = names.map(|name| Group::start(&system, name)).collect();
    started.iter_mut().for_each(|group| group.wait_ready(&system));
    // Both servers are killed and restarted; the groups reconnect.
    let port = |url: &str| -> u16 { url.rsplit(':').next().unwrap().split('/').next().unwrap().parse().unwrap() };
    nats.kill().unwrap();
    postgres.kill().unwrap();
    let _nats = NatsServer::start(&system.path().join("nats"), port(&nats_url)).unwrap();
    let _postgres = Postgres::start(&system.path().join("postgres"), port(&database_url)).unwrap();
    // The publisher is killed and restarted: it resumes, and only injected duplicates are rejected.
    let publish = ["publish", "--events", "60000", "--speed", "20x"];
    let first = Process::start(&mut system.command(&publish));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let bus = runtime.block_on(Bus::connect(&nats_url, "test")).unwrap();
    until("nothing is published", || {
        let inbox = runtime.block_on(bus.context().get_stream("INBOX_0_G1"));
        inbox.is_ok_and(|inbox| inbox.cached_info().state.messages > 0)
    });
    drop(first);
    let output = system.ok(&["publish", "--events", "60000"]);
    let stored = output.lines().next().unwrap();
    let counts: Vec<u64> = stored.split([' ', ',']).filter_map(|word| word.parse().ok()).collect();
    assert!(counts.len() == 2 && counts.iter().all(|count| *count > 0), "published and skipped: {output}");
    let settled = || {
        let output = system.run(&["status", "--json"]);
        let status = json(&text(&output.stdout));
        let partition = &status["partitions"][0];
        let decided = partition["writers"][0]["decided"] == partition["market_inbox_last"];
        (output.status.success() && decided, partition["tape_last"].clone())
    };
    let mut before = settled();
    loop {
        std::thread::sleep(Duration::from_millis(700));
        let now = settled();
        if now.0 && now == before {
            break;
        }
        before = now;
    }
    let tape = system.ok(&["tape", "--json", "--writer", "ingest"]);
    let duplicates = tape.lines().filter(|line| line.contains(r#""reason":"duplicate""#)).count();
    let reference = System::new();
    let undisturbed = json(&reference.ok(&["demo", "--json", "--events", "60000"]));
    let rejects = undisturbed["rejects"].as_array().unwrap();
    let expected = rejects.iter().find(|row| row["reason"] == "duplicate").unwrap();
    assert_eq!(expected["count"].as_str().unwrap(), duplicates.to_string());
    assert!(tape.contains(r#""kind":"Trade""#));
    for group in &started {
        let metrics = get(group.port, "/metrics");
        for name in ["tapedeck_ready{", "tapedeck_lag_messages{", "tapedeck_records_total{", "tapedeck_events_total{"] {
            assert!(metrics.contains(name), "{name} in {metrics}");
        }
    }
    for group in &mut started {
        assert_eq!(group.terminate(), Some(0), "{} drains", group.name);
    }
    system.ok(&["verify"]);
    assert!(check_after_change(&nats_url, || system.run(&["provision", "--check"]).status.code()) == Some(1));
}

/// Changes a stream's configuration; the exit status of the check.
fn check_after_change(nats_url: &str, check: impl Fn() -> Option<i32>) -> Option<i32> {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let bus = Bus::connect(nats_url, "test").await.unwrap();
        let mut config = bus.context().get_stream("TAPE_0_G1").await.unwrap().cached_info().config.clone();
        config.max_age = Duration::from_secs(3600);
        bus.context().update_stream(config).await.unwrap();
    });
    check()
}
