//! Groups as processes, with servers and processes that are killed, paused or full.

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_nats::jetstream::consumer::pull;
use tapedeck_runtime::Bus;
use tapedeck_servers::{NatsServer, Postgres};

use crate::common::System;
use crate::processes::{Group, get, until};
use crate::publishing;
use crate::table::Table;

/// The promised bound of a halt; the test fails at three times it.
const HALT_BOUND: Duration = Duration::from_secs(2);

fn signal(pid: u32, name: &str) {
    let status = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status().unwrap();
    assert!(status.success());
}

/// Sends a signal to a server and its child processes.
fn signal_tree(pid: u32, name: &str) {
    let _ = Command::new("pkill").args([&format!("-{name}"), "-P", &pid.to_string()]).status().unwrap();
    signal(pid, name);
}

fn port(url: &str) -> u16 {
    url.rsplit(':').next().unwrap().split('/').next().unwrap().parse().unwrap()
}

fn with_bus<T, F: Future<Output = T>>(nats_url: &str, work: impl FnOnce(Bus) -> F) -> T {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async { work(Bus::connect(nats_url, "test").await.unwrap()).await })
}

/// Sets the size of a stream: `room` bytes more than it holds, or a fixed one.
fn resize(nats_url: &str, stream: &str, room: Option<u64>) {
    with_bus(nats_url, |bus| async move {
        let info = bus.stream(stream).await.unwrap().cached_info().clone();
        let mut config = info.config;
        config.max_bytes = room.map_or(1 << 30, |room| i64::try_from(info.state.bytes + room).unwrap());
        bus.context().update_stream(config).await.unwrap();
    });
}

const HALT: [&str; 7] = ["halt", "--scope", "all", "--reason", "test", "--timeout", "2"];

pub(crate) fn check(table: &Table) {
    let mut system = System::new();
    let (nats, postgres) = system.provisioned();
    let (nats_url, database_url) = (nats.url(), postgres.url());
    table.situation("no group runs").status(&system, 1, &["not-running(ingest)", "not-running(projector)"]).end();
    system.run(&["publish", "--no-wait", "--events", "500"]);
    table.situation("no group runs, and an inbox fills").status(&system, 1, &["falling-behind(ingest)"]).end();
    table
        .situation("halt without control")
        .timed(&system, &HALT, 2, &["has not decided"], Duration::from_secs(10))
        .end();
    let setup = concat!(env!("CARGO_MANIFEST_DIR"), "/../feeds/setup/default.toml");
    table
        .situation("setup without control")
        .command(&system, &["control", "apply", "--timeout", "1", setup], 2, &["has not decided"])
        .end();
    table
        .situation("setup that is only stored")
        .command(&system, &["control", "apply", "--no-wait", setup], 0, &["sent before"])
        .end();

    let mut groups: Vec<Group> = tapedeck_groups::names().map(|name| Group::start(&system, name)).collect();
    groups.iter_mut().for_each(|group| group.wait_ready(&system));
    let at = |name: &str| tapedeck_groups::names().position(|one| one == name).unwrap();
    let ports: Vec<u16> = groups.iter().map(|group| group.port).collect();
    let port_of = |name: &str| ports[at(name)];
    table
        .situation("all groups run; the halt that nobody decided is in force")
        .status(&system, 0, &["healthy"])
        .readyz(port_of("risk"), 200, "ready")
        .command(&system, &["resume", "--scope", "all", "--reason", "test"], 0, &["TradingResumed"])
        .end();

    publishing::check(table, &system, &mut groups, &at);
    control(table, &system, &mut groups[at("control")]);

    let execution = groups[at("execution")].child.id();
    signal(execution, "STOP");
    table
        .situation("cancel while execution is stopped")
        .command(
            &system,
            &["control", "cancel", "--timeout", "2", "00000000000000000000000000000001"],
            2,
            &["control or execution has not decided"],
        )
        .status(&system, 1, &["not-running(execution)"])
        .end();
    signal(execution, "CONT");
    table.situation("execution goes on").status(&system, 0, &["healthy"]).end();

    streams(table, &system, &nats_url, &mut groups, &at);
    database(table, &system, postgres, &database_url, port_of("projector"));
    broker(table, &system, nats, &nats_url, [groups[at("risk")].port, groups[at("ingest")].port]);
}

