//! The whole system on real servers: market data, tape, machines and Postgres agree.

use crate::common::{Process, System, capture, json, text};
use crate::groups::until;
use std::io::Write as _;
use std::process::{Command, Stdio};

fn demo<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["demo", "--json"], more].concat()
}

#[test]
fn a_recorded_market_gives_exact_totals_orders_and_a_clean_verdict_twice() {
    let system = System::new();
    let btc = capture(system.path(), "btc.jsonl", "BTCUSDT", 6_000);
    let args = demo(&["--market", btc.to_str().unwrap()]);
    let report = json(&system.ok(&args));
    let totals = &report["market"][0];
    assert_eq!(totals["instrument"], "binance.BTCUSDT");
    assert_eq!((totals["quotes"].as_str(), totals["trades"].as_str()), (Some("4000"), Some("2000")));
    assert_eq!(totals["notional"].as_str().unwrap(), sum_of_trades(&btc));
    assert!(report["fills"].as_u64().unwrap() > 0, "{report}");
    assert_eq!(report["verdict"]["findings"].as_array().unwrap().len(), 0);
    // A second run continues with the data of the first: it sends nothing and verifies too.
    let again = json(&system.ok(&args));
    assert_eq!(again["market"], report["market"]);
    assert_eq!(again["published"]["sent"], 0);
    assert_eq!(again["rejects"], report["rejects"]);
}

/// Σ price·quantity, computed independently from the text in integers.
fn sum_of_trades(path: &std::path::Path) -> String {
    let scaled = |text: &str| text.replace('.', "").parse::<u128>().unwrap();
    let field = |line: &str, name: &str| {
        line.split(&format!("\"{name}\":\"")).nth(1).unwrap().split('"').next().unwrap().to_string()
    };
    let file = std::fs::read_to_string(path).unwrap();
    let units: u128 = file
        .lines()
        .filter(|line| line.contains("@trade"))
        .map(|line| scaled(&field(line, "p")) * scaled(&field(line, "q")))
        .sum();
    let (whole, fraction) = (units / 10u128.pow(16), format!("{:016}", units % 10u128.pow(16)));
    format!("{whole}.{}", fraction.trim_end_matches('0'))
}

#[test]
fn the_synthetic_market_has_partial_fills_and_expiries_and_each_injected_fault_is_a_fact() {
    let report = json(&System::new().ok(&demo(&[])));
    let count = |part: &str, name: &str, value: &str, column: &str| -> u64 {
        let rows = report[part].as_array().unwrap();
        let counts = rows.iter().filter(|row| value.is_empty() || row[name] == value);
        counts.map(|row| row[column].as_str().unwrap().parse::<u64>().unwrap()).sum()
    };
    let events = count("market", "", "", "quotes") + count("market", "", "", "trades");
    assert!(events >= 200_000, "{events} quotes and trades");
    assert!(report["fills"].as_u64().unwrap() >= 100, "{}", report["executions"]);
    assert!(count("executions", "", "", "partial") > 0);
    assert!(count("orders", "status", "expired", "count") > 0, "{}", report["orders"]);
    for reason in ["duplicate", "gap", "malformed", "not_positive", "off_grid", "bad_quote", "unknown_instrument"] {
        assert!(count("rejects", "reason", reason, "count") > 0, "{reason}");
    }
    assert_eq!(report["totals_differ"].as_array().unwrap().len(), 0);
    for (name, times) in report["verdict"]["invariants"].as_object().unwrap() {
        assert!(times.as_u64().unwrap() > 0, "{name} was never evaluated");
    }
}

#[test]
fn two_partitions_share_the_market_and_verify() {
    let system = System::new();
    let report = json(&system.ok(&demo(&["--partitions", "2", "--events", "30000"])));
    assert_eq!(report["verdict"]["partitions"], 2);
    let partitions: std::collections::BTreeSet<_> =
        report["market"].as_array().unwrap().iter().map(|row| row["partition"].to_string()).collect();
    assert_eq!(partitions.len(), 2, "{}", report["market"]);
    assert!(report["fills"].as_u64().unwrap() > 0);
}

