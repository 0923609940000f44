//! Every file format: its events, how it is recognized, and the errors of malformed files.

mod common;

use std::io::Write as _;

use common::{error_of, maps, maps_of, of_file, open, read, write, zipped};
use tapedeck_feeds::Selection;
use tapedeck_schemas::market::{self, MarketEvent};
use tempfile::TempDir;

const MAP: &str = concat!(
    r#"{"instrument":"binance.BTCUSDT","kind":"trade","ts_recv":5,"price":"1.5","#,
    r#""quantity":"2","aggressor":"seller","trade_id":7}"#
);

fn trade(ns: u64, id: u64, price: &str, quantity: &str, aggressor: &str) -> String {
    let map = serde_json::json!({
        "instrument": "binance.BTCUSDT", "kind": "trade", "ts_recv": ns, "ts_event": ns, "price": price,
        "quantity": quantity, "aggressor": aggressor, "trade_id": id,
    });
    map.to_string()
}

#[test]
fn bulk_trades_and_aggregates_are_read_in_ms_and_us_plain_and_zipped() {
    let dir = TempDir::new().unwrap();
    let ms = 1_723_161_254_001;
    let aggregates =
        format!("26129,0.01633102,4.70443515,27781,27781,{ms},True,True\n26130,1.5,2,1,2,{ms},false,true\n");
    let us = format!("{ms}234");
    let trades = format!("11,0.5,3,1.5,{us},true,true\r\n12,0.25,4,1.0,{us},false,true\r\n");
    let futures = format!(
        "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker\n9,2,1,1,1,{ms},true\n"
    );
    let ns = ms * 1_000_000;
    let aggregate =
        |line: String, id: u64| line.replace(&format!(r#""trade_id":{id}"#), &format!(r#""trade_id":"agg:{id}""#));
    let first = [
        aggregate(trade(ns, 26129, "0.01633102", "4.70443515", "seller"), 26129),
        aggregate(trade(ns, 26130, "1.5", "2", "buyer"), 26130),
    ];
    let second = [trade(ns + 234_000, 11, "0.5", "3", "seller"), trade(ns + 234_000, 12, "0.25", "4", "buyer")];
    assert_eq!(maps(&write(&dir, "BTCUSDT-aggTrades-2024-08-08.csv", &aggregates)), first);
    assert_eq!(maps(&write(&dir, "BTCUSDT-trades-2025-01.csv", &trades)), second);
    let within = [("BTCUSDT-trades-2025-01-02.csv", trades.as_str())];
    assert_eq!(maps(&zipped(&dir, "any.zip", &within)), second);
    let spot = aggregate(trade(ns, 9, "2", "1", "seller"), 9);
    let future = spot.replace("binance.", "binance-usdm.");
    let name = "BTCUSDT-aggTrades-2024-08.csv";
    assert_eq!(maps(&write(&dir, name, &futures)), [future.as_str()], "the header is skipped");
    let without_header = futures.lines().nth(1).unwrap();
    assert_eq!(maps(&write(&dir, name, without_header)), [future.as_str()], "no column isBestMatch");
    let with_best_match = futures.replace("_maker\n", "_maker,is_best_match\n").replace("true\n", "true,true\n");
    assert_eq!(maps(&write(&dir, name, with_best_match)), [spot]);
    for header in [
        "agg_trade_id,quantity,price,first_trade_id,last_trade_id,transact_time,is_buyer_maker",
        "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_best_match,is_buyer_maker",
        "id,price,qty,base_qty,time,is_buyer_maker",
    ] {
        let error = error_of(&dir, name, &format!("{header}\n"));
        assert!(error.contains("csv:1: the columns are neither agg_trade_id,price,quantity,"), "{error}");
    }
    for (given, detail) in [
        ("binance.BTCUSDT", "the columns are those of venue binance-usdm, and --instrument is binance.BTCUSDT"),
        ("binance-usdm.ETHUSDT", "the instrument is binance-usdm.BTCUSDT, and --instrument is binance-usdm.ETHUSDT"),
    ] {
        let files = vec![write(&dir, name, &futures)];
        let instrument = Some(given.parse().unwrap());
        let error = open(Selection { files, instrument, ..Selection::default() }).unwrap_err();
        assert!(error.contains(detail), "{error}");
    }
    let error = error_of(&dir, "BTCUSD_PERP-trades-2024-08.csv", "id,price,qty,quote_qty,time,is_buyer_maker\n");
    assert!(error.contains("BTCUSD_PERP is a COIN-M future"), "{error}");
    let event = &read(&write(&dir, "BTCUSDT-trades-2.csv", trades)).unwrap()[1].1;
    assert_eq!(event.source.as_str(), "binance");
}

#[test]
fn lean_ticks_take_day_and_symbol_from_the_name_and_venue_and_zone_from_flags() {
    let dir = TempDir::new().unwrap();
    let lines = "8715,1.39101,1.39114\r\n86389008,1.38422,1.38431\r\n";
    let within = [("20140508_eurusd_tick_quote.csv", lines)];
    let quote = |instrument: &str, ns: u64, bid: &str, ask: &str| {
        let map = serde_json::json!({
            "instrument": instrument, "kind": "quote", "ts_recv": ns, "ts_event": ns, "bid": bid, "bid_size": "0",
            "ask": ask, "ask_size": "0",
        });
        map.to_string()
    };
    // 2014-05-08T00:00:00Z, by date(1).
    let midnight = 1_399_507_200_000_000_000;
    let expected = |instrument: &str, midnight: u64| {
        [
            quote(instrument, midnight + 8_715_000_000, "1.39101", "1.39114"),
            quote(instrument, midnight + 86_389_008_000_000, "1.38422", "1.38431"),
        ]
    };
    // The path says nothing: the folder is that of another venue.
    let path = zipped(&dir, "forex/oanda/tick/eurusd/20140508_quote.zip", &within);
    let said = |venue: &str, zone: &str| Selection {
        venue: venue.parse().ok(),
        zone: zone.parse().ok(),
        is_strict: true,
        ..of_file(&path)
    };
    assert_eq!(maps_of(said("oanda", "UTC")), expected("oanda.EURUSD", midnight));
    let five_hours = 5 * 3_600_000_000_000;
    assert_eq!(maps_of(said("fxcm", "-05:00")), expected("fxcm.EURUSD", midnight + five_hours));
    assert_eq!(maps_of(said("fxcm", "America/New_York")), expected("fxcm.EURUSD", midnight + five_hours * 4 / 5));
    let given = Selection { instrument: "fxcm.EURUSD".parse().ok(), ..said("", "-05:00") };
    assert_eq!(maps_of(given), expected("fxcm.EURUSD", midnight + five_hours));
    for (line, detail) in [
        ("1,2", "2 fields, want ms since midnight,bid,ask"),
        ("86400000,1,2", "ms since midnight 86400000 is beyond the day"),
        ("x,1,2", r#"ms since midnight "x" is not a whole number"#),
        ("1,1e,2", r#"bid "1e""#),
    ] {
        zipped(&dir, "forex/oanda/tick/eurusd/20140508_quote.zip", &[(within[0].0, &format!("1,1,2\n{line}\n"))]);
        let error = open(said("oanda", "UTC")).unwrap_err();
        assert!(error.contains(&format!(":2: {detail}")), "{error}");
    }
    for name in ["20141308_eurusd_tick_quote.csv", "19691231_eurusd_tick_quote.csv"] {
        let path = zipped(&dir, "oanda.zip", &[(name, "1,1,2\n")]);
        assert!(read(&path).unwrap_err().contains("is not named <yyyymmdd>_<symbol>_tick_quote.csv"));
    }
    // The name of a packed file is that without the extension.
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(lines.as_bytes()).unwrap();
    let [gz, zst] = [packer.finish().unwrap(), zstd::encode_all(lines.as_bytes(), 1).unwrap()];
    for (end, bytes) in [("gz", gz), ("zst", zst)] {
        let path = write(&dir, &format!("20140508_eurusd_tick_quote.csv.{end}"), bytes);
        let selection = Selection { files: vec![path], ..said("oanda", "UTC") };
        assert_eq!(maps_of(selection), expected("oanda.EURUSD", midnight), "{end}");
    }
}

#[test]
fn files_that_once_caused_a_panic_are_errors() {
    let dir = TempDir::new().unwrap();
    for header in ["agg_trade_id,price", "id,price,is_buyer_maker"] {
        error_of(&dir, "BTCUSDT-aggTrades-2024-08-08.csv", &format!("{header}\n1,2\n"));
    }
    let path = write(&dir, "25540721_eurusd_tick_quote.csv", "86399999,1,2\n");
    let said = Selection { venue: "oanda".parse().ok(), zone: "UTC".parse().ok(), ..of_file(&path) };
    let error = open(said).unwrap_err();
    assert!(error.contains("2554-07-21T23:59:59.999 in UTC overflows 64 bits of ns"), "{error}");
}

#[test]
fn control_characters_in_the_name_of_a_packed_file_are_not_shown() {
    let dir = TempDir::new().unwrap();
    let path = zipped(&dir, "x.zip", &[("\x1b[2Jabc", "1,2")]);
    let mut bytes = std::fs::read(&path).unwrap();
    // The flag `encrypted` in the central directory, at byte 8 of the entry.
    let directory = bytes.windows(4).rposition(|four| four == b"PK\x01\x02").unwrap();
    bytes[directory + 8] |= 1;
    std::fs::write(&path, bytes).unwrap();
    let error = read(&path).unwrap_err();
    assert!(error.contains("\u{fffd}[2Jabc in the zip is encrypted"), "{error:?}");
}

#[test]
fn maps_of_the_contract_are_read_as_lines_of_json_and_as_messagepack() {
    let dir = TempDir::new().unwrap();
    let definition = concat!(
        r#"{"instrument":"x.NEW","kind":"definition","ts_recv":4,"base":"A","quote":"B","#,
        r#""tick_size":"0.1","lot_size":"1"}"#
    );
    let heartbeat = r#"{"instrument":"x.NEW","kind":"heartbeat","ts_recv":6}"#;
    let fact = r#"{"offset":"p0:1.2","writer":"risk","kind":"OrderApproved"}"#;
    let json = format!("{definition}\n{MAP}\n\n{fact}\n[{heartbeat},{heartbeat}]\n");
    let lines = read(&write(&dir, "a.jsonl", &json)).unwrap();
    let kinds = |all: &[(String, MarketEvent)]| -> Vec<(String, &'static str, u64)> {
        all.iter().map(|(i, event)| (i.clone(), event.body.kind().as_str(), event.seq)).collect()
    };
    let (new, btc) = ("x.NEW".to_string(), "binance.BTCUSDT".to_string());
    let expected = [
        (btc.clone(), "definition", 1), // from the setup: the file has none
        (new.clone(), "definition", 1), // from the file: the setup has none
        (btc, "trade", 2),
        (new.clone(), "heartbeat", 2),
        (new, "heartbeat", 3),
    ];
    assert_eq!(kinds(&lines), expected);
    assert!(lines.iter().all(|(_, event)| event.source.as_str() == "publish"));
    let mut packed = Vec::new();
    for line in [definition, MAP, heartbeat, heartbeat] {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        packed.extend(rmp_serde::to_vec_named(&value).unwrap());
        packed.extend(b"\x81\xa6offset\xa6p0:1.2"); // a fact
    }
    let same = read(&write(&dir, "a.msgpack", &packed)).unwrap();
    let bodies = |all: &[(String, MarketEvent)]| all.iter().map(|(_, event)| event.body.clone()).collect::<Vec<_>>();
    assert_eq!(bodies(&same), bodies(&lines));
    packed.truncate(packed.len() - 20);
    let error = read(&write(&dir, "cut.msgpack", packed)).unwrap_err();
    assert!(error.contains("cut.msgpack:7: not a complete map of MessagePack"), "{error}");
    for (line, detail) in [
        ("{", "not a map or an array of maps in JSON"),
        (r#"{"instrument":"x.A","kind":"fill","ts_recv":1}"#, "kind"),
        (r#"{"kind":"heartbeat","ts_recv":1}"#, "instrument is missing"),
        (&MAP.replace("\"1.5\"", "true"), "price"),
    ] {
        let error = error_of(&dir, "b.jsonl", &format!("{MAP}\n{line}\n"));
        assert!(error.contains("b.jsonl:2: ") && error.contains(detail), "{error}");
    }
}

#[test]
fn a_table_has_the_fields_of_the_contract_and_its_columns_may_imply_the_kind() {
    let dir = TempDir::new().unwrap();
    let trades = "ts_recv,price,quantity,aggressor,trade_id\n5,1.5,2,seller,7\n6,1.5,\"2\",,8\n";
    let given = Some("binance.BTCUSDT".parse().unwrap());
    let files = vec![write(&dir, "trades.csv", trades)];
    let opened = open(Selection { files: files.clone(), instrument: given, ..Selection::default() }).unwrap();
    assert_eq!(opened.len(), 3);
    assert_eq!(opened[1].1.body, read(&write(&dir, "a.jsonl", MAP)).unwrap()[1].1.body);
    let error = read(&files[0]).unwrap_err();
    assert!(error.contains("no column instrument: add it, or give --instrument"), "{error}");
    let mixed = "instrument,kind,ts_recv,price,quantity,bid,bid_size,ask,ask_size\n\
                 binance.BTCUSDT,trade,5,1.5,2,,,,\nbinance.BTCUSDT,quote,6,,,1.4,1,1.6,1\n";
    assert_eq!(maps(&write(&dir, "mixed.csv", mixed)).len(), 2);
    let head = "instrument,ts_recv,price,quantity\n";
    for (table, detail) in [
        (format!("{head}binance.BTCUSDT,5,1.5\n"), "csv:2: 3 fields, the header has 4"),
        (format!("{head}binance.BTCUSDT,5,one,2\n"), "csv:2: price"),
        (format!("{head}binance.BTCUSDT,,1.5,2\n"), "csv:2: ts_recv"),
        ("instrument,ts_recv,price,price\n".into(), "csv:1: column \"price\" occurs twice"),
        ("instrument,ts_recv,seq\n".into(), "csv:1: no column kind"),
        ("instrument,ts_recv,price\n".into(), "csv:1: no column quantity, which rows of kind trade need"),
        ("instrument,ts_event,price,quantity\n".into(), "csv:1: no column ts_recv, which rows of kind trade need"),
        ("instrument,kind,ts_event,price\n".into(), "csv:1: no column ts_recv, which rows of any kind need"),
        ("instrument,ts_recv,price,quantity,note\n".into(), "csv:1: column \"note\" is no field of rows of kind trade"),
        (format!(",{head}"), "csv:1: column \"\" is no field"),
        ("instrument,ts_recv,price,quantity,update_id\n".into(), "csv:1: column \"update_id\" is no field"),
        ("instrument,kind,ts_recv,price_,bid\n".into(), "csv:1: column \"price_\" is no field of rows of any kind"),
        ("what,is,this\n1,2,3\n".into(), "unknown format"),
    ] {
        let error = error_of(&dir, "t.csv", &table);
        assert!(error.contains(detail), "{error}");
    }
}

#[test]
fn a_zip_that_is_damaged_or_holds_several_files_is_an_error() {
    let dir = TempDir::new().unwrap();
    let lines = "1,0.5,3,1.5,1723161254001,true,true\n".repeat(2000);
    let name = "BTCUSDT-trades-2024-08-08.csv";
    let error = read(&zipped(&dir, "two.zip", &[(name, &lines), ("b.csv", "x")])).unwrap_err();
    assert!(error.contains("the zip holds 2 files, want one"), "{error}");
    let good = zipped(&dir, "good.zip", &[(name, &lines)]);
    let mut bytes = std::fs::read(good).unwrap();
    // The checksum in the central directory, at byte 16 of the entry.
    let directory = bytes.windows(4).rposition(|four| four == b"PK\x01\x02").unwrap();
    bytes[directory + 16] ^= 1;
    let error = read(&write(&dir, "bad.zip", &bytes)).unwrap_err();
    assert!(error.contains("checksum of the zip differs"), "{error}");
    bytes[directory + 24] ^= 1; // and its size
    let error = read(&write(&dir, "bad.zip", &bytes)).unwrap_err();
    assert!(error.contains("is incomplete") || error.contains("longer than its recorded size"), "{error}");
    let error = read(&write(&dir, "cut.zip", &bytes[..bytes.len() - 30])).unwrap_err();
    assert!(error.contains("cannot read the zip"), "{error}");
}

#[test]
fn formats_are_recognized_by_content_and_files_of_different_formats_merge_by_time() {
    let dir = TempDir::new().unwrap();
    let later = MAP.replace(r#""ts_recv":5"#, r#""ts_recv":1723161254001000001"#).replace(r#"id":7"#, r#"id":12"#);
    let bulk = write(&dir, "BTCUSDT-trades-x", "11,0.5,3,1.5,1723161254001,true,true\n");
    let native = write(&dir, "data.csv", format!("{MAP}\n{later}\n"));
    let files = vec![bulk, native];
    let events = open(Selection { files, ..Selection::default() }).unwrap();
    let keys = events.iter().filter_map(|(_, event)| match &event.body {
        market::MarketBody::Trade(market::TradeBody { trade_id, .. }) => trade_id.as_ref()?.number(),
        _ => None,
    });
    assert_eq!(keys.collect::<Vec<_>>(), [7, 11, 12]);
    assert!(events.iter().all(|(_, event)| event.source.as_str() == "binance"), "the source of the first file");
}

#[test]
fn a_file_without_market_events_is_an_error_also_beside_others() {
    let dir = TempDir::new().unwrap();
    let good = write(&dir, "good.jsonl", MAP);
    let fact = r#"{"offset":"p0:1.2","writer":"risk","kind":"OrderApproved"}"#;
    for (content, detail) in [
        ("", "the file is empty"),
        ("\n", "the file has no line of data"),
        (fact, "all lines are of kinds that are not published (1 facts)"),
        ("instrument,ts_recv,price,quantity\n", "the file has no line of data"),
    ] {
        let empty = write(&dir, "empty.jsonl", content);
        for files in [vec![empty.clone()], vec![good.clone(), empty]] {
            let error = open(Selection { files, ..Selection::default() }).unwrap_err();
            let starts = error.starts_with("no market event in ");
            assert!(starts && error.ends_with(&format!("empty.jsonl: {detail}")), "{error}");
        }
    }
}

#[test]
fn an_instrument_that_the_events_contradict_is_an_error() {
    let dir = TempDir::new().unwrap();
    let table = "instrument,ts_recv,price,quantity\nbinance.BTCUSDT,5,1.5,2\n";
    for (name, content) in [("a.jsonl", MAP), ("a.csv", table)] {
        let files = vec![write(&dir, name, content)];
        let with = |given: &str| {
            let instrument = Some(given.parse().unwrap());
            open(Selection { files: files.clone(), instrument, ..Selection::default() })
        };
        let error = with("oanda.EURUSD").unwrap_err();
        let detail = "the instrument is binance.BTCUSDT, and --instrument is oanda.EURUSD: leave --instrument out";
        assert!(error.contains(detail), "{error}");
        assert_eq!(with("binance.BTCUSDT").unwrap().len(), 2);
    }
}