/// The owner of control is killed or stopped.
fn control(table: &Table, system: &System, first: &mut Group) {
    signal(first.child.id(), "STOP");
    table
        .situation("halt while control is stopped, without a standby")
        .timed(system, &HALT, 2, &["has not decided"], Duration::from_secs(10))
        .status(system, 1, &["not-running(control)"])
        .end();
    signal(first.child.id(), "CONT");
    table
        .situation("control goes on: that halt is in force")
        .status(system, 0, &["healthy"])
        .command(system, &["status"], 0, &["halt      all halted"])
        .end();
    let mut second = Group::start(system, "control");
    second.wait_ready(system);
    until("no standby", || get(first.port, "/readyz").contains("standby"));
    table.situation("a standby waits").status(system, 0, &["healthy"]).readyz(first.port, 503, "standby").end();
    for (name, what) in [("STOP", "stopped"), ("KILL", "killed")] {
        signal(second.child.id(), name);
        let began = Instant::now();
        let situation = table.situation(&format!("halt right after the owner of control is {what}, with a standby"));
        let situation = situation.timed(
            system,
            &["halt", "--scope", "all", "--reason", "test"],
            0,
            &["TradingHalted"],
            3 * HALT_BOUND,
        );
        situation.holds(true, &format!("in force after {:.2} s", began.elapsed().as_secs_f64())).end();
        if name == "STOP" {
            signal(second.child.id(), "CONT");
            until("the former owner is no standby", || get(second.port, "/readyz").contains("standby"));
            // The next round ends the owner that took over.
            std::mem::swap(first, &mut second);
            until("no owner", || get(second.port, "/readyz").contains("200 OK"));
        }
    }
}

