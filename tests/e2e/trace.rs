//! `tape` and `trace`: the facts of a tape, and the causal chain from a market event to a position.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::common::{Process, System, json, text};

fn running_system() -> (System, Process) {
    let system = System::new();
    let up = system.up();
    system.ok(&["publish", "--events", "20000"]);
    system.wait_quiet();
    (system, up)
}

/// The facts of a trace without their mark `asked`, and the offsets of the marked facts.
fn trace(system: &System, id: &str) -> (Vec<Value>, Vec<String>) {
    let mut document = json(&system.ok(&["trace", id, "--json"]));
    let mut facts = document["facts"].as_array_mut().unwrap().clone();
    let asked = |fact: &Value| (fact["asked"] == true).then(|| fact["offset"].as_str().unwrap().to_string());
    let asked = facts.iter().filter_map(asked).collect();
    facts.iter_mut().for_each(|fact| fact["asked"] = Value::Null);
    (facts, asked)
}

#[test]
fn a_fill_and_the_market_event_that_caused_it_have_the_same_chain_with_latencies() {
    let (system, _up) = running_system();
    let filled = system.ok(&["tape", "--json", "--kind", "OrderFilled"]);
    let filled = json(filled.lines().next().expect("no order was filled"));
    let (order, fill) = (filled["body"]["order"].as_str().unwrap(), filled["body"]["fill"].as_str().unwrap());
    let (chain, asked) = trace(&system, fill);
    assert_eq!(asked, [filled["offset"].as_str().unwrap()], "the requested fact is marked");
    assert_eq!(trace(&system, order).0, chain);
    let first = chain[0]["offset"].as_str().unwrap();
    assert_eq!(trace(&system, first), (chain.clone(), vec![first.to_string()]));
    let inbox = chain[0]["cause"].as_str().unwrap();
    let from_inbox = trace(&system, inbox).0;
    assert!(from_inbox.iter().any(|fact| fact["offset"] == first), "{inbox} of {first}");
    let kinds: Vec<&str> = chain.iter().map(|fact| fact["kind"].as_str().unwrap()).collect();
    let index_of =
        |kind: &str| kinds.iter().position(|one| *one == kind).unwrap_or_else(|| panic!("{kind}: {kinds:?}"));
    let path = ["SignalRaised", "OrderApproved", "OrderSubmitted", "OrderAccepted", "OrderFilled", "PositionChanged"];
    assert!(["Quote", "Trade"].contains(&kinds[0]), "{kinds:?}");
    assert!(path.map(index_of).is_sorted(), "{kinds:?}");
    let seq = |fact: &Value| -> Vec<u64> {
        let offset = fact["offset"].as_str().unwrap().strip_prefix("p0g1:").unwrap();
        offset.split('.').map(|part| part.parse().unwrap()).collect()
    };
    assert!(chain.iter().map(seq).is_sorted());
    assert!(chain.iter().all(|fact| fact["hop_ns"].as_str().is_some_and(|hop| !hop.starts_with('-'))), "{chain:?}");
    let known = |parent: &Value| chain.iter().any(|fact| fact["offset"] == *parent);
    assert!(chain[1..].iter().all(|fact| known(&fact["parent"])) && chain[0]["parent"].is_null());
    let tree = system.ok(&["trace", fill]);
    assert_eq!(tree.lines().count(), chain.len());
    assert!(tree.lines().next().unwrap().starts_with(&format!(" {}", kinds[0])), "{tree}");
    assert_eq!(tree.lines().filter(|line| line.starts_with('▶')).count(), 1, "{tree}");
}

#[test]
fn a_missing_fact_and_an_invalid_id_have_different_exit_codes() {
    let system = System::new();
    let _up = system.up();
    for (id, code, error) in [
        ("00000000000000000000000000000000", 1, "not found: no tape here has"),
        ("p0g1:999.0", 1, "not found: no tape here has"),
        ("inbox.g1:999.0", 1, "not found: no tape here has"),
        ("inbox:999.0", 1, "not found: no tape here has"),
        ("inbox.g0:9.0", 2, "is not a generation"),
        ("inboxes:9.0", 2, "is not the id of an order or a fill"),
        ("x", 2, "is not the id of an order or a fill"),
        ("p0g1:12", 2, "is not the id of an order or a fill"),
    ] {
        let output = system.run(&["trace", id]);
        assert_eq!(output.status.code(), Some(code), "{id}");
        assert!(text(&output.stderr).contains(error), "{id}: {}", text(&output.stderr));
    }
    for (args, error) in [
        (&["--from", "soon"][..], "is not an offset"),
        (&["--kind", "Fill"], "invalid value 'Fill' for '--kind <KIND>'"),
        (&["--follow", "--to", "9"], "--follow has no end"),
    ] {
        let output = system.run(&[&["tape"], args].concat());
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(text(&output.stderr).contains(error), "{args:?}: {}", text(&output.stderr));
    }
}

#[test]
fn follow_shows_new_facts_and_a_closed_pipe_is_no_error() {
    let (system, _up) = running_system();
    let all = system.ok(&["tape"]);
    let one = system.ok(&["tape", "--instrument", "sim.DELTAUSD"]);
    let others = |line: &&str| line.contains("sim.ALPHAUSD") || line.contains("sim.BRAVOUSD");
    assert_eq!(one.lines().filter(others).count(), 0);
    for kind in ["Quote", "SignalRaised", "OrderApproved", "OrderStatusChanged", "OrderFilled", "PositionChanged"] {
        assert!(one.contains(&format!(" {kind} ")), "{kind}");
    }
    let offsets =
        |text: &str| -> Vec<String> { text.lines().map(|line| line.split(' ').next().unwrap().to_string()).collect() };
    let last = offsets(&all).pop().unwrap();
    assert_eq!(offsets(&system.ok(&["tape", "--from", &last])), std::slice::from_ref(&last));
    let mut follow = system.command(&["tape", "--follow", "--from", &last, "--kind", "TradingHalted"]);
    let mut follow = follow.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(follow.stdout.take().unwrap()).lines();
    system.ok(&["halt", "--scope", "all", "--reason", "drill"]);
    let shown = lines.map(Result::unwrap).next().unwrap();
    assert!(shown.contains("TradingHalted") && shown.contains("drill"), "{shown}");
    Command::new("kill").args(["-INT", &follow.id().to_string()]).status().unwrap();
    assert_eq!(follow.wait().unwrap().code(), Some(0));
    let binary = env!("CARGO_BIN_EXE_tapedeck");
    let head = format!("set -o pipefail; {binary} tape --dir {} | head -1", system.path().display());
    let output = Command::new("bash").args(["-c", &head]).output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(0), ""));
}
