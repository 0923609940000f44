//! The checks of a round detect faults: a missing item, a forged order that chains, an altered row, a publisher that
//! stops early or fails, a group that fails.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tapedeck_chaos::check::Audit;
use tapedeck_chaos::damage::{Damage, Harm, Index, Killed, Store};
use tapedeck_chaos::damaged;
use tapedeck_chaos::deployment::Deployment;
use tapedeck_chaos::plan::Nemesis;
use tapedeck_chaos::recover::recover;
use tapedeck_chaos::streams;
use tapedeck_chaos::table::DamageReport;
use tapedeck_chaos::tape::TapeTally;
use tapedeck_chaos::verdict::Class;
use tapedeck_feeds::Payload;
use tapedeck_runtime::database;
use tapedeck_schemas::event::Event;
use tapedeck_schemas::record::{self, Header, RecordHash, Writer};

/// How long a condition may take on a loaded machine.
const WAIT_MAX: Duration = Duration::from_secs(120);

/// Builds `tapedeck`, which cargo does not build for the tests of another package; its path.
fn binary() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.toml");
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--release", "--locked", "--package", "tapedeck", "--manifest-path"]).arg(manifest);
    assert!(build.status().unwrap().success());
    // This test is in the folder `deps` of the profile's folder.
    let test = std::env::current_exe().unwrap();
    test.parent().and_then(Path::parent).unwrap().join("tapedeck")
}

fn deployment(name: &str) -> Deployment {
    let dir = std::env::temp_dir().join(format!("tapedeck-chaos-test-{}-{name}", std::process::id()));
    let mut deployment = Deployment::start(&dir, &binary(), &[], 1).unwrap();
    recover(&mut deployment, false).unwrap();
    deployment.publishing = true;
    let tape = deployment.runtime.block_on(deployment.bus.tape(0)).unwrap();
    let mut recorded = TapeTally::new(&tape);
    until(&mut deployment, "orders", |deployment| {
        let after = recorded.read;
        let taking = |seq, one: &_| recorded.take(seq, one);
        deployment
            .runtime
            .block_on(streams::read(&deployment.bus, &deployment.bus.generations().tape_stream(0), after, taking))
            .unwrap();
        recorded.orders.len() > 1
    });
    recover(&mut deployment, false).unwrap();
    deployment.read_logs().unwrap();
    assert_eq!(deployment.problems, Vec::<String>::new());
    deployment
}

/// Supervises the deployment until the condition holds.
fn until(deployment: &mut Deployment, what: &str, mut holds: impl FnMut(&mut Deployment) -> bool) {
    let started = Instant::now();
    while !holds(deployment) {
        assert!(started.elapsed() < WAIT_MAX, "no {what} after {WAIT_MAX:?}: {:?}", deployment.problems);
        deployment.run_for(Duration::from_millis(200)).unwrap();
    }
}

fn has_problem(problems: &[String], start: &str) -> bool {
    problems.iter().any(|problem| problem.starts_with(start))
}

#[test]
fn a_missing_item_and_an_altered_row_are_detected_in_every_place() {
    let mut deployment = deployment("withheld");
    let mut audit = Audit::open(&deployment).unwrap();
    assert_eq!(audit.check(&mut deployment).unwrap(), Vec::<String>::new());
    assert!(audit.recorded.orders.len() > 1, "nothing was traded");

    // A row altered by another client than the projector.
    let alter = "UPDATE tapedeck.market_totals_v1 SET trades = trades + 1 WHERE instrument = 'sim.ALPHAUSD'";
    let url = deployment.database_url().to_string();
    let altered =
        deployment.runtime.block_on(async { database::connect(url).await.unwrap().execute(alter, &[]).await });
    assert_eq!(altered.unwrap(), 1);
    let problems = audit.check(&mut deployment).unwrap();
    assert!(has_problem(&problems, "Postgres: sim.ALPHAUSD") && has_problem(&problems, "verify: "), "{problems:?}");
    assert!(!has_problem(&problems, "tape: "), "{problems:?}");

    // A missing item: one that the publishers have not sent yet.
    let items = deployment.loads[0].items.values().next().unwrap();
    let Some(Payload::Event(event)) = items.last().map(|item| &item.payload) else { panic!("an event") };
    audit.expected.counter.accept(items[0].instrument, &event.body);
    let problems = audit.check(&mut deployment).unwrap();
    for place in ["tape: sim.ALPHAUSD", "Postgres: sim.ALPHAUSD", "ingest: accepted"] {
        assert!(has_problem(&problems, place), "{place}: {problems:?}");
    }
    deployment.stop(false).unwrap();
}

