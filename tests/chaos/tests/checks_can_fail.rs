//! The checks of a round can fail: an item withheld, an order forged so that it chains, a row altered, a publisher that
//! stops short or fails, a group that fails.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tapedeck_chaos::check::Books;
use tapedeck_chaos::deployment::Deployment;
use tapedeck_chaos::heal::heal;
use tapedeck_chaos::recorded::Recorded;
use tapedeck_chaos::streams;
use tapedeck_feeds::Payload;
use tapedeck_runtime::database;
use tapedeck_schemas::event::Event;
use tapedeck_schemas::record::{self, Header, RecordHash, Writer};
use tapedeck_schemas::subject;

/// How long what must come may take; a machine may be loaded.
const COME_MAX: Duration = Duration::from_secs(120);

/// The binary, which cargo does not build for the tests of another package.
fn binary() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.toml");
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--release", "--locked", "--package", "tapedeck", "--manifest-path"]).arg(manifest);
    assert!(build.status().unwrap().success());
    // This test is in the profile's folder, in `deps`.
    let test = std::env::current_exe().unwrap();
    test.parent().and_then(Path::parent).unwrap().join("tapedeck")
}

fn deployment(name: &str) -> Deployment {
    let dir = std::env::temp_dir().join(format!("tapedeck-chaos-test-{}-{name}", std::process::id()));
    let mut all = Deployment::start(&dir, &binary(), &[], 1).unwrap();
    heal(&mut all, false).unwrap();
    all.publishing = true;
    let tape = all.runtime.block_on(all.bus.tape(0)).unwrap();
    let mut recorded = Recorded::new(tape.tape);
    until(&mut all, "orders", |all| {
        let after = recorded.read;
        let taking = |seq, one: &_| recorded.take(seq, one);
        all.runtime.block_on(streams::read(&all.bus, &subject::tape_stream(0), after, taking)).unwrap();
        recorded.orders.len() > 1
    });
    heal(&mut all, false).unwrap();
    all.read_logs().unwrap();
    assert_eq!(all.complaints, Vec::<String>::new());
    all
}

/// Lets time pass until it has come.
fn until(all: &mut Deployment, what: &str, mut come: impl FnMut(&mut Deployment) -> bool) {
    let began = Instant::now();
    while !come(all) {
        assert!(began.elapsed() < COME_MAX, "no {what} after {COME_MAX:?}: {:?}", all.complaints);
        all.pass(Duration::from_millis(200)).unwrap();
    }
}

fn about<'a>(wrong: &'a [String], words: &str) -> Option<&'a String> {
    wrong.iter().find(|one| one.starts_with(words))
}

#[test]
fn a_withheld_item_and_an_altered_row_are_seen_in_every_place() {
    let mut all = deployment("withheld");
    let mut books = Books::open(&all).unwrap();
    assert_eq!(books.check(&mut all).unwrap(), Vec::<String>::new());
    assert!(books.recorded.orders.len() > 1, "nothing was traded");

    // A row, behind the projector's back.
    let alter = "UPDATE tapedeck.market_totals_v1 SET trades = trades + 1 WHERE instrument = 'sim.ALPHAUSD'";
    let url = all.database_url().to_string();
    let altered = all.runtime.block_on(async { database::connect(url).await.unwrap().execute(alter, &[]).await });
    assert_eq!(altered.unwrap(), 1);
    let wrong = books.check(&mut all).unwrap();
    assert!(about(&wrong, "Postgres: sim.ALPHAUSD").is_some() && about(&wrong, "verify: ").is_some(), "{wrong:?}");
    assert!(about(&wrong, "tape: ").is_none(), "{wrong:?}");

    // An item that should be there and is not: one that the publishers have not sent yet.
    let items = all.loads[0].items.values().next().unwrap();
    let Some(Payload::Event(event)) = items.last().map(|item| &item.payload) else { panic!("an event") };
    books.expected.counter.accept(items[0].instrument, &event.body);
    let wrong = books.check(&mut all).unwrap();
    for place in ["tape: sim.ALPHAUSD", "Postgres: sim.ALPHAUSD", "ingest: accepted"] {
        assert!(about(&wrong, place).is_some(), "{place}: {wrong:?}");
    }
    all.stop(false).unwrap();
}

#[test]
fn a_publisher_that_stops_short_or_fails_and_a_group_that_fails_are_seen() {
    let mut all = deployment("short");
    let mut books = Books::open(&all).unwrap();
    // It says that it is done, and is not.
    all.loads[0].done = true;
    let wrong = books.check(&mut all).unwrap();
    assert!(wrong.len() == all.loads[0].items.len() && wrong.iter().all(|one| one.starts_with("inbox: ")), "{wrong:?}");
    all.loads[0].done = false;

    // It fails, and no server was away. Said once: it is not started again.
    let args = std::mem::replace(&mut all.loads[0].args, vec!["publish".into(), "/no/such/file".into()]);
    all.publishing = true;
    until(&mut all, "failure of the publisher", |all| all.loads[0].broken);
    all.pass(Duration::from_millis(300)).unwrap();
    let complaints = std::mem::take(&mut all.complaints);
    assert!(
        complaints.len() == 1 && complaints[0].starts_with("the publisher failed (exit status: 2)"),
        "{complaints:?}"
    );

    // A group fails, and is started again in its process: its rows are another tape's.
    let alter = "UPDATE tapedeck.projection_progress SET tape_id = 'another'";
    let url = all.database_url().to_string();
    all.runtime.block_on(async { database::connect(url).await.unwrap().execute(alter, &[]).await }).unwrap();
    (all.loads[0].args, all.loads[0].broken) = (args, false);
    until(&mut all, "failure of the projector", |all| {
        all.read_logs().unwrap();
        !all.complaints.is_empty()
    });
    let first = &all.complaints[0];
    assert!(first.contains("projector.log says: ") && first.contains("group failed, starting it again"), "{first}");
    all.stop(false).unwrap();
}

#[test]
fn a_record_that_is_forged_so_that_it_chains_is_found_as_a_decision_of_nobody() {
    let mut all = deployment("forged");
    let mut books = Books::open(&all).unwrap();
    assert_eq!(books.check(&mut all).unwrap(), Vec::<String>::new());
    let bus = all.bus.clone();
    let seq = all.runtime.block_on(async {
        let (stream, own) = (subject::tape_stream(0), subject::tape_subject(0, Writer::Execution));
        let end = bus.last_message_on(&stream, &own).await.unwrap().unwrap();
        let (last, _) = record::decode(&end.payload).unwrap();
        // The last order, once more, as if it answered something later.
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
        let header = Header { writer: Writer::Execution, epoch: last.epoch, prev_hash: RecordHash::of(&end.payload) };
        let acked = bus.context().publish(own, record::encode(&header, &[entry]).into()).await.unwrap();
        acked.await.unwrap().sequence
    });
    // Reading the tape alone sees an order submitted twice.
    let error = books.check(&mut all).unwrap_err().to_string();
    assert!(error.contains(&format!("tape {seq}: order ")) && error.contains("submitted twice"), "{error}");
    // And so does `verify`, by itself.
    let (code, said) = all.run(&["verify", "--json"]).unwrap();
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&format!("p0:{seq}")), "{said}");
    all.stop(false).unwrap();
}
