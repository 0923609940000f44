//! What a format does not state is given by flags, and what is given or assumed is said.

mod common;

use common::{of_file, open, open_all, write};
use tapedeck_feeds::Selection;
use tempfile::TempDir;

const TICKS: &str = "20140508_eurusd_tick_quote.csv";
const CAPTURE: &str = concat!(
    r#"5 {"stream":"btcusdt@trade","data":"#,
    r#"{"e":"trade","s":"BTCUSDT","t":7,"p":"1.5","q":"2","T":1723161254086,"m":true,"M":true}}"#
);
const BULK: &str = "26129,0.5,4,27781,27781,1723161254001,true\n";
const SPOT: &str = "26129,0.5,4,27781,27781,1723161254001000,true,true\n";

fn said(of: Selection, venue: &str, zone: &str) -> Selection {
    Selection { venue: venue.parse().ok(), zone: zone.parse().ok(), ..of }
}

fn assumed(selection: &Selection) -> Vec<String> {
    open_all(selection).unwrap_or_else(|error| panic!("{error}")).1.assumed
}

#[test]
fn a_fact_that_neither_the_format_nor_a_flag_states_is_an_error_with_the_flags() {
    let dir = TempDir::new().unwrap();
    let path = write(&dir, &format!("oanda/{TICKS}"), "17,1.39101,1.39114\n");
    let example =
        ", such as --venue oanda --tz UTC for LEAN's OANDA files, --venue fxcm --tz -05:00 for its FXCM files";
    for (venue, zone, detail) in [
        ("", "", "the venue and the time zone: give --venue NAME and --tz ZONE"),
        ("oanda", "", "the time zone: give --tz ZONE"),
        ("", "UTC", "the venue: give --venue NAME"),
    ] {
        let error = open(said(of_file(&path), venue, zone)).unwrap_err();
        assert_eq!(error, format!("{}: the format does not state {detail}{example}", path.display()));
    }
    let klines = write(&dir, "kept.csv", "1723161240000,1,2,0.5,1.5,9,1723161299999,9,3,1,1,0\n");
    let error = open(of_file(&klines)).unwrap_err();
    assert!(error.contains("the venue: give --venue NAME, such as --venue binance for spot"), "{error}");
    let error = open(said(of_file(&klines), "binance", "")).unwrap_err();
    assert!(error.ends_with("the format does not state the symbol: give --instrument VENUE.SYMBOL"), "{error}");
}