#[test]
fn a_total_that_differs_after_a_recovery_and_a_hole_in_the_inbox_are_detected() {
    let mut deployment = deployment("damaged");
    let damage = Damage {
        nemesis: Nemesis::LostTail,
        harm: Some(Harm::Truncate(2_000)),
        stores: vec![Store::Tape],
        index: Index::AsKilled,
        is_database_old: false,
        killed: Killed::None,
        held_ms: 0,
        kills_publishers: true,
        recovers_under_load: false,
        before_ms: 1_500,
        after_ms: 1_000,
    };
    let mut report = DamageReport::default();
    let mut audit = damaged::run(&mut deployment, &damage, &mut report).unwrap();
    deployment.read_logs().unwrap();
    assert_eq!((&report.problems, &deployment.problems), (&vec![], &vec![]), "{}", report.line());
    assert_eq!((report.class, report.missing), (Some(Class::Stopped), 0), "{}", report.line());
    assert_eq!(audit.check(&mut deployment).unwrap(), Vec::<String>::new());

    // An item that is in the inbox only.
    let items = deployment.loads[0].items.values().next().unwrap();
    let Some(Payload::Event(event)) = items.last().map(|item| &item.payload) else { panic!("an event") };
    audit.expected.counter.accept(items[0].instrument, &event.body);
    let problems = audit.check(&mut deployment).unwrap();
    for place in ["tape: ", "Postgres: ", "ingest: accepted"] {
        assert!(has_problem(&problems, place), "{place}: {problems:?}");
    }
    // Items that are missing although no stream lost them.
    let items = deployment.loads[0].items.values_mut().next().unwrap();
    let repeated = items[0].clone();
    items.insert(0, repeated);
    assert!(Audit::open(&deployment).unwrap().check(&mut deployment).is_err());
    deployment.stop(false).unwrap();
}

#[test]
fn a_publisher_that_stops_early_or_fails_and_a_group_that_fails_are_detected() {
    let mut deployment = deployment("short");
    let mut audit = Audit::open(&deployment).unwrap();
    // A publisher that reports success before its end.
    deployment.loads[0].done = true;
    let problems = audit.check(&mut deployment).unwrap();
    let instruments = deployment.loads[0].items.len();
    assert!(problems.len() == instruments && problems.iter().all(|one| one.starts_with("inbox: ")), "{problems:?}");
    deployment.loads[0].done = false;

    // A publisher that fails without an outage: reported once, because it is not restarted.
    let args = std::mem::replace(&mut deployment.loads[0].args, vec!["publish".into(), "/no/such/file".into()]);
    deployment.publishing = true;
    until(&mut deployment, "failure of the publisher", |deployment| deployment.loads[0].broken);
    deployment.run_for(Duration::from_millis(300)).unwrap();
    let problems = std::mem::take(&mut deployment.problems);
    assert!(problems.len() == 1 && problems[0].starts_with("the publisher failed (exit status: 2)"), "{problems:?}");

    // A group that stops: its rows are of another tape.
    let alter = "UPDATE tapedeck.projection_progress SET tape_id = 'another'";
    let url = deployment.database_url().to_string();
    deployment.runtime.block_on(async { database::connect(url).await.unwrap().execute(alter, &[]).await }).unwrap();
    (deployment.loads[0].args, deployment.loads[0].broken) = (args, false);
    until(&mut deployment, "failure of the projector", |deployment| {
        deployment.read_logs().unwrap();
        !deployment.problems.is_empty()
    });
    let first = &deployment.problems[0];
    assert!(first.contains("projector.log: ") && first.contains("group stopped; see docs/recovery.md"), "{first}");
    deployment.stop(false).unwrap();
}

#[test]
fn a_forged_record_that_chains_is_detected() {
    let mut deployment = deployment("forged");
    let mut audit = Audit::open(&deployment).unwrap();
    assert_eq!(audit.check(&mut deployment).unwrap(), Vec::<String>::new());
    let bus = deployment.bus.clone();
    let seq = deployment.runtime.block_on(async {
        let (stream, own) = (bus.generations().tape_stream(0), bus.generations().tape_subject(0, Writer::Execution));
        let end = bus.last_message_on(&stream, &own).await.unwrap().unwrap();
        let (last, _) = record::decode(&end.payload).unwrap();
        // The last order again, with a later cause.
        let mut submitted = None;
        let handle = bus.context().get_stream(&stream).await.unwrap();
        for seq in (1..=end.sequence).rev() {
            let message = handle.get_raw_message(seq).await.unwrap();
            let Ok((header, entries)) = record::decode(&message.payload) else { continue };
            let order = entries.into_iter().find(|entry| matches!(entry.event, Event::OrderSubmitted(_)));
            if header.writer == Writer::Execution && order.is_some() {
                submitted = order;
                break;
            }
        }
        let mut entry = submitted.unwrap();
        entry.cause.seq = end.sequence;
        let header = Header {
            writer: Writer::Execution,
            epoch: last.epoch,
            prev_hash: RecordHash::of(&end.payload),
            inbox: None,
        };
        let acked = bus.context().publish(own, record::encode(&header, &[entry]).into()).await.unwrap();
        acked.await.unwrap().sequence
    });
    // The check of the tape finds an order that was submitted twice.
    let error = audit.check(&mut deployment).unwrap_err().to_string();
    assert!(error.contains(&format!("tape {seq}: order ")) && error.contains("submitted twice"), "{error}");
    // `verify` finds it independently.
    let (code, output) = deployment.run(&["verify", "--json"]).unwrap();
    assert_eq!(code, Some(1), "{output}");
    assert!(output.contains(&format!("p0g1:{seq}")), "{output}");
    deployment.stop(false).unwrap();
}
