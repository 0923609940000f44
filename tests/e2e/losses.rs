//! Losses of whole streams, of their beginnings and of single messages, and what `recover` must not do.

use std::future::Future;

use tapedeck_runtime::Bus;
use tapedeck_servers::NatsServer;

use crate::checkpoint::messages;
use crate::common::{System, text};
use crate::groups::{Group, get, until};
use crate::recovery::{FIRST, Fleet, SECOND, check_recovered, copied, damage, recover, status, two_sessions};

/// Runs `work` with a connection to the server.
fn with_bus<T, F: Future<Output = T>>(nats: &NatsServer, work: impl FnOnce(Bus) -> F) -> T {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async { work(Bus::connect(&nats.url(), "test").await.unwrap()).await })
}

fn delete(nats: &NatsServer, stream: &str) {
    with_bus(nats, async |bus| bus.context().delete_stream(stream).await.map(drop).unwrap());
}

fn wait_stop(group: &Group, code: &str) {
    until(&format!("no {code}"), || get(group.port, "/readyz").contains(code));
}

#[test]
fn a_tape_that_lost_its_beginning_is_named_and_continued() {
    let (system, nats, _postgres, fleet, before) = two_sessions();
    let last = status(&system, "").1["partitions"][0]["tape_last"].as_u64().unwrap();
    with_bus(&nats, async |bus| {
        bus.context().get_stream("TAPE_0_G1").await.unwrap().purge().sequence(5).await.unwrap();
    });
    for name in tapedeck_groups::writers().map(|writer| writer.as_str()) {
        fleet.wait_stop(name, "records-missing");
    }
    fleet.terminate();
    let restarted = Fleet(["projector", "risk"].map(|name| (name, Group::start(&system, name))).into());
    restarted.wait_stop("risk", "records-missing");
    restarted.wait_stop("projector", "records-missing");
    let (code, told) = status(&system, "");
    assert_eq!(code, Some(1));
    assert!(told["unread"][0]["why"].as_str().unwrap().contains("lost the first record"), "{told}");
    assert_eq!(restarted.terminate()["risk"], 41);
    // A new first record at the end would make another tape of it.
    assert_eq!(system.run(&["provision"]).status.code(), Some(2));
    let found = with_bus(&nats, async |bus| bus.last_sequence("TAPE_0_G1").await.unwrap());
    assert_eq!(found, last, "nothing was appended");
    let generations = recover(&system, "", "lost the first record");
    check_recovered(&system, &generations, &[FIRST, SECOND], &before);
}

#[test]
fn deleted_streams_stop_the_groups_that_read_them_and_those_that_start() {
    let (system, nats, _postgres, fleet, before) = two_sessions();
    delete(&nats, "COMMAND_0_G1");
    fleet.wait_stop("control", "inbox-mismatch");
    let (code, told) = status(&system, "");
    assert_eq!((code, told["reasons"][0]["text"].as_str()), (Some(1), Some("COMMAND_0_G1 does not exist")));
    delete(&nats, "TAPE_0_G1");
    for name in tapedeck_groups::names().filter(|name| *name != "control") {
        fleet.wait_stop(name, "tape-lost-data");
    }
    // The projector has stopped, and still says that there was a tape.
    let restarted = Group::start(&system, "risk");
    wait_stop(&restarted, "tape-lost-data: there is no tape");
    assert_eq!(status(&system, "").0, Some(1));
    assert_eq!(system.run(&["recover"]).status.code(), Some(2));
    fleet.terminate();
    system.ok(&["provision"]);
    let (projector, control) = (Group::start(&system, "projector"), Group::start(&system, "control"));
    wait_stop(&control, "other-tape");
    drop((projector, control));
    let generations = recover(&system, "", "holds no record of tape");
    // The commands are lost with their inbox, and named.
    let setup = concat!(env!("CARGO_MANIFEST_DIR"), "/../feeds/setup/default.toml");
    system.ok(&["control", "apply", "--no-wait", setup]);
    check_recovered(&system, &generations, &[FIRST, SECOND], &before);
}

#[test]
fn a_generation_that_was_not_completed_is_no_tape() {
    let (system, nats, _postgres, fleet, before) = two_sessions();
    fleet.terminate();
    let nats = damage(&system, nats, "TAPE_0_G1", |bytes| bytes.truncate(bytes.len() - 1500));
    assert_eq!(recover(&system, "", "but the tape ends at"), "TAPE_0_G2");
    with_bus(&nats, async |bus| {
        let whole = messages(&bus, "TAPE_0_G2").await;
        let config = bus.stream("TAPE_0_G2").await.unwrap().cached_info().config.clone();
        bus.context().delete_stream("TAPE_0_G2").await.unwrap();
        bus.context().create_stream(config).await.unwrap();
        for message in &whole[..whole.len() / 2] {
            bus.context().publish(message.subject.clone(), message.payload.clone()).await.unwrap().await.unwrap();
        }
    });
    let mut partial = Group::start_with(&system, "risk", &["--generations", "TAPE_0_G2"]);
    wait_stop(&partial, "other-tape: TAPE_0_G2 does not hold record");
    assert_eq!(partial.terminate(), Some(42));
    let refused = system.run(&["recover", "--yes", "--generations", "TAPE_0_G2"]);
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    // The generation before it is complete.
    assert_eq!(recover(&system, "", "does not hold record"), "TAPE_0_G3");
    check_recovered(&system, "TAPE_0_G3", &[FIRST, SECOND], &before);
}

