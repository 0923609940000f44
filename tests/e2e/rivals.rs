//! Publishers that define the same instrument differently, and the operator's way back.

use std::time::{SystemTime, UNIX_EPOCH};

use tapedeck_runtime::Bus;

use crate::common::{Process, System, json, text};
use crate::publishing::start_with;

/// Now, ns since the Unix epoch.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64
}

/// Publishes one event, and waits until it is stored.
pub(crate) async fn publish(bus: &Bus, subject: &str, source: &str, seq: u64, body: &str) {
    let head = format!(r#""source":"{source}","session":"s","seq":{seq},"ts_recv":"{}""#, now());
    let sent = bus.context().publish(subject.to_string(), format!("{{{head}{body}}}").into()).await.unwrap();
    sent.await.unwrap();
}

/// A definition with this tick size.
pub(crate) fn terms(tick_size: &str) -> String {
    format!(r#","base":"ACME","quote":"USD","tick_size":"{tick_size}","lot_size":"1""#)
}

/// A setup file that defines `demo.ACME` in this currency, with this tick size, and with these lines.
pub(crate) fn setup(system: &System, currency: &str, tick_size: &str, more: &str) -> String {
    let path = system.path().join("define.toml");
    let text = format!(
        "[[instrument]]\nid = \"demo.ACME\"\nbase = \"ACME\"\nquote = \"{currency}\"\ntick_size = \"{tick_size}\"\n\
         lot_size = \"1\"\nmin_notional = \"0\"\n{more}\n"
    );
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_string()
}

pub(crate) const TRADE: &str = r#","price":"10.05","quantity":"3""#;

/// The last facts of ingest on the tape: the kind, or of a rejection its reason.
pub(crate) fn last_facts(tape: &str, count: usize) -> Vec<String> {
    let facts: Vec<serde_json::Value> = tape.lines().map(json).collect();
    let told = |fact: &serde_json::Value| {
        let reason = fact["body"]["reason"].as_str().filter(|_| fact["kind"] == "Rejected");
        reason.or(fact["kind"].as_str()).unwrap().to_string()
    };
    let kinds = ["InstrumentDefined", "Trade", "Rejected"];
    let all: Vec<String> =
        facts.iter().filter(|fact| kinds.iter().any(|kind| fact["kind"] == *kind)).map(told).collect();
    all[all.len().saturating_sub(count)..].to_vec()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_foreign_definition_with_a_huge_tick_blocks_an_instrument_until_the_operator_defines_it() {
    let system = System::new();
    let (up, bus) = start_with(&system, &[]).await;
    let facts = |count| {
        system.wait_quiet();
        last_facts(&system.ok(&["tape", "--json", "--writer", "ingest"]), count)
    };
    let define = |file: &str, more: &[&str]| system.run(&[&["control", "define", file][..], more].concat());
    let md = |kind: &str| format!("md.demo.ACME.{kind}");
    publish(&bus, &md("definition"), "own", 1, &terms("0.01")).await;
    publish(&bus, &md("trade"), "own", 2, TRADE).await;
    publish(&bus, &md("definition"), "rival", 1, &terms("1000000000")).await;
    publish(&bus, &md("trade"), "own", 3, TRADE).await;
    assert_eq!(facts(4), ["InstrumentDefined", "Trade", "InstrumentDefined", "off_grid"]);
    // The way back.
    let defined = define(&setup(&system, "USD", "0.01", ""), &[]);
    let told = text(&defined.stdout);
    assert_eq!(defined.status.code(), Some(0), "{}", text(&defined.stderr));
    assert!(told.contains("partition 0") && told.contains("InstrumentDefined") && told.contains("0.01"), "{told}");
    publish(&bus, &md("definition"), "rival", 2, &terms("1000000000")).await;
    publish(&bus, &md("definition"), "own", 4, &terms("0.01")).await;
    publish(&bus, &md("trade"), "own", 5, TRADE).await;
    let expected = ["InstrumentDefined", "bad_definition", "InstrumentDefined", "Trade"];
    assert_eq!(facts(4), expected, "the terms of the operator stay");
    // With named sources, others are refused, and named again, they are not.
    assert_eq!(define(&setup(&system, "USD", "0.01", "sources = [\"own\"]"), &[]).status.code(), Some(0));
    publish(&bus, &md("trade"), "rival", 3, TRADE).await;
    publish(&bus, &md("definition"), "rival", 4, &terms("0.01")).await;
    publish(&bus, &md("trade"), "own", 6, TRADE).await;
    assert_eq!(facts(3), ["source_not_named", "source_not_named", "Trade"]);
    assert_eq!(define(&setup(&system, "USD", "0.01", ""), &["--instrument", "demo.ACME"]).status.code(), Some(0));
    publish(&bus, &md("trade"), "rival", 5, TRADE).await;
    assert_eq!(facts(1), ["Trade"]);
    // The name of the operator is no right: its subject is.
    publish(&bus, &md("definition"), "operator", 99, &terms("5")).await;
    publish(&bus, "in.rival.demo.ACME.definition", "operator", 99, &terms("5")).await;
    publish(&bus, "in.rival.demo.ACME.trade", "own", 99, TRADE).await;
    assert_eq!(facts(3), ["foreign_source"; 3]);
    // Refused: the currencies never change. And what cannot be sent.
    let refused = define(&setup(&system, "EUR", "0.01", ""), &[]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("EUR was defined as USD"), "{}", text(&refused.stderr));
    let unknown = define(&setup(&system, "USD", "0.01", ""), &["--instrument", "demo.OTHER"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown.stderr).contains("no [[instrument]] id = \"demo.OTHER\""), "{}", text(&unknown.stderr));
    let verdict = json(&system.ok(&["verify", "--json"]));
    assert_eq!(verdict["findings"].as_array().unwrap().len(), 0);
    assert_eq!(up.terminate(), Some(0));
}

#[test]
fn a_definition_that_ingest_does_not_decide_on_is_not_answered() {
    let mut system = System::new();
    let (_nats, _postgres) = system.provisioned();
    let file = setup(&system, "USD", "0.01", "");
    let define = || system.run(&["control", "define", &file, "--timeout", "1"]);
    let waited = define();
    assert_eq!(waited.status.code(), Some(2));
    assert!(text(&waited.stderr).contains("ingest has not decided"), "{}", text(&waited.stderr));
    // It is stored, so ingest decides on it later; the next one is numbered after it.
    let url = system.nats_url();
    let args = ["run", "ingest", "--partition", "0", "--http", "127.0.0.1:0", "--nats-url", &url];
    let ingest = Process::start(&mut system.command(&args));
    let again = system.run(&["control", "define", &file, "--timeout", "30"]);
    assert_eq!(again.status.code(), Some(0), "{}", text(&again.stderr));
    let facts = last_facts(&system.ok(&["tape", "--json", "--writer", "ingest"]), 9);
    assert_eq!(facts, ["InstrumentDefined", "InstrumentDefined"]);
    assert_eq!(ingest.terminate(), Some(0));
}
