//! Late market data on a running system: it is recorded, and nobody trades on it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::common::{System, json};
use crate::publishing::start_with;

const SECOND: u64 = 1_000_000_000;

const SETUP: &str = r#"
[[limits]]
scope = "all"
values = { "signal.ewma.fast" = "1", "signal.ewma.slow" = "4", "signal.sample_ms" = "0" }
[[limits]]
scope = "all"
values = { "signal.min_interval_ms" = "0" }
[weights]
ewma = "1"
"#;

/// The quotes on the tape, and the facts of signal and risk about an instrument.
fn counts(system: &System, instrument: &str) -> (usize, Vec<String>) {
    let tape = system.ok(&["tape", "--json", "--instrument", instrument]);
    let facts: Vec<_> = tape.lines().map(json).collect();
    let of = |writer: &'static str| facts.iter().filter(move |fact| fact["writer"] == writer);
    let quotes = of("ingest").filter(|fact| fact["kind"] == "Quote").count();
    let decided = of("signal").chain(of("risk")).map(|fact| fact["kind"].as_str().unwrap().to_string());
    (quotes, decided.collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_hour_old_quote_beside_a_current_feed_leads_to_no_signal_and_no_order() {
    let system = System::new();
    let (up, bus) = start_with(&system, &[]).await;
    let setup = system.path().join("setup.toml");
    std::fs::write(&setup, SETUP).unwrap();
    system.ok(&["control", "apply", "--no-wait", setup.to_str().unwrap()]);
    let publish = async |symbol: &str, kind: &str, head: String, body: &str| {
        let payload = format!("{{{head},{body}}}");
        bus.context().publish(format!("md.sim.{symbol}.{kind}"), payload.into()).await.unwrap().await.unwrap();
    };
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    let head = |source: &str, seq: u64, ts_recv: u64| {
        format!(r#""source":"{source}","session":"s","seq":{seq},"ts_recv":{ts_recv}"#)
    };
    let terms = r#""base":"X","quote":"USD","tick_size":"0.01","lot_size":"0.001""#;
    for symbol in ["ALPHAUSD", "BRAVOUSD"] {
        publish(symbol, "definition", head("terms", 1, now()), terms).await;
    }
    // Both instruments rise alike; the quotes of one of them are an hour old.
    for seq in 1..=40u64 {
        let (bid, ask) = (100 + seq, 101 + seq);
        let body = format!(r#""bid":"{bid}","bid_size":"9","ask":"{ask}","ask_size":"9""#);
        publish("ALPHAUSD", "quote", head("current", seq, now()), &body).await;
        publish("BRAVOUSD", "quote", head("old", seq, now() - 3600 * SECOND), &body).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    system.wait_quiet();
    let (quotes, decided) = counts(&system, "sim.ALPHAUSD");
    assert_eq!(quotes, 40);
    assert!(decided.iter().any(|kind| kind == "OrderApproved"), "the current feed is traded: {decided:?}");
    assert_eq!(counts(&system, "sim.BRAVOUSD"), (40, Vec::new()), "recorded, and not traded");
    let words = system.ok(&["tape", "--instrument", "sim.BRAVOUSD"]);
    assert_eq!(words.lines().filter(|line| line.contains(" s old)")).count(), 40, "{words}");
    assert!(system.ok(&["verify"]).contains("clean"));
    assert_eq!(up.terminate(), Some(0));
}