/// Streams that are full, or have no consumers left.
fn streams(table: &Table, system: &System, nats_url: &str, groups: &mut [Group], at: &impl Fn(&str) -> usize) {
    let ingest = groups[at("ingest")].port;
    resize(nats_url, "INBOX_0_G1", Some(1000));
    table
        .situation("the market inbox is full")
        .status(system, 1, &["inbox-full"])
        .readyz(ingest, 503, "inbox-full")
        .command(system, &["publish", "--events", "2000", "--seed", "2"], 2, &["maximum bytes exceeded"])
        .command(system, &["publish", "--events", "2000", "--seed", "2", "--json"], 2, &[r#""not_stored":""#])
        .end();
    resize(nats_url, "INBOX_0_G1", None);
    resize(nats_url, "TAPE_0_G1", Some(10));
    table
        .situation("the tape is full, and nothing is published")
        .status(system, 1, &["tape-full"])
        .readyz(ingest, 503, "tape-full")
        .end();
    let publish = ["publish", "--events", "3000", "--seed", "3"];
    let publisher = crate::common::Process::start(&mut system.command(&publish));
    until("the inbox is empty", || {
        with_bus(nats_url, |bus| async move { bus.last_sequence("INBOX_0_G1").await.unwrap() }) > 4
    });
    table
        .situation("the tape is full, and events wait")
        .status(system, 1, &["tape-full"])
        .timed(system, &HALT, 2, &["has not decided"], Duration::from_secs(10))
        .end();
    drop(publisher);
    let began = Instant::now();
    let status = groups[at("ingest")].terminate();
    let took = began.elapsed();
    table
        .situation("SIGTERM to ingest while the tape is full")
        .holds(
            status == Some(0) && took < Duration::from_secs(30),
            &format!("ends with {status:?}, {:.0} s", took.as_secs_f64()),
        )
        .end();
    resize(nats_url, "TAPE_0_G1", None);
    groups[at("ingest")] = Group::start(system, "ingest");
    groups[at("ingest")].wait_ready(system);
    table.situation("the tape has space again").status(system, 0, &["healthy"]).end();

    // Those of commands that have ended expire meanwhile, and their places are taken.
    let is_full = AtomicBool::new(true);
    std::thread::scope(|scope| {
        let (taken, all) = std::sync::mpsc::channel();
        let is_full = &is_full;
        scope.spawn(move || {
            with_bus(nats_url, |bus| async move {
                let stream = bus.stream("TAPE_0_G1").await.unwrap();
                let most = Duration::from_secs(60);
                let config = || pull::Config { inactive_threshold: most, memory_storage: true, ..Default::default() };
                while is_full.load(Ordering::Relaxed) {
                    let created = stream.create_consumer(config()).await;
                    if !created.is_err_and(|error| error.to_string().contains("maximum consumers")) {
                        continue;
                    }
                    let _ = taken.send(());
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            });
        });
        all.recv().unwrap();
        table
            .situation("the tape has no consumer left")
            .timed(system, &["verify"], 0, &["clean"], Duration::from_secs(40))
            .end();
        is_full.store(false, Ordering::Relaxed);
    });
    with_bus(nats_url, |bus| async move {
        let stream = bus.stream("TAPE_0_G1").await.unwrap();
        let mut names = stream.consumer_names();
        let mut all = Vec::new();
        while let Some(name) = futures_util::StreamExt::next(&mut names).await {
            all.push(name.unwrap());
        }
        for name in all {
            let _ = stream.delete_consumer(&name).await;
        }
    });
    table
        .situation("every consumer was deleted, those of the groups too")
        .status(system, 0, &["healthy"])
        .command(system, &["verify"], 0, &["clean"])
        .end();
}

/// Postgres does not answer, or is away.
fn database(table: &Table, system: &System, postgres: Postgres, url: &str, projector: u16) {
    signal_tree(postgres.pid(), "STOP");
    table
        .situation("Postgres is stopped, on a quiet tape")
        .readyz(projector, 503, "database-unreachable")
        .status(system, 1, &["database-unreachable"])
        .timed(system, &["verify"], 2, &["Postgres did not answer"], Duration::from_secs(20))
        .end();
    signal_tree(postgres.pid(), "CONT");
    table.situation("Postgres goes on").readyz(projector, 200, "ready").status(system, 0, &["healthy"]).end();
    postgres.kill().unwrap();
    table
        .situation("Postgres is killed, on a quiet tape")
        .readyz(projector, 503, "database-unreachable")
        .status(system, 1, &["database-unreachable"])
        .end();
    let postgres = Postgres::start(&system.path().join("postgres"), port(url)).unwrap();
    table.situation("Postgres is back").readyz(projector, 200, "ready").status(system, 0, &["healthy"]).end();
    let ahead = format!("psql -q '{url}' -c \"UPDATE tapedeck.projection_progress SET seq = seq + 1000\"");
    assert!(Command::new("sh").args(["-c", &ahead]).status().unwrap().success());
    table.situation("the projector is ahead of its tape").status(system, 1, &["checkpoint-mismatch"]).end();
    let back = format!("psql -q '{url}' -c \"UPDATE tapedeck.projection_progress SET seq = seq - 1000\"");
    assert!(Command::new("sh").args(["-c", &back]).status().unwrap().success());
    drop(postgres);
}

/// NATS does not answer, or is away.
fn broker(table: &Table, system: &System, nats: NatsServer, url: &str, [risk, ingest]: [u16; 2]) {
    let publish = ["publish", "--events", "60000", "--seed", "9", "--speed", "1x"];
    let publisher = crate::common::Process::start(&mut system.command(&publish));
    std::thread::sleep(Duration::from_secs(2));
    signal(nats.pid(), "STOP");
    let began = Instant::now();
    table
        .situation("NATS is stopped")
        .readyz(risk, 503, "unavailable")
        .timed(system, &["status"], 2, &["NATS"], Duration::from_secs(20))
        .timed(system, &HALT, 2, &["NATS"], Duration::from_secs(20))
        .end();
    let (status, took) = (publisher.wait(), began.elapsed());
    let took = format!("ends with {status:?}, {:.0} s after NATS stopped", took.as_secs_f64());
    let is_bounded = status == Some(2) && began.elapsed() < Duration::from_secs(60);
    table.situation("a publisher while NATS is stopped").holds(is_bounded, &took).end();
    signal(nats.pid(), "CONT");
    table.situation("NATS goes on").readyz(risk, 200, "ready").end();
    nats.kill().unwrap();
    table
        .situation("NATS is killed")
        .readyz(risk, 503, "nats-unreachable")
        .readyz(ingest, 503, "nats-unreachable")
        .timed(system, &["status"], 2, &["NATS"], Duration::from_secs(20))
        .end();
    let nats = NatsServer::start(&system.path().join("nats"), port(url)).unwrap();
    table.situation("NATS is back").readyz(risk, 200, "ready").readyz(ingest, 200, "ready").end();
    drop(nats);
}
