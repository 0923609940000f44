//! Raw recordings of cryptofeed: frames of Coinbase Exchange, the venue by connection or form, exact times.

mod common;

use common::{error_of, maps, maps_of_events, of_file, open, open_all, skipped, unreadable, write};
use serde_json::{Value, json};
use tapedeck_feeds::{Selection, Summary};
use tempfile::TempDir;

const COINBASE: &str = "wss://ws-feed.exchange.coinbase.com <-> 1618677816.8434298";
/// The name of a file says nothing.
const NAME: &str = "BITSTAMP.ws.1.0";

/// The events as maps of the contract, and the summary.
fn read(lines: &[&str]) -> Result<(Vec<Value>, Summary), String> {
    let dir = TempDir::new().unwrap();
    let (events, summary) = open_all(&of_file(&write(&dir, NAME, lines.join("\n"))))?;
    let map = |text: String| serde_json::from_str(&text).unwrap();
    Ok((maps_of_events(&events).into_iter().map(map).collect(), summary))
}

fn matched(time: &str, kind: &str, id: u64, side: &str, size: &str, price: &str) -> String {
    let frame = json!({
        "type": kind, "trade_id": id, "maker_order_id": "a", "taker_order_id": "b", "side": side, "size": size,
        "price": price, "product_id": "BTC-USD", "sequence": 50, "time": "2021-04-17T16:43:37.0897Z",
    });
    format!("{time}: {frame}")
}

