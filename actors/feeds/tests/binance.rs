//! Frames of Binance, combined and raw, in captures and in recordings; aggregate trades beside trades.

mod common;

use common::{maps_of_events, of_file, open_all, skipped, unreadable, write};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::io::Write as _;
use tapedeck_feeds::Summary;
use tempfile::TempDir;

const BOOK: &str = r#"{"u":400,"s":"BTCUSDT","b":"61837.63","B":"3.5","a":"61837.64","A":"1.5"}"#;
const SPOT_TRADE: &str =
    r#"{"e":"trade","E":2,"s":"BTCUSDT","t":9,"p":"61837.64","q":"0.5","T":1723161255342,"m":true,"M":true}"#;
const USD_M_TRADE: &str =
    r#"{"e":"trade","E":2,"T":1723161255342,"s":"BTCUSDT","t":8,"p":"61837.5","q":"0.25","X":"MARKET","m":false}"#;
const USD_M_AGGREGATE: &str = concat!(
    r#"{"e":"aggTrade","E":2,"a":26129,"s":"BTCUSDT","p":"61837.5","q":"0.25","#,
    r#""f":100,"l":105,"T":1723161255342,"m":true}"#
);

/// An aggregate trade of spot.
fn aggregate(id: u64, symbol: &str) -> String {
    let ids = format!(r#""e":"aggTrade","E":2,"s":"{symbol}","a":{id},"f":100,"l":105"#);
    format!(r#"{{{ids},"p":"61837.5","q":"0.75","T":1723161255342,"m":false,"M":true}}"#)
}

fn combined(kind: &str, data: &str) -> String {
    format!(r#"{{"stream":"btcusdt@{kind}","data":{data}}}"#)
}

/// The frames as lines of a capture, received 1 ns apart.
fn capture(frames: &[&str]) -> String {
    let lines = frames.iter().enumerate().map(|(index, frame)| format!("{} {frame}\n", index + 1));
    lines.collect()
}

/// The events of a file as maps of the contract, and the summary.
fn read(content: impl AsRef<[u8]>) -> (Vec<Value>, Summary) {
    let dir = TempDir::new().unwrap();
    let (events, summary) = open_all(&of_file(&write(&dir, "a", content))).unwrap_or_else(|error| panic!("{error}"));
    let map = |text: String| serde_json::from_str(&text).unwrap();
    (maps_of_events(&events).into_iter().map(map).collect(), summary)
}

fn book(ns: u64) -> Value {
    json!({
        "instrument": "binance.BTCUSDT", "kind": "quote", "ts_recv": ns, "bid": "61837.63", "bid_size": "3.5",
        "ask": "61837.64", "ask_size": "1.5", "update_id": 400,
    })
}

fn print(instrument: &str, ns: u64, price: &str, quantity: &str, aggressor: &str, id: Value) -> Value {
    json!({
        "instrument": instrument, "kind": "trade", "ts_recv": ns, "ts_event": 1_723_161_255_342_000_000_u64,
        "price": price, "quantity": quantity, "aggressor": aggressor, "trade_id": id,
    })
}

#[test]
fn frames_are_read_combined_and_raw_in_captures_and_recordings() {
    let frames = [
        combined("bookTicker", BOOK),
        SPOT_TRADE.to_string(),
        BOOK.to_string(),
        r#"{"e":"depthUpdate","E":3,"s":"BTCUSDT","U":1,"u":2,"b":[],"a":[]}"#.to_string(),
        r#"{"lastUpdateId":5,"bids":[],"asks":[]}"#.to_string(),
        r#"{"result":null,"id":1}"#.to_string(),
    ];
    let frames: Vec<&str> = frames.iter().map(String::as_str).collect();
    let spot = |ns| print("binance.BTCUSDT", ns, "61837.64", "0.5", "seller", 9.into());
    let (events, summary) = read(capture(&frames));
    assert_eq!(events, [book(1), spot(2), book(3)]);
    let left_out = [("depth", 1), ("depth_snapshot", 1), ("other", 1)];
    assert_eq!(skipped(&summary), left_out);
    let seconds = 1_723_161_256;
    let recorded = |(index, frame): (u64, &&str)| format!("{}.5: {frame}\n", seconds + index);
    let lines: String = (0..).zip(&frames).map(recorded).collect();
    let ns = |index: u64| (seconds + index) * 1_000_000_000 + 500_000_000;
    let connected = format!("wss://stream.binance.com:9443/stream?streams=btcusdt@trade <-> {seconds}\n{lines}");
    let (events, summary) = read(&connected);
    assert_eq!(events, [book(ns(0)), spot(ns(1)), book(ns(2))]);
    assert_eq!(skipped(&summary), [&[("connection", 1)][..], &left_out].concat());
    // Without a connection the form tells the venue, and a reply to a subscription has the form of no venue.
    let (events, summary) = read(&lines);
    assert_eq!(events, [book(ns(0)), spot(ns(1)), book(ns(2))]);
    assert_eq!((summary.unreadable["venue"].count, summary.unreadable["venue"].first.line), (1, 6));
    assert!(summary.assumed[0].starts_with("venue binance by the form of the frames"), "{:?}", summary.assumed);
    for url in ["", "wss://fstream.binance.com/stream?streams=btcusdt@trade <-> 1723161256\n"] {
        let (events, _) = read(format!("{url}1723161256.5: {}\n", combined("trade", USD_M_TRADE)));
        assert_eq!(events, [print("binance-usdm.BTCUSDT", ns(0), "61837.5", "0.25", "buyer", 8.into())]);
    }
}

#[test]
fn aggregate_trades_have_ids_of_their_own_and_venues_by_their_fields() {
    let frames = [combined("aggTrade", &aggregate(26129, "BTCUSDT")), USD_M_AGGREGATE.to_string()];
    let (events, summary) = read(capture(&[&frames[0], &frames[1]]));
    let expected = [
        print("binance.BTCUSDT", 1, "61837.5", "0.75", "buyer", "agg:26129".into()),
        print("binance-usdm.BTCUSDT", 2, "61837.5", "0.25", "seller", "agg:26129".into()),
    ];
    assert_eq!(events, expected);
    assert!(summary.skipped.is_empty() && summary.unreadable.is_empty(), "{summary:?}");
    let venues: Vec<&str> = summary.assumed.iter().map(String::as_str).filter(|told| told.contains("venue ")).collect();
    assert_eq!(venues.len(), 2, "{venues:?}");
    let bad = combined("aggTrade", &aggregate(1, "BTCUSDT").replace("\"q\":\"0.75\"", "\"q\":0.75"));
    let unlike = combined("aggTrade", &aggregate(1, "ETHUSDT"));
    let coin_m = USD_M_AGGREGATE.replace("BTCUSDT", "BTCUSD_PERP");
    let (events, summary) = read(capture(&[&bad, &unlike, &coin_m, &frames[0]]));
    assert_eq!(events.len(), 1);
    let defects: Vec<_> = unreadable(&summary).iter().map(|(kind, count, line, _)| (*kind, *count, *line)).collect();
    assert_eq!(defects, [("fields", 1, 1), ("symbol", 2, 2)]);
}

#[test]
fn aggregate_trades_are_left_out_if_the_file_has_the_trades_of_their_instrument() {
    let one = combined("aggTrade", &aggregate(1, "BTCUSDT"));
    let spot = combined("trade", SPOT_TRADE);
    let usd_m = combined("trade", USD_M_TRADE);
    let ids = |frames: &[&str]| {
        let (events, summary) = read(capture(frames));
        let ids: Vec<Value> = events.iter().map(|event| event["trade_id"].clone()).collect();
        (ids, skipped(&summary))
    };
    // Wherever the first trade is.
    for frames in [[&one, &one, &spot], [&one, &spot, &one], [&spot, &one, &one]] {
        let frames = frames.map(String::as_str);
        assert_eq!(ids(&frames), (vec![9.into()], vec![("aggregate_trade", 2)]), "{frames:?}");
    }
    assert_eq!(ids(&[&one, SPOT_TRADE]).0, [Value::from(9)], "a raw stream");
    // A trade of another instrument says nothing, nor does a line that is no trade.
    assert_eq!(ids(&[&one, &usd_m]).0, [Value::from("agg:1"), 8.into()]);
    assert_eq!(ids(&[USD_M_AGGREGATE, &spot]).0, [Value::from("agg:26129"), 9.into()]);
    let unreadable = spot.replace("\"t\":9", "\"t\":-9");
    assert_eq!(ids(&[&one, &unreadable, "x"]).0, [Value::from("agg:1")]);
    // A trade off the order book is of the stream, too.
    let insurance = usd_m.replace("MARKET", "INSURANCE_FUND");
    let frames = [USD_M_AGGREGATE, &insurance, BOOK];
    assert_eq!(ids(&frames), (vec![Value::Null], vec![("aggregate_trade", 1), ("trade_off_market", 1)]));
}

#[test]
fn the_look_ahead_reads_packed_files_and_recordings() {
    let frames = [combined("aggTrade", &aggregate(1, "BTCUSDT")), combined("trade", SPOT_TRADE)];
    let lines = capture(&[&frames[0], &"x".repeat(2 << 20), &frames[1]]);
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(lines.as_bytes()).unwrap();
    let (events, summary) = read(packer.finish().unwrap());
    assert_eq!((events.len(), skipped(&summary)), (1, vec![("aggregate_trade", 1)]));
    assert_eq!(summary.unreadable["long_line"].count, 1);
    let connection = "wss://stream.binance.com:9443/stream <-> 1723161256.25\n";
    let recorded = format!("{connection}1723161256.5: {}\n1723161257.5: {}\n", frames[0], frames[1]);
    let (events, summary) = read(&recorded);
    assert_eq!((events[0]["trade_id"].clone(), skipped(&summary)[0]), (9.into(), ("aggregate_trade", 1)));
    let (events, _) = read(recorded.replace("btcusdt@trade", "btcusdt@kline_1m"));
    assert_eq!(events[0]["trade_id"], "agg:1", "the stream is not recorded");
}