#[test]
fn a_flag_that_contradicts_the_format_or_another_flag_is_an_error() {
    let dir = TempDir::new().unwrap();
    let table = "instrument,ts_recv,price,quantity\nbinance.BTCUSDT,5,1.5,2\n";
    let tardis = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n\
                  binance,BTCUSDT,1723161254001000,1723161254002000,7,buy,1.5,2\n";
    for (name, content) in
        [("a.jsonl", CAPTURE), ("BTCUSDT-aggTrades-x.csv", BULK), ("t.csv", table), ("tardis.csv", tardis)]
    {
        let path = write(&dir, name, content);
        assert!(open(of_file(&path)).is_ok(), "{name}");
        let error = open(said(of_file(&path), "kraken", "")).unwrap_err();
        let shown = path.display();
        let detail = "its format states the venue; leave --venue kraken out";
        assert_eq!(error, format!("--venue kraken contradicts {shown}: {detail}"));
        let error = open(said(of_file(&path), "", "-05:00")).unwrap_err();
        let detail = "its times are counted from the epoch, in UTC; leave --tz -05:00 out";
        assert_eq!(error, format!("--tz -05:00 contradicts {shown}: {detail}"));
    }
    let ticks = write(&dir, TICKS, "17,1.39101,1.39114\n");
    let with = |instrument: &str, venue: &str| {
        open(Selection { instrument: instrument.parse().ok(), ..said(of_file(&ticks), venue, "UTC") })
    };
    assert!(with("oanda.EURUSD", "oanda").is_ok() && with("oanda.EURUSD", "").is_ok());
    let error = with("oanda.EURUSD", "fxcm").unwrap_err();
    assert!(error.contains("--venue is fxcm, and --instrument is oanda.EURUSD"), "{error}");
    let error = with("oanda.GBPUSD", "").unwrap_err();
    assert!(error.contains(r#"in the name of the file is "eurusd", and --instrument is oanda.GBPUSD"#), "{error}");
    // Names of files have only the letters of a symbol.
    let error = with("oanda.EUR/USD", "").unwrap_err();
    assert!(error.starts_with("no definition for oanda.EUR/USD"), "{error}");
}

#[test]
fn flags_are_for_the_files_whose_format_does_not_state_the_fact() {
    let dir = TempDir::new().unwrap();
    let ticks = write(&dir, TICKS, "17,1.39101,1.39114\n");
    let capture = write(&dir, "a.jsonl", CAPTURE);
    let both = Selection { files: vec![ticks, capture], ..Selection::default() };
    let (events, summary) = open_all(&said(both, "fxcm", "-05:00")).unwrap();
    let instruments: Vec<_> = events.iter().skip(2).map(|(instrument, _)| instrument.as_str()).collect();
    assert_eq!(instruments, ["binance.BTCUSDT", "fxcm.EURUSD"]);
    let zone = format!("times are in -05:00, as --tz says ({TICKS})");
    assert!(summary.assumed.contains(&zone), "the statement names its file: {:?}", summary.assumed);
}

#[test]
fn what_is_given_or_assumed_is_said() {
    let dir = TempDir::new().unwrap();
    let ticks = write(&dir, TICKS, "17,1.39101,1.39114\n");
    let received = "receive time is the venue's time: the format has no other";
    let symbol = "symbol BTCUSDT from the name of the file";
    assert_eq!(
        assumed(&said(of_file(&ticks), "fxcm", "-05:00")),
        [
            "venue fxcm, as --venue says",
            "symbol EURUSD from the name of the file",
            "times are in -05:00, as --tz says",
            "date 2014-05-08 from the name of the file",
            received,
            "sizes are unknown: the format has none",
        ]
    );
    assert_eq!(
        assumed(&of_file(&write(&dir, "BTCUSDT-aggTrades-x.csv", BULK))),
        [
            "venue binance-usdm: only the files of spot have the column is_best_match",
            symbol,
            received,
            "the venue's times are in ms, by their magnitude"
        ]
    );
    assert_eq!(
        assumed(&of_file(&write(&dir, "BTCUSDT-aggTrades-y.csv", SPOT))),
        [
            "venue binance: the files of spot have the column is_best_match",
            symbol,
            received,
            "the venue's times are in µs, by their magnitude"
        ]
    );
    assert_eq!(
        assumed(&of_file(&write(&dir, "a.jsonl", CAPTURE))),
        [
            "venue binance by the fields of the events, as spot has them",
            "the venue's times are in ms, by their magnitude"
        ]
    );
    let map = r#"{"instrument":"binance.BTCUSDT","kind":"trade","ts_event":5,"price":"1.5","quantity":"2"}"#;
    let path = write(&dir, "maps.jsonl", map);
    assert_eq!(assumed(&of_file(&path)), [format!("{received} (maps without ts_recv)")]);
    let path = write(&dir, "maps.jsonl", map.replace(r#""ts_event""#, r#""ts_event":5,"ts_recv""#));
    assert_eq!(assumed(&of_file(&path)), [""; 0]);
}

#[test]
fn statements_about_many_files_are_bounded() {
    let dir = TempDir::new().unwrap();
    let one = |day: u32| write(&dir, &format!("201405{day:02}_eurusd_tick_quote.csv"), "17,1.39101,1.39114\n");
    std::fs::create_dir(dir.path().join("other")).unwrap();
    let other = write(&dir, "other/20140501_eurusd_tick_quote.csv", "18,1.39101,1.39114\n");
    let mut more: Vec<_> = (1..=31).map(one).chain([other]).collect();
    more.extend((1..=9).map(|day| write(&dir, &format!("2014060{day}_eurusd_tick_quote.csv"), "17,1.39101,1.39114\n")));
    let statements = assumed(&said(Selection { files: more, ..Selection::default() }, "fxcm", "UTC"));
    assert_eq!(statements.len(), 33);
    assert!(statements[3] == "date 2014-05-01 from the name of the file (20140501_eurusd_tick_quote.csv and 1 more)");
    assert_eq!(statements[32], "and more of this kind about the other files");
}