fn ticker(time: &str, sequence: u64, rest: &str) -> String {
    let trade = r#""price":"62000.5","side":"buy","trade_id":7,"last_size":"0.5""#;
    format!(r#"{time}: {{"type":"ticker","sequence":{sequence},"product_id":"BTC-USD",{trade},{rest}}}"#)
}

fn trade(ns: u64, id: u64, price: &str, quantity: &str, aggressor: &str) -> Value {
    json!({
        "instrument": "coinbase.BTC-USD", "kind": "trade", "ts_recv": ns, "ts_event": 1_618_677_817_089_700_000_u64,
        "price": price, "quantity": quantity, "aggressor": aggressor, "trade_id": id,
    })
}

fn quote(ns: u64, bid: (&str, &str), ask: (&str, &str), update_id: u64) -> Value {
    json!({
        "instrument": "coinbase.BTC-USD", "kind": "quote", "ts_recv": ns, "bid": bid.0, "bid_size": bid.1,
        "ask": ask.0, "ask_size": ask.1, "update_id": update_id,
    })
}

#[test]
fn matches_are_trades_of_the_taker_and_tickers_quotes_without_their_trade() {
    let lines = [
        matched("1618677817.1", "last_match", 6, "sell", "0.25000000", "62000.10"),
        ticker("1618677817.1000002", 50, r#""best_bid":"62000.00","best_ask":"62000.50""#),
        matched("1618677817.123456789", "match", 7, "buy", "0.5", "62000.5"),
        ticker(
            "1618677818",
            53,
            concat!(
                r#""best_bid":"62000.00","best_bid_size":"1.5","best_ask":"62000.75","best_ask_size":"0.002","#,
                r#""time":"2021-04-17T16:43:38.000001Z""#
            ),
        ),
    ];
    let (events, summary) = read(&[COINBASE, &lines[0], &lines[1], "", &lines[2], &lines[3], "", ""]).unwrap();
    let mut last = quote(1_618_677_818_000_000_000, ("62000", "1.5"), ("62000.75", "0.002"), 53);
    last["ts_event"] = 1_618_677_818_000_001_000_u64.into();
    let expected = [
        trade(1_618_677_817_100_000_000, 6, "62000.1", "0.25", "buyer"),
        quote(1_618_677_817_100_000_200, ("62000", "0"), ("62000.5", "0"), 50),
        trade(1_618_677_817_123_456_789, 7, "62000.5", "0.5", "seller"),
        last,
    ];
    assert_eq!(events, expected);
    assert_eq!(skipped(&summary), [("connection", 1)]);
    assert!(summary.unreadable.is_empty() && summary.assumed.is_empty(), "{summary:?}");
}

#[test]
fn a_side_that_is_empty_or_missing_is_absent() {
    let ask = r#""best_ask":"62000.75","best_ask_size":"2""#;
    let bid = r#""best_bid":"62000","best_bid_size":"1""#;
    let lines = [
        ticker("1618677817", 50, &format!(r#""best_bid":"","best_bid_size":"",{ask}"#)),
        ticker("1618677818", 51, &format!("{bid},\"best_ask\":null")),
        ticker("1618677819", 52, r#""best_bid":"","best_ask":"""#),
        ticker("1618677820", 53, r#""best_bid_size":"1""#),
    ];
    let (events, summary) = read(&[COINBASE, &lines[0], &lines[1], &lines[2], &lines[3]]).unwrap();
    let fields = ["bid", "bid_size", "ask", "ask_size"];
    let sides = |map: &Value| fields.map(|key| map[key].as_str().unwrap_or("none").to_string());
    let all: Vec<_> = events.iter().map(sides).collect();
    assert_eq!(all, [["none", "0", "62000.75", "2"], ["62000", "1", "none", "0"], ["none", "0", "none", "0"]]);
    assert_eq!(unreadable(&summary), [("fields", 1, 5, "a ticker without best_bid and best_ask")]);
}

#[test]
fn a_symbol_is_spelled_as_the_venue_spells_it() {
    let line = matched("1618677817", "match", 1, "buy", "1", "2").replace("BTC-USD", "eth-USD");
    assert_eq!(read(&[COINBASE, &line]).unwrap().0[0]["instrument"], "coinbase.eth-USD");
}

#[test]
fn what_is_no_market_event_is_counted_by_its_type() {
    let kinds = ["heartbeat", "l2update", "snapshot", "received", "open", "done", "change", "activate", "l3"];
    let frames = kinds.map(|kind| format!(r#"1618677817.5: {{"type":"{kind}","product_id":"BTC-USD"}}"#));
    let long = format!(r#"1618677817.7: {{"type":"snapshot","asks":"{}"}}"#, "é".repeat(1 << 20));
    let mut lines = vec![
        "configuration: {'feed': 'COINBASE'}",
        "https://api.exchange.coinbase.com/products -> 1618677817.1: [{\"id\":\"BTC-USD\"}]",
        COINBASE,
        r#"wss://ws-feed.exchange.coinbase.com <- 1618677817.2: {"type":"subscribe"}"#,
        r#"1618677817.3: {"type":"subscriptions","channels":[]}"#,
        &long,
    ];
    lines.extend(frames.iter().map(String::as_str));
    let last = matched("1618677817.8", "match", 1, "buy", "1", "2");
    lines.push(&last);
    let (events, summary) = read(&lines).unwrap();
    assert_eq!(events.len(), 1, "{events:?}");
    let expected = [
        ("activate", 1),
        ("change", 1),
        ("configuration", 1),
        ("connection", 1),
        ("done", 1),
        ("heartbeat", 1),
        ("http_reply", 1),
        ("l2update", 1),
        ("open", 1),
        ("other", 1),
        ("received", 1),
        ("request", 1),
        ("snapshot", 1),
        ("subscriptions", 1),
    ];
    assert_eq!(skipped(&summary), expected);
    assert_eq!(unreadable(&summary), [("long_line", 1, 6, "longer than 1048576 bytes")]);
}

#[test]
fn the_venue_is_that_of_the_connection_or_of_the_form_of_a_frame() {
    let dir = TempDir::new().unwrap();
    let known = matched("1618677817", "match", 1, "buy", "1", "2");
    let told = "venue coinbase by the form of the frames: no line of a connection precedes them";
    assert_eq!(read(&[&known]).unwrap().1.assumed, [told]);
    let spot = r#"{"e":"trade","E":2,"s":"BTCUSDT","t":9,"p":"1","q":"2","T":1723161255342,"m":true,"M":true}"#;
    let usd_m = spot.replace(r#""M":true"#, r#""X":"MARKET""#);
    let spot = format!("1723161256.5: {spot}");
    // Each line of a connection changes the venue.
    let both = [COINBASE, &known, "wss://stream.binance.com:9443/ws/btcusdt@trade <-> 1723161256.25", &spot];
    let (events, summary) = read(&both).unwrap();
    let instruments: Vec<_> = events.iter().map(|event| event["instrument"].clone()).collect();
    assert_eq!(instruments, ["coinbase.BTC-USD", "binance.BTCUSDT"]);
    assert!(!summary.assumed.iter().any(|told| told.contains("venue ")), "{:?}", summary.assumed);

    let bybit = r#"1618677818.5: {"topic":"tickers.BTCUSDT","type":"snapshot","data":{}}"#;
    let unknown = error_of(&dir, NAME, &["wss://stream.bybit.com/v5 <-> 1618677818.25", bybit].join("\n"));
    let part = ":2: the venue of the connection to \"wss://stream.bybit.com/v5\" is unknown; want frames of stream.";
    assert!(unknown.contains(part) && unknown.contains("ws-feed.exchange.coinbase.com"), "{unknown}");
    // The frames of Binance.US have the form of Binance's.
    let us = "wss://stream.binance.us:9443/ws/btcusdt@trade <-> 1723161256.25";
    let unknown = error_of(&dir, NAME, &[us, &spot].join("\n"));
    assert!(unknown.contains("wss://stream.binance.us:9443/ws/btcusdt@trade"), "{unknown}");
    let (events, summary) = read(&[&known, bybit, us, &spot, COINBASE, &known]).unwrap();
    assert_eq!(events.len(), 2, "the rest is published");
    let detail = summary.unreadable["venue"].first.detail.clone();
    assert!(
        detail.starts_with("a frame of an unknown venue, and no line of a connection; want frames of "),
        "{detail}"
    );
    assert_eq!((summary.unreadable["venue"].count, summary.unreadable["venue"].first.line), (2, 2));
    // The venue of a frame is not that of its connection.
    let future = format!("1723161256.5: {usd_m}");
    let lines = ["wss://stream.binance.com:9443/ws/btcusdt@trade <-> 1723161256.25", &future];
    let other = error_of(&dir, NAME, &lines.join("\n"));
    assert!(other.contains(":2: a frame of binance-usdm on a connection to binance"), "{other}");
    let path = write(&dir, NAME, [lines[0], &spot].join("\n"));
    let error = open(Selection { venue: "kraken".parse().ok(), ..of_file(&path) }).unwrap_err();
    assert!(error.starts_with("--venue kraken contradicts "), "{error}");
}

#[test]
fn malformed_lines_are_counted_with_the_value_and_the_others_are_read() {
    let dir = TempDir::new().unwrap();
    let good = matched("1618677817", "match", 1, "buy", "1", "2");
    let time = |time: &str| good.replace("1618677817:", &format!("{time}:"));
    let cases = [
        (time("1618677817.1234567891"), "time", "\"1618677817.1234567891\" is not a time from 2000 to 2100 in s"),
        (time("0.0"), "time", "\"0.0\" is not a time"),
        (time("1.6e9"), "time", "\"1.6e9\" is not a time"),
        (time("18446744074.0"), "time", "\"18446744074.0\" is not a time"),
        (good.replace("1618677817: ", "1618677817 "), "malformed", "want <epoch s>: <frame>, or <url>"),
        ("no frame".to_string(), "malformed", "want <epoch s>: <frame>, or <url>"),
        ("wss://stream.binance.com:9443 <= 1618677817".to_string(), "malformed", "want <epoch s>: <frame>, or <url>"),
        (good.replace("\"buy\"", "\"none\""), "malformed", "side \"none\" is neither buy nor sell"),
        (good.replace("\"size\":\"1\"", "\"size\":\"x\""), "number", "size \"x\""),
        (good.replace("2021-04-17T", "1921-04-17T"), "time", "time \"1921-04-17T16:43:37.0897Z\" is not a time"),
        (good.replace("\"trade_id\":1", "\"trade_id\":-1"), "fields", "not a match: "),
        (good.replace("BTC-USD", "BTC,USD"), "symbol", "product_id \"BTC,USD\" is not a symbol"),
        (good.replace("\"type\"", "\"typed\""), "not_json", "not a frame of Coinbase: missing field `type`"),
        (ticker("1618677817", 3, r#""best_bid":"1","best_ask":"two""#), "number", "best_ask \"two\""),
    ];
    for (line, kind, part) in &cases {
        let text = error_of(&dir, NAME, &format!("{COINBASE}\n{line}\n"));
        assert!(text.contains(&format!("{NAME}:2: {part}")), "want {part} in {text}");
        let (events, summary) = read(&[COINBASE, line, &good]).unwrap();
        let defects = unreadable(&summary);
        assert!(events.len() == 1 && defects.len() == 1, "{line}: {events:?} {defects:?}");
        assert_eq!((defects[0].0, defects[0].1, defects[0].2), (*kind, 1, 2), "{line}");
    }
}

#[test]
fn a_given_instrument_must_be_that_of_the_frames() {
    let dir = TempDir::new().unwrap();
    let lines = [COINBASE, &matched("1618677817", "match", 1, "buy", "1", "2")].join("\n");
    let path = write(&dir, NAME, lines);
    let given = |id: &str| open(Selection { instrument: id.parse().ok(), ..of_file(&path) });
    assert_eq!(given("coinbase.BTC-USD").unwrap().len(), 2);
    let text = given("coinbase.ETH-USD").unwrap_err();
    assert!(text.contains(":2: the instrument is coinbase.BTC-USD, and --instrument is coinbase.ETH-USD"), "{text}");
    assert_eq!(given("coinbase.BTC-USD").unwrap()[1].1.source.as_str(), "cryptofeed");
    assert_eq!(maps(&path).len(), 1);
}
