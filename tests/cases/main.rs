//! Inputs that venues, their bulk files and other programs really produce, and what becomes of them. Each is a file
//! beside this one.

#[path = "../e2e/common.rs"]
#[allow(dead_code, reason = "shared with the end-to-end tests")]
mod common;

use common::{System, json, text};
use serde_json::Value;

/// A file, its flags, the exit status and parts of what `publish` prints, and facts of an instrument.
struct Case {
    file: &'static str,
    flags: &'static [&'static str],
    exit: i32,
    printed: &'static [&'static str],
    instrument: &'static str,
    /// Kinds of the facts in order, without definitions, clocks and heartbeats.
    kinds: &'static [&'static str],
}

const CASES: &[Case] = &[
    Case {
        file: "BTCUSDT-aggTrades-two-ranges.csv",
        flags: &[],
        exit: 0,
        printed: &["7 accepted"],
        instrument: "binance-usdm.BTCUSDT",
        kinds: &["Trade", "Trade", "Trade", "Trade", "Trade", "Trade"],
    },
    Case {
        file: "update-ids-begin-anew.jsonl",
        flags: &[],
        exit: 0,
        printed: &["6 accepted", "0 refused"],
        instrument: "demo.RIP",
        kinds: &["Quote", "Quote", "Quote", "Quote", "Quote"],
    },
    Case {
        file: "milliseconds.jsonl",
        flags: &[],
        exit: 1,
        printed: &["1 not_nanoseconds", "ts_recv 1741000001250 is before 1980 in ns, and looks like ms"],
        instrument: "demo.MIL",
        kinds: &["Trade"],
    },
    Case {
        file: "capture-with-a-symbol-of-two.txt",
        flags: &[],
        exit: 1,
        printed: &["3 accepted", "1 not readable (symbol)"],
        instrument: "binance.BTCUSDT",
        kinds: &["Trade", "Trade"],
    },
    Case {
        file: "tick-bars-of-trades-that-step-back.jsonl",
        flags: &[],
        exit: 0,
        printed: &["3 accepted"],
        instrument: "demo.BAK",
        kinds: &["Trade", "Trade", "Bar", "Bar"],
    },
    Case {
        file: "volume-beyond-the-range.jsonl",
        flags: &[],
        exit: 0,
        printed: &["4 accepted", "0 refused"],
        instrument: "demo.BIG",
        kinds: &["Trade", "Bar", "Trade", "Bar"],
    },
    Case {
        file: "quotes-of-a-thin-book.jsonl",
        flags: &[],
        exit: 0,
        printed: &["5 accepted", "0 refused"],
        instrument: "demo.THN",
        kinds: &["Quote", "Quote", "Quote", "Quote"],
    },
    Case {
        file: "prices-below-zero.jsonl",
        flags: &[],
        exit: 0,
        printed: &["3 accepted"],
        instrument: "demo.OIL",
        kinds: &["Trade", "Quote"],
    },
    Case {
        file: "recording-of-coinbase.txt",
        flags: &[],
        exit: 0,
        printed: &["5 accepted", "0 refused", "1 l2update"],
        instrument: "coinbase.SKL-USD",
        kinds: &["Trade", "Quote", "Trade", "Quote"],
    },
    // After the other capture of the instrument: two trades of it are facts already.
    Case {
        file: "capture-of-trades-and-their-aggregates.txt",
        flags: &[],
        exit: 0,
        printed: &["3 accepted", "0 refused", "1 aggregate_trade"],
        instrument: "binance.BTCUSDT",
        kinds: &["Trade", "Trade", "Trade", "Trade"],
    },
    Case {
        file: "ticks/20140509_gbpusd_tick_quote.csv",
        flags: &["--venue", "fxcm", "--tz", "-05:00"],
        exit: 0,
        printed: &["3 accepted", "-05:00"],
        instrument: "fxcm.GBPUSD",
        kinds: &["Quote", "Quote"],
    },
];

fn path(file: &str) -> String {
    format!("{}/../../tests/cases/{file}", env!("CARGO_MANIFEST_DIR"))
}

fn facts(system: &System, instrument: &str) -> Vec<Value> {
    let lines = system.ok(&["tape", "--json", "--writer", "ingest", "--instrument", instrument]);
    lines.lines().map(json).collect()
}

#[test]
fn inputs_as_they_really_are_become_the_right_facts() {
    let system = System::new();
    let setup = path("setup.toml");
    let _up = system.up_with(&["--setup", &setup]);
    let mut wrong = Vec::new();
    for case in CASES {
        let file = path(case.file);
        let output = system.run(&[&["publish", &file, "--setup", &setup], case.flags].concat());
        let told = text(&output.stdout) + &text(&output.stderr);
        let code = output.status.code().unwrap_or(-1);
        let missing: Vec<_> = case.printed.iter().filter(|part| !told.contains(**part)).collect();
        let hidden = ["InstrumentDefined", "ClockAdvanced", "MarketHeartbeat", "Rejected"];
        let kind = |fact: &Value| fact["kind"].as_str().unwrap_or_default().to_string();
        let kinds: Vec<_> =
            facts(&system, case.instrument).iter().map(kind).filter(|kind| !hidden.contains(&kind.as_str())).collect();
        if code != case.exit || !missing.is_empty() || kinds != case.kinds {
            wrong.push(format!("{}: exit {code}, lacks {missing:?}, facts {kinds:?}: {told}", case.file));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));

    let of = |instrument: &str, kind: &str| -> Vec<Value> {
        facts(&system, instrument)
            .into_iter()
            .filter(|fact| fact["kind"] == kind)
            .map(|fact| fact["body"].clone())
            .collect()
    };
    let aggregates = of("binance-usdm.BTCUSDT", "Trade");
    let is_aggregate = |trade: &Value| trade["trade_id"].as_str().is_some_and(|id| id.starts_with("agg:"));
    assert!(aggregates.iter().all(is_aggregate), "{aggregates:?}");
    let tick = &of("fxcm.GBPUSD", "Quote")[0];
    assert_eq!(tick["ts_recv"], "1399611617900000000", "00:00:17.9 in -05:00 is 05:00:17.9 UTC");
    let sides: Vec<_> = of("coinbase.SKL-USD", "Trade").iter().map(|trade| trade["aggressor"].clone()).collect();
    assert_eq!(sides, ["buyer", "seller"], "the maker's side is the other one");
    for bar in of("demo.BAK", "Bar") {
        assert!(bar["opened"].as_str() <= bar["closed"].as_str(), "{bar}");
    }
    let volumes: Vec<_> =
        of("demo.BIG", "Bar").iter().map(|bar| (bar["volume"].clone(), bar["part"].clone())).collect();
    assert_eq!(volumes, [("700000000000000000".into(), 1.into()), ("600000000000000000".into(), 2.into())]);
    let sides: Vec<_> =
        of("demo.THN", "Quote").iter().map(|quote| (quote["bid"].clone(), quote["ask"].clone())).collect();
    let none = Value::Null;
    assert_eq!(
        sides,
        [("50".into(), "50".into()), (none.clone(), "60".into()), ("51".into(), "50".into()), (none.clone(), none)]
    );
    let unstated = system.run(&["publish", &path("ticks/20140509_gbpusd_tick_quote.csv"), "--setup", &setup]);
    let told = text(&unstated.stderr);
    let asked = told.contains("does not state the venue and the time zone");
    assert!(unstated.status.code() == Some(2) && asked, "venue and zone are asked for: {told}");
}
