//! Publish, replay to a file, publish that file into a new system: the market facts are equal byte for byte.

use std::collections::BTreeMap;
use std::path::PathBuf;

use tapedeck_runtime::Bus;
use tapedeck_runtime::tail::Tail;
use tapedeck_schemas::event::Event;
use tapedeck_schemas::ids::InstrumentId;
use tapedeck_schemas::market::published;
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::{self, Entry, Writer};

use crate::common::{Process, System, capture, json};

/// Recorded captures (a list as in PATH) to use instead of the two generated ones.
const CAPTURES: &str = "TAPEDECK_TEST_CAPTURES";

/// The market facts of each instrument in order, as bytes; with `at` and the clock advances if `in_time`.
async fn facts(url: &str, in_time: bool) -> BTreeMap<Option<InstrumentId>, Vec<Vec<u8>>> {
    let bus = Bus::connect(url, "test").await.unwrap();
    let (stream, own) = (bus.generations().tape_stream(0), bus.generations().tape_subject(0, Writer::Ingest));
    let last = bus.context().get_stream(&stream).await.unwrap().cached_info().state.last_sequence;
    let mut tail = Tail::new(&bus, stream.clone(), own.clone(), 1);
    let mut facts: BTreeMap<_, Vec<_>> = BTreeMap::new();
    let own = bus.last_on(&stream, &own).await.unwrap();
    while let Some(stored) = tail.next_until(own.min(last)).await.unwrap() {
        for entry in record::decode(&stored.payload).unwrap().1 {
            let instrument = match &entry.event {
                Event::Bar(fact) => Some(fact.instrument),
                Event::ClockAdvanced(_) if in_time => None,
                Event::Rejected(fact) => panic!("rejected: {fact:?}"),
                fact => match published(fact) {
                    Some((instrument, _)) => Some(instrument),
                    None => continue,
                },
            };
            let at = if in_time { entry.at } else { 0 };
            let alone = Entry { cause: Offset::START, index: 0, at, event: entry.event };
            let mut bytes = Vec::new();
            record::encode_entry(&alone, &mut bytes);
            facts.entry(if in_time { None } else { instrument }).or_default().push(bytes);
        }
    }
    facts
}

/// Publishes files into a new system; the running system and the URL of its NATS.
fn publish_into_new_system(files: &[PathBuf]) -> (System, Process, String) {
    let system = System::new();
    let up = system.up();
    let files: Vec<&str> = files.iter().map(|file| file.to_str().unwrap()).collect();
    system.ok(&[&["publish"], &files[..]].concat());
    loop {
        let output = system.run(&["status", "--json"]);
        let status = json(&crate::common::text(&output.stdout));
        let partition = &status["partitions"][0];
        let decided = partition["writers"][0]["decided"] == partition["market_inbox_last"];
        if output.status.success() && decided {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let file = std::fs::read_to_string(system.path().join("connection.toml")).unwrap();
    let url = file.lines().find_map(|line| line.strip_prefix("nats_url = ")).unwrap().trim_matches('"').to_string();
    (system, up, url)
}

fn assert_round_trip(captures: &[PathBuf], in_time: bool) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (first, up, url) = publish_into_new_system(captures);
    let recorded = runtime.block_on(facts(&url, in_time));
    let replay = |system: &System, name: &str| {
        let file = first.path().join(name);
        system.ok(&["replay", "--to-file", file.to_str().unwrap(), "--run", "round"]);
        file
    };
    let files = [replay(&first, "first.jsonl"), replay(&first, "first.msgpack")];
    drop(up);
    let bytes = |file: &PathBuf| std::fs::read(file).unwrap();
    for (file, name) in files.iter().zip(["second.jsonl", "second.msgpack"]) {
        let (second, _up, url) = publish_into_new_system(std::slice::from_ref(file));
        let again = runtime.block_on(facts(&url, in_time));
        assert!(recorded == again, "{name}: {:?}, not {:?}", counts(&again), counts(&recorded));
        if in_time || captures.len() == 1 {
            assert!(bytes(file) == bytes(&replay(&second, name)), "{name}");
        }
    }
    let all: usize = recorded.values().map(Vec::len).sum();
    assert!(all > 1000, "{all} facts");
}

fn counts(facts: &BTreeMap<Option<InstrumentId>, Vec<Vec<u8>>>) -> Vec<(String, usize)> {
    facts.iter().map(|(instrument, all)| (format!("{instrument:?}"), all.len())).collect()
}

#[test]
fn one_instrument_round_trips_with_its_times_and_clock_advances() {
    let dir = tempfile::tempdir().unwrap();
    assert_round_trip(&[capture(dir.path(), "btc.jsonl", "BTCUSDT", 4_000)], true);
}

#[test]
fn several_instruments_round_trip_each_in_its_order() {
    let dir = tempfile::tempdir().unwrap();
    let captures = match std::env::var_os(CAPTURES) {
        Some(captures) => std::env::split_paths(&captures).collect(),
        None => ["BTCUSDT", "ETHUSDT"].map(|s| capture(dir.path(), &format!("{s}.jsonl"), s, 3_000)).to_vec(),
    };
    assert_round_trip(&captures, false);
}
