//! The projector begins at its checkpoint, and stops if the tape does not hold the records that the checkpoint names.

use std::time::Duration;

use tapedeck_runtime::Bus;
use tapedeck_runtime::tail::{StoredMessage, Tail};

use crate::common::{System, json};
use crate::groups::{Group, get, until};

/// The sequence after which a projector reads, as its log says.
fn begins_after(group: &Group) -> u64 {
    let log = group.log();
    let line = log.lines().find(|line| line.contains("projecting the records after the checkpoint")).unwrap();
    line.split("seq=").nth(1).unwrap().split_whitespace().next().unwrap().parse().unwrap()
}

/// The number of records that a projector has read.
fn records_read(group: &Group) -> u64 {
    let metrics = get(group.port, "/metrics");
    let line = metrics.lines().find(|line| line.starts_with("tapedeck_records_total{")).unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

fn tape_last(system: &System) -> u64 {
    json(&String::from_utf8(system.run(&["status", "--json"]).stdout).unwrap())["partitions"][0]["tape_last"]
        .as_u64()
        .unwrap()
}

/// Every message of a stream.
pub(crate) async fn messages(bus: &Bus, stream: &str) -> Vec<StoredMessage> {
    let (last, _) = bus.last_message(stream).await.unwrap();
    let mut tail = Tail::new(bus, stream.to_string(), String::new(), 1);
    let mut all = Vec::new();
    while let Some(stored) = tail.next_until(last).await.unwrap() {
        all.push(stored);
    }
    all
}

/// Deletes a stream, and creates it again with these messages.
pub(crate) async fn replace(system: &System, bus: &Bus, stream: &str, messages: &[StoredMessage]) {
    bus.context().delete_stream(stream).await.unwrap();
    system.run(&["provision"]);
    let config = bus.context().get_stream(stream).await.unwrap().cached_info().config.clone();
    // Without the first record of a new tape.
    bus.context().delete_stream(stream).await.unwrap();
    bus.context().create_stream(config).await.unwrap();
    for message in messages {
        let sent = bus.context().publish(message.subject.clone(), message.payload.clone()).await.unwrap();
        assert_eq!(sent.await.unwrap().sequence, message.seq);
    }
}

/// Starts a projector that must stop.
fn stops_on_mismatch(system: &System, named: &str) {
    let projector = Group::start(system, "projector");
    until("the projector did not stop", || get(projector.port, "/readyz").contains("checkpoint-mismatch"));
    assert!(projector.log().contains(named), "{named}: {}", projector.log());
    assert!(get(projector.port, "/livez").contains("200 OK"), "it is not restarted");
}

#[test]
fn a_projector_begins_at_its_checkpoint_and_stops_if_the_tape_does_not_hold_its_records() {
    let mut system = System::new();
    let (nats, _postgres) = system.provisioned();
    let setup = concat!(env!("CARGO_MANIFEST_DIR"), "/../feeds/setup/default.toml");
    system.ok(&["control", "apply", "--no-wait", setup]);
    let mut groups: Vec<Group> = tapedeck_groups::names().map(|name| Group::start(&system, name)).collect();
    groups.iter_mut().for_each(|group| group.wait_ready(&system));
    system.ok(&["publish", "--events", "3000"]);
    system.wait_quiet();
    let mut projector = groups.pop().expect("the projector is the last group");
    assert_eq!(begins_after(&projector), 0, "an empty database");
    assert_eq!(projector.terminate(), Some(0));
    let projected = tape_last(&system);
    // More records, by the machines alone; then the projector again.
    system.ok(&["publish", "--events", "1000", "--seed", "2"]);
    until("the machines are not done", || {
        let before = tape_last(&system);
        std::thread::sleep(Duration::from_millis(700));
        before > projected && tape_last(&system) == before
    });
    let mut projector = Group::start(&system, "projector");
    projector.wait_ready(&system);
    system.wait_quiet();
    let last = tape_last(&system);
    let begin = begins_after(&projector);
    assert!((1..=projected).contains(&begin), "began after {begin}, of {projected}");
    assert_eq!(records_read(&projector), last - begin, "it reads no record before its checkpoint");
    // The rows are those of a fold from the first record, and the checkpoints are those of the tape.
    system.ok(&["verify"]);
    for group in &mut groups {
        assert_eq!(group.terminate(), Some(0));
    }
    system.wait_quiet();
    assert_eq!(projector.terminate(), Some(0));
    let last = tape_last(&system);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let bus = Bus::connect(&nats.url(), "test").await.unwrap();
        let stream = bus.generations().tape_stream(0);
        let whole = messages(&bus, &stream).await;
        let end = whole.len();
        // The tape loses its tail.
        replace(&system, &bus, &stream, &whole[..end - 3]).await;
        stops_on_mismatch(&system, &format!("the tape ends at {}", end - 3));
        // It has grown past the checkpoint since.
        for _ in 0..6 {
            bus.context().publish("tape.0.g1.risk", "other".into()).await.unwrap().await.unwrap();
        }
        assert!(bus.last_message(&stream).await.unwrap().0 > end as u64);
        stops_on_mismatch(&system, "the tape has one with the hash");
        // The whole tape: the projector continues.
        replace(&system, &bus, &stream, &whole).await;
    });
    let mut projector = Group::start(&system, "projector");
    projector.wait_ready(&system);
    assert_eq!(begins_after(&projector), last);
    // Another generation of the tape than the process is configured with.
    let told = system.run(&["tape", "--generations", "TAPE_0_G2"]);
    assert_eq!(told.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&told.stderr).contains("TAPE_0_G2 does not exist"), "{told:?}");
    let provisioned = system.run(&["provision", "--generations", "TAPE_0_G2"]);
    assert!(!provisioned.status.success(), "a later generation begins with copies, which provision does not make");
    let listed = runtime.block_on(async {
        let bus = Bus::connect(&nats.url(), "test").await.unwrap();
        bus.find_stream("TAPE_0_G2").await.unwrap().is_some()
    });
    assert!(!listed, "nothing was created");
    // A stream whose first record is of another generation than its name.
    runtime.block_on(async {
        let bus = Bus::connect(&nats.url(), "test").await.unwrap();
        let first = messages(&bus, "TAPE_0_G1").await.remove(0);
        let mut config = bus.context().get_stream("TAPE_0_G1").await.unwrap().cached_info().config.clone();
        (config.name, config.subjects) = ("TAPE_0_G2".into(), vec!["tape.0.g2.*".into()]);
        bus.context().create_stream(config).await.unwrap();
        bus.context().publish("tape.0.g2.keeper", first.payload).await.unwrap().await.unwrap();
    });
    for name in ["risk", "projector"] {
        let group = Group::start_with(&system, name, &["--generations", "TAPE_0_G2"]);
        until("the group did not stop", || get(group.port, "/readyz").contains("other-tape"));
        assert!(group.log().contains("TAPE_0_G2 holds the tape of partition 0, generation g1"), "{}", group.log());
    }
}
