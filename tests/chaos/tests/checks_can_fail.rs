//! The checks of a round can fail: an item withheld, an order forged so that it chains, a row altered.

use std::path::{Path, PathBuf};
use std::process::Command;

use tapedeck_chaos::check::Books;
use tapedeck_chaos::deployment::Deployment;
use tapedeck_chaos::heal::heal;
use tapedeck_feeds::Payload;
use tapedeck_runtime::database;
use tapedeck_schemas::event::Event;
use tapedeck_schemas::record::{self, Header, RecordHash, Writer};
use tapedeck_schemas::subject;

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
    all.pass(std::time::Duration::from_secs(5)).unwrap();
    heal(&mut all, false).unwrap();
    assert_eq!(all.complaints, Vec::<String>::new());
    all
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