#[test]
fn a_halt_that_only_the_rows_know_is_named_and_a_foreign_tape_is_not_touched() {
    let (system, nats, _postgres, fleet, _) = two_sessions();
    fleet.terminate();
    let (data, copy) = (system.path().join("nats/data"), system.path().join("copy"));
    let port: u16 = nats.url().rsplit(':').next().unwrap().parse().unwrap();
    drop(nats);
    copied(&data, &copy);
    let nats = NatsServer::start(&system.path().join("nats"), port).unwrap();
    let fleet = Fleet::start(&system, "");
    system.ok(&["halt", "--scope", "all", "--reason", "night", "--by", "ops"]);
    until("the halt is not projected", || {
        let (code, told) = status(&system, "");
        code == Some(0) && told["partitions"][0]["writers"].to_string().contains("TradingHalted")
    });
    fleet.terminate();
    drop(nats);
    std::fs::remove_dir_all(&data).unwrap();
    copied(&copy, &data);
    let nats = NatsServer::start(&system.path().join("nats"), port).unwrap();
    let told = system.run(&["recover", "--check"]);
    assert_eq!(told.status.code(), Some(1));
    let told = text(&told.stdout);
    assert!(told.contains("command   TradingHalted all by ops: ") && told.contains("night"), "{told}");
    assert_eq!(told.matches("command  ").count(), 1, "what the command inbox holds is decided again: {told}");

    // Another system's tape at the address.
    let mut other = System::new();
    let (foreign, _database) = other.provisioned();
    other.ok(&["publish", "--no-wait", "--events", "20"]);
    let mut ingest = Group::start(&other, "ingest");
    ingest.wait_ready(&other);
    until("nothing is decided", || other.ok(&["tape"]).contains("Quote"));
    ingest.terminate();
    let refused = system.run(&["recover", "--yes", "--nats-url", &foreign.url()]);
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    assert!(text(&refused.stderr).contains("compare --nats-url and --database-url"), "{refused:?}");
    let mut ingest = Group::start(&other, "ingest");
    ingest.wait_ready(&other);
    assert!(!with_bus(&foreign, async |bus| bus.stream("TAPE_0_G1").await.unwrap().cached_info().config.sealed));
    drop(nats);
}

#[test]
fn a_standby_does_not_take_over_from_an_owner_that_stopped_for_a_loss() {
    let mut system = System::new();
    let nats = NatsServer::start(&system.path().join("nats"), 0).unwrap();
    system.use_servers(&nats.url(), "postgres://none");
    system.ok(&["provision"]);
    let mut standby = Group::start(&system, "ingest");
    standby.wait_ready(&system);
    let mut owner = Group::start(&system, "ingest");
    owner.wait_ready(&system);
    until("no standby", || get(standby.port, "/readyz").contains("standby"));
    system.ok(&["publish", "--no-wait", "--events", "40"]);
    let decided = || system.ok(&["tape"]).lines().filter(|line| line.contains(" Quote ")).count();
    until("nothing is decided", || decided() > 10);
    // The standby does not see what the owner does: it is held while the tape loses its last records.
    std::process::Command::new("kill").args(["-STOP", &standby.child.id().to_string()]).status().unwrap();
    system.ok(&["publish", "--no-wait", "--events", "400", "--seed", "2"]);
    until("nothing more is decided", || decided() > 100);
    let nats = damage(&system, nats, "TAPE_0_G1", |bytes| bytes.truncate(bytes.len() - 300));
    wait_stop(&owner, "tape-lost-data");
    let last = with_bus(&nats, async |bus| bus.last_sequence("TAPE_0_G1").await.unwrap());
    std::process::Command::new("kill").args(["-CONT", &standby.child.id().to_string()]).status().unwrap();
    std::thread::sleep(std::time::Duration::from_secs(8)); // the witness is awaited for 5 s
    assert!(!get(standby.port, "/readyz").contains("200 OK"), "{}", standby.log());
    // Nor does a process that starts, which else claims the group.
    let starting = Group::start(&system, "ingest");
    until("it does not read", || get(starting.port, "/readyz").contains("standby"));
    let found = with_bus(&nats, async |bus| bus.last_sequence("TAPE_0_G1").await.unwrap());
    assert_eq!(found, last, "nothing is appended");
    assert_eq!(owner.terminate(), Some(45));
}

#[test]
fn a_process_whose_tape_is_away_ends_at_sigterm_and_a_lost_partition_is_named() {
    let system = System::new();
    let up = system.up_with(&["--partitions", "2"]);
    let url = system.connection("nats_url");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let bus = Bus::connect(&url, "test").await.unwrap();
        bus.context().delete_stream("TAPE_1_G1").await.unwrap();
    });
    let told = system.run(&["status"]);
    assert_eq!(told.status.code(), Some(1));
    assert!(text(&told.stdout).contains("has no tape TAPE_1_G1"), "{told:?}");
    assert_eq!(system.run(&["recover", "--check"]).status.code(), Some(2));
    assert_ne!(system.run(&["verify"]).status.code(), Some(0));
    assert!(up.terminate().is_some(), "it ends");
}