#[test]
fn an_independent_script_recomputes_positions_and_cash_from_the_tape() {
    let system = System::new();
    let up = Process::start(&mut system.command(&["up"]));
    wait_for(&system.path().join("connection.toml"));
    wait_ready(&system);
    system.ok(&["publish", "--events", "20000"]);
    system.wait_quiet();
    let tape = system.run(&["tape", "--json"]);
    assert!(tape.status.success(), "{}", text(&tape.stderr));
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/recompute.py");
    let mut python = Command::new("python3").arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    python.stdin.take().unwrap().write_all(&tape.stdout).unwrap();
    let recomputed = python.wait_with_output().unwrap();
    assert!(recomputed.status.success(), "{}", text(&recomputed.stdout));
    system.ok(&["status"]);
    system.ok(&["provision", "--check"]);
    system.ok(&["migrate", "--check"]);
    // A repeated publish sends nothing.
    assert!(system.ok(&["publish", "--events", "20000"]).contains(": 0 published"));
    // SIGTERM drains and exits 0.
    assert_eq!(up.terminate(), Some(0));
}

#[test]
fn a_halt_stops_approvals_and_a_resume_allows_them_again() {
    let system = System::new();
    let up = Process::start(&mut system.command(&["up"]));
    wait_for(&system.path().join("connection.toml"));
    wait_ready(&system);
    system.ok(&["halt", "--scope", "all", "--reason", "drill"]);
    wait_for_kind(&system, "TradingHalted");
    system.ok(&["publish", "--events", "20000"]);
    system.wait_quiet();
    let count = |kind: &str| system.ok(&["tape", "--json", "--kind", kind]).lines().count();
    assert_eq!(count("OrderApproved"), 0);
    assert!(count("OrderDenied") > 0);
    system.ok(&["resume", "--scope", "all", "--reason", "drill over"]);
    wait_for_kind(&system, "TradingResumed");
    system.ok(&["publish", "--events", "20000", "--seed", "2"]);
    system.wait_quiet();
    system.ok(&["verify"]);
    assert_eq!(up.terminate(), Some(0));
}

#[test]
fn ctrl_c_stops_the_servers_and_the_next_run_continues() {
    let system = System::new();
    let args = demo(&["--events", "60000", "--lead-ms", "10"]);
    let interrupted = Process::start(&mut system.command(&args));
    wait_for(&system.path().join("connection.toml"));
    until("nothing is published", || {
        let status = text(&system.run(&["status", "--json"]).stdout);
        status.starts_with('{') && json(&status)["partitions"][0]["market_inbox_last"].as_u64() > Some(0)
    });
    assert_eq!(interrupted.signal("INT"), Some(2));
    assert!(!system.path().join("connection.toml").exists(), "the file names stopped servers");
    let report = json(&system.ok(&args));
    assert_ne!(report["published"]["sent"], 0);
    assert_eq!(report["totals_differ"].as_array().unwrap().len(), 0);
}

#[test]
fn an_instrument_without_a_definition_is_an_error_that_says_what_to_add() {
    let system = System::new();
    let sol = capture(system.path(), "sol.jsonl", "SOLUSDT", 10);
    let output = system.run(&["demo", "--market", sol.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    let error = text(&output.stderr);
    assert!(error.contains("no definition for binance.SOLUSDT") && error.contains("--setup"), "{error}");
}

fn wait_for(path: &std::path::Path) {
    until(&format!("no {}", path.display()), || path.exists());
}

/// Waits until every group has caught up.
fn wait_ready(system: &System) {
    until("not every group is ready", || system.run(&["status"]).status.success());
}

fn wait_for_kind(system: &System, kind: &str) {
    until(&format!("no {kind}"), || !system.ok(&["tape", "--json", "--kind", kind]).is_empty());
}
