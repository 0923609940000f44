//! `tape`, `replay` and `trace` select the same facts by the same range and filter, and print them alike.

use serde_json::Value;
use tapedeck_history::RangeBound;

use crate::common::{System, json};

const INSTRUMENT: &str = "sim.DELTAUSD";
const OTHER: &str = "sim.ALPHAUSD";

/// Filters that ask for more than the market, and for none of the definitions that lead a replay.
const FILTERS: [&[&str]; 6] = [
    &["--kind", "Quote,Trade"],
    &["--kind", "ClockAdvanced,Gap,Rejected"],
    &["--instrument", INSTRUMENT, "--writer", "control,signal,risk,execution,paper,portfolio"],
    &[
        "--instrument",
        INSTRUMENT,
        "--kind",
        "Trade,OrderStatusChanged,OrderFilled,LedgerPosted,LimitsSet,TradingHalted",
    ],
    &["--account", "sim-p0", "--writer", "control,execution,portfolio"],
    &["--strategy", "ewma"],
];

fn lines(system: &System, args: &[&str]) -> Vec<Value> {
    system.ok(args).lines().map(json).collect()
}

/// A replay writes market facts in their publisher's format, and others as `tape` prints them.
fn assert_same(line: &Value, fact: &Value) {
    if !["Quote", "Trade"].contains(&fact["kind"].as_str().unwrap()) {
        return assert_eq!(line, fact);
    }
    let mut line = line.as_object().unwrap().clone();
    assert_eq!(line.remove("kind").unwrap().as_str(), Some(fact["kind"].as_str().unwrap().to_lowercase().as_str()));
    ["source", "session", "seq"].iter().for_each(|name| assert!(line.remove(*name).is_some()));
    let mut body = fact["body"].as_object().unwrap().clone();
    body.retain(|_, value| !value.is_null());
    assert_eq!(line, body);
}

/// Ranges of every form, in the middle of these facts; all end by the last, for tapes grow.
fn ranges(facts: &[Value]) -> Vec<[String; 4]> {
    let (first, last) = (&facts[facts.len() / 3], &facts[facts.len() * 2 / 3]);
    let text = |fact: &Value| fact["offset"].as_str().unwrap().to_string();
    let sequence = |fact: &Value| text(fact).split('.').next().unwrap().to_string();
    let time = |fact: &Value| RangeBound::Time(fact["at"].as_str().unwrap().parse().unwrap()).to_string();
    let range = |from: String, to: String| ["--from".into(), from, "--to".into(), to];
    let end = text(facts.last().unwrap());
    vec![
        range("p0:1".into(), end.clone()),
        range(text(first), text(last)),
        range(sequence(first), sequence(last)),
        range(time(first), time(last)),
        range("-2s".into(), end),
    ]
}

#[test]
fn tape_replay_and_trace_select_the_same_facts_and_print_them_alike() {
    let system = System::new();
    let _up = system.up();
    system.ok(&["publish", "--events", "20000"]);
    system.ok(&["halt", "--scope", INSTRUMENT, "--reason", "drill"]);
    system.ok(&["halt", "--scope", OTHER, "--level", "reducing", "--reason", "drill"]);
    system.wait_quiet();
    for command in [&["tape"][..], &["replay", "--to-file", "-"]] {
        let unknown = system.run(&[command, &["--instrument", "sim.DELTAUDS"]].concat());
        let told = String::from_utf8_lossy(&unknown.stderr).into_owned();
        assert_eq!(unknown.status.code(), Some(1), "{told}");
        assert!(told.contains("no fact that was read names the instrument sim.DELTAUDS; check the spelling"), "{told}");
    }
    let beyond = system.run(&["tape", "--from", "p0:9999999"]);
    let told = String::from_utf8_lossy(&beyond.stderr).into_owned();
    assert!(beyond.status.success() && told.contains("no fact to print; the last record is p0:"), "{told}");
    let all = lines(&system, &["tape", "--json"]);
    let trades: Vec<Value> = all.iter().filter(|fact| fact["kind"] == "Trade").cloned().collect();
    for range in ranges(&trades) {
        let range: Vec<&str> = range.iter().map(String::as_str).collect();
        let mut found = 0;
        for filter in FILTERS {
            let args = [&range[..], filter].concat();
            let facts = lines(&system, &[&["tape", "--json"], &args[..]].concat());
            let replayed = lines(&system, &[&["replay", "--to-file", "-"], &args[..]].concat());
            assert_eq!(replayed.len(), facts.len(), "{args:?}");
            replayed.iter().zip(&facts).for_each(|(line, fact)| assert_same(line, fact));
            found += facts.len();
        }
        assert!(found > 100, "{range:?}: {found} facts");
    }

    let shown = |kinds: &str| lines(&system, &["tape", "--json", "--instrument", INSTRUMENT, "--kind", kinds]);
    let scopes = |facts: &[Value]| facts.iter().map(|fact| fact["body"]["scope"].clone()).collect::<Vec<_>>();
    let halts = scopes(&shown("TradingHalted"));
    assert_eq!(halts, [serde_json::json!({"Instrument": INSTRUMENT})], "its own halt, not that of another");
    assert!(scopes(&shown("LimitsSet")).contains(&"All".into()), "limits of everything hold for the instrument");

    let filled = all.iter().find(|fact| fact["kind"] == "OrderFilled").unwrap();
    let traced = json(&system.ok(&["trace", filled["offset"].as_str().unwrap(), "--json"]));
    for link in traced["facts"].as_array().unwrap() {
        let mut link = link.as_object().unwrap().clone();
        ["parent", "hop_ns", "asked"].iter().for_each(|name| assert!(link.remove(*name).is_some()));
        assert!(all.contains(&Value::Object(link.clone())), "{link:?}");
    }
}
