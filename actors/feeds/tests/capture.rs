//! Captures: the order of the merge, numbers, skipped streams, exact totals, sessions by content.

use std::path::PathBuf;

use tapedeck_feeds::{Feed, FeedError, Item, Payload, Selection, Setup, content};
use tapedeck_schemas::market::{MarketBody, MarketEvent, QuoteBody, TradeBody};
use tempfile::TempDir;

fn quote(received: u64, symbol: &str, update: u64) -> String {
    let stream = symbol.to_lowercase();
    let book = r#""b":"61837.63000000","B":"3.78826000","a":"61837.64000000","A":"1.54698000""#;
    format!(r#"{received} {{"stream":"{stream}@bookTicker","data":{{"u":{update},"s":"{symbol}",{book}}}}}"#)
}

fn trade(received: u64, symbol: &str, id: u64, price: &str, quantity: &str) -> String {
    let stream = symbol.to_lowercase();
    let head = format!(r#""e":"trade","E":1723161255343,"s":"{symbol}","t":{id}"#);
    let rest = format!(r#""p":"{price}","q":"{quantity}","T":1723161255342,"m":true,"M":true"#);
    format!(r#"{received} {{"stream":"{stream}@trade","data":{{{head},{rest}}}}}"#)
}

fn depth(received: u64) -> String {
    let data = r#"{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":1,"u":2,"b":[["1.0","0.0"]],"a":[]}"#;
    format!(r#"{received} {{"stream":"btcusdt@depth@100ms","data":{data}}}"#)
}

fn snapshot(received: u64) -> String {
    format!(r#"{received} {{"lastUpdateId":50093239218,"bids":[["1.0","2.0"]],"asks":[]}}"#)
}

fn files(dir: &TempDir, contents: &[&[String]]) -> Vec<PathBuf> {
    let write = |(index, lines): (usize, &&[String])| {
        let path = dir.path().join(format!("{index}.jsonl"));
        std::fs::write(&path, lines.join("\n")).unwrap();
        path
    };
    contents.iter().enumerate().map(write).collect()
}

fn selected(files: &[PathBuf]) -> Selection {
    Selection { files: files.to_vec(), ..Selection::default() }
}

fn open(files: &[PathBuf]) -> Result<Box<dyn Feed>, FeedError> {
    tapedeck_feeds::open(&selected(files), &Setup::built_in()).map(|(_, feed, _)| feed)
}

fn events(feed: Box<dyn Feed>) -> Vec<(String, MarketEvent)> {
    let event = |item: Item| match item.payload {
        Payload::Event(event) => (item.instrument.symbol.to_string(), event),
        Payload::Raw(bytes) => panic!("raw bytes {bytes:?} from a capture"),
    };
    feed.map(|item| event(item.unwrap())).collect()
}

/// The update and trade ids in the order of the feed.
fn keys(feed: Box<dyn Feed>) -> Vec<u64> {
    let key = |(_, event): (String, MarketEvent)| match event.body {
        MarketBody::Quote(QuoteBody { update_id, .. }) => update_id?.number(),
        MarketBody::Trade(TradeBody { trade_id, .. }) => trade_id?.number(),
        _ => None,
    };
    events(feed).into_iter().filter_map(key).collect()
}

#[test]
fn files_merge_by_receive_time_and_ties_follow_the_order_of_the_files() {
    let dir = TempDir::new().unwrap();
    let one = [quote(10, "BTCUSDT", 1), quote(20, "BTCUSDT", 2), quote(30, "BTCUSDT", 3)];
    let two =
        [quote(5, "ETHUSDT", 101), quote(20, "ETHUSDT", 102), quote(20, "ETHUSDT", 103), quote(40, "ETHUSDT", 104)];
    let paths = files(&dir, &[&one, &two]);
    assert_eq!(keys(open(&paths).unwrap()), [101, 1, 2, 102, 103, 3, 104]);
    let reversed: Vec<PathBuf> = paths.into_iter().rev().collect();
    assert_eq!(keys(open(&reversed).unwrap()), [101, 1, 102, 103, 2, 3, 104]);
}

#[test]
fn a_clock_that_steps_back_does_not_reorder_the_lines_of_its_file() {
    let dir = TempDir::new().unwrap();
    // The receive time of a skipped line (depth) counts too.
    let one = [quote(10, "BTCUSDT", 1), depth(30), quote(15, "BTCUSDT", 2), quote(31, "BTCUSDT", 3)];
    let two = [quote(12, "ETHUSDT", 101), quote(20, "ETHUSDT", 102), quote(30, "ETHUSDT", 103)];
    let paths = files(&dir, &[&one, &two]);
    assert_eq!(keys(open(&paths).unwrap()), [1, 101, 102, 2, 103, 3]);
    let late = events(open(&paths).unwrap()).into_iter().find(|(_, event)| event.ts_recv == 15);
    assert!(late.is_some(), "the receive time stays as recorded");
}

#[test]
fn definitions_come_first_and_each_instrument_is_numbered_from_1() {
    let dir = TempDir::new().unwrap();
    let lines = [
        depth(3),
        quote(7, "ETHUSDT", 1),
        quote(8, "BTCUSDT", 2),
        trade(9, "ETHUSDT", 3, "2683.80", "1"),
        quote(9, "BTCUSDT", 4),
    ];
    let paths = files(&dir, &[&lines]);
    let feed = open(&paths).unwrap();
    assert_eq!(feed.summary().items, 6);
    let all = events(feed);
    let numbered: Vec<_> = all.iter().map(|(symbol, event)| (symbol.as_str(), event.seq, event.ts_recv)).collect();
    let (btc, eth) = ("BTCUSDT", "ETHUSDT");
    assert_eq!(numbered, [(btc, 1, 7), (eth, 1, 7), (eth, 2, 7), (btc, 2, 8), (eth, 3, 9), (btc, 3, 9)]);
    assert!(all[..2].iter().all(|(_, event)| matches!(event.body, MarketBody::Definition(_))));
    let session = content::session(&selected(&paths)).unwrap();
    assert!(all.iter().all(|(_, event)| event.session == session && event.source.as_str() == "binance"));
    assert_eq!(all[4].1.ts_event, Some(1_723_161_255_342_000_000), "T is ms");
    assert_eq!(all[2].1.ts_event, None, "bookTicker has no time of the venue");
}

#[test]
fn depth_snapshots_and_other_streams_are_counted_and_skipped() {
    let dir = TempDir::new().unwrap();
    let lines = [
        depth(1),
        depth(2),
        r#"2 {"stream":"btcusdt@depth20","data":{"lastUpdateId":1}}"#.to_string(),
        snapshot(3),
        r#"4 {"stream":"btcusdt@kline_1m","data":{}}"#.to_string(),
        r#"5 {"result":null,"id":1}"#.to_string(),
        quote(6, "BTCUSDT", 1),
    ];
    let feed = open(&files(&dir, &[&lines])).unwrap();
    let skipped: Vec<_> = feed.summary().skipped.clone().into_iter().collect();
    assert_eq!(skipped, [("depth", 3), ("depth_snapshot", 1), ("other", 2)]);
    assert_eq!(keys(feed), [1]);
}

#[test]
fn usd_m_futures_are_a_venue_of_their_own_and_coin_m_is_an_error() {
    let dir = TempDir::new().unwrap();
    let future = |line: String| {
        line.replace(r#"{"u":"#, r#"{"e":"bookTicker","T":1,"E":2,"u":"#).replace(r#""M":true"#, r#""X":"MARKET""#)
    };
    let insurance = trade(4, "BTCUSDT", 3, "0", "0").replace(r#""M":true"#, r#""X":"INSURANCE_FUND""#);
    let lines = [future(quote(1, "BTCUSDT", 1)), future(trade(3, "BTCUSDT", 2, "61837.6", "1")), insurance];
    let paths = files(&dir, &[&lines]);
    let error = open(&paths).err().unwrap().to_string();
    assert!(error.starts_with("no definition for binance-usdm.BTCUSDT: "), "not the instrument of spot: {error}");
    let setup = "[[instrument]]\nid = \"binance-usdm.BTCUSDT\"\nbase = \"BTC\"\nquote = \"USDT\"\n\
                 tick_size = \"0.1\"\nlot_size = \"0.001\"\nmin_notional = \"5\"\n";
    let setup = Setup::parse("test", setup).unwrap();
    let selection = Selection { files: paths.clone(), ..Selection::default() };
    let (_, feed, items) = tapedeck_feeds::open(&selection, &setup).unwrap();
    assert_eq!((items, feed.summary().skipped.get("trade_off_market")), (3, Some(&1)));
    let instruments: Vec<_> = feed.map(|item| item.unwrap().instrument.to_string()).collect();
    assert_eq!(instruments, ["binance-usdm.BTCUSDT"; 3]);
    // An instrument that the capture contradicts.
    let given = Selection { instrument: Some("binance.BTCUSDT".parse().unwrap()), ..selection };
    let error = tapedeck_feeds::open(&given, &setup).err().unwrap().to_string();
    assert!(error.contains("0.jsonl:1: the instrument is binance-usdm.BTCUSDT, and --instrument is binance.BTCUSDT"));
    let error = open(&files(&dir, &[&[quote(1, "BTCUSD_PERP", 1)]])).err().unwrap().to_string();
    assert!(error.contains("s \"BTCUSD_PERP\" is a COIN-M future"), "{error}");
}

#[test]
fn totals_are_exact_to_the_last_digit() {
    let dir = TempDir::new().unwrap();
    let lines = [
        quote(1, "BTCUSDT", 1),
        trade(2, "BTCUSDT", 1, "61837.63000000", "0.00001000"),
        trade(3, "BTCUSDT", 2, "0.000000001", "0.000000001"),
        trade(4, "BTCUSDT", 3, "61685.99", "212.03314"),
    ];
    let feed = open(&files(&dir, &[&lines])).unwrap();
    let totals = &feed.summary().totals.by_instrument[&"binance.BTCUSDT".parse().unwrap()];
    assert_eq!((totals.quotes, totals.trades), (1, 3));
    // 0.6183763 + 1e-18 + 61685.99 · 212.03314, computed with Python's decimal.
    assert_eq!(totals.notional.to_string(), "13079474.772084900000000001");
    assert_eq!(totals.quantity.to_string(), "212.033150001");
    assert_eq!(totals.first_price, Some("61837.63".parse().unwrap()));
    assert_eq!(totals.last_price, Some("61685.99".parse().unwrap()));
    assert_eq!(totals.last_bid, Some("61837.63".parse().unwrap()));
    assert_eq!(totals.last_ask, Some("61837.64".parse().unwrap()));
}

#[test]
fn instruments_without_a_definition_are_counted_or_an_error_that_names_all() {
    let dir = TempDir::new().unwrap();
    let lines = [quote(1, "BTCUSDT", 1), quote(2, "SOLUSDT", 1), quote(3, "XRPUSDT", 1), quote(4, "SOLUSDT", 2)];
    let paths = files(&dir, &[&lines]);
    let feed = open(&paths).unwrap();
    let undefined = feed.summary().undefined.clone();
    assert_eq!(undefined, [("binance.SOLUSDT".parse().unwrap(), 2), ("binance.XRPUSDT".parse().unwrap(), 1)].into());
    assert_eq!((feed.summary().items, keys(feed)), (2, vec![1]), "the definition and the quote of the other");
    let strict = Selection { is_strict: true, ..selected(&paths) };
    let error = tapedeck_feeds::open(&strict, &Setup::built_in()).err().unwrap().to_string();
    assert!(error.starts_with("no definition for binance.SOLUSDT: add an [[instrument]]"), "{error}");
    let error = open(&files(&dir, &[&lines[1..]])).err().unwrap().to_string();
    assert!(error.starts_with("no definition for binance.SOLUSDT, binance.XRPUSDT: add"), "{error}");
}

#[test]
fn the_same_file_twice_is_an_error() {
    let dir = TempDir::new().unwrap();
    let lines = [quote(1, "BTCUSDT", 1)];
    let mut paths = files(&dir, &[&lines, &lines]);
    assert_eq!(open(&paths).unwrap().summary().items, 3, "another name");
    paths.push(paths[0].clone());
    let error = open(&paths).err().unwrap().to_string();
    assert!(error.contains("0.jsonl has the content of") && error.contains("give it once"), "{error}");
}

#[test]
fn a_zero_side_is_absent_in_the_totals_unless_prices_may_be_zero() {
    let dir = TempDir::new().unwrap();
    let zero = quote(2, "BTCUSDT", 2).replace("61837.63000000", "0.00").replace("3.78826000", "0.00");
    let lines = [quote(1, "BTCUSDT", 1), zero];
    let feed = open(&files(&dir, &[&lines])).unwrap();
    let totals = &feed.summary().totals.by_instrument[&"binance.BTCUSDT".parse().unwrap()];
    assert!(totals.last_ask.is_some());
    assert_eq!((totals.quotes, totals.last_bid), (2, None));
    let setup = Setup::default_toml().replacen("lot_size", "prices = \"any\"\nlot_size", 1);
    let setup = Setup::parse("test", &setup).unwrap();
    let (_, feed, _) = tapedeck_feeds::open(&selected(&files(&dir, &[&lines])), &setup).unwrap();
    let totals = &feed.summary().totals.by_instrument[&"binance.BTCUSDT".parse().unwrap()];
    assert_eq!(totals.last_bid.map(|bid| bid.to_string()), Some("0".into()));
}

#[test]
fn a_malformed_line_is_counted_or_an_error_before_anything_is_published() {
    let dir = TempDir::new().unwrap();
    let lines = [quote(1, "BTCUSDT", 1), "2 {".to_string()];
    let paths = files(&dir, &[&lines]);
    let strict = Selection { is_strict: true, ..selected(&paths) };
    let error = tapedeck_feeds::open(&strict, &Setup::built_in()).err().unwrap().to_string();
    assert!(error.contains("0.jsonl:2: not a JSON object"), "{error}");
    let feed = open(&paths).unwrap();
    assert_eq!((feed.summary().unreadable["not_json"].count, keys(feed)), (1, vec![1]), "unless it is counted");
}

#[test]
fn a_capture_without_market_events_and_a_missing_file_are_errors() {
    let dir = TempDir::new().unwrap();
    let error = open(&files(&dir, &[&[depth(1)]])).err().unwrap().to_string();
    assert!(error.starts_with("no market event in ") && error.contains("0.jsonl"), "{error}");
    let error = open(&[dir.path().join("none.jsonl")]).err().unwrap().to_string();
    assert!(error.starts_with("cannot open ") && error.contains("none.jsonl"), "{error}");
}

#[test]
fn the_session_depends_on_the_content_and_the_order_of_the_files_not_on_their_names() {
    let dir = TempDir::new().unwrap();
    let [one, two] = [[quote(1, "BTCUSDT", 1)], [quote(2, "BTCUSDT", 2)]];
    let paths = files(&dir, &[&one, &two, &one]);
    let [a, b, a_again] = [0, 1, 2].map(|index| paths[index].clone());
    let session = |selection: Selection| content::session(&selection).unwrap();
    let of = |files: &[&PathBuf]| session(selected(&files.iter().map(|path| (*path).clone()).collect::<Vec<_>>()));
    assert_eq!(of(&[&a, &b]), of(&[&a_again, &b]));
    let distinct: std::collections::BTreeSet<_> = [of(&[&a]), of(&[&b]), of(&[&a, &b]), of(&[&b, &a])].into();
    assert_eq!(distinct.len(), 4);
    let one = || selected(std::slice::from_ref(&a));
    let others = [
        one(),
        Selection { source: "x".parse().ok(), ..one() },
        Selection { source: "y".parse().ok(), ..one() },
        Selection { again: "1".parse().ok(), ..one() },
        Selection { again: "2".parse().ok(), ..one() },
        Selection { venue: "x".parse().ok(), ..one() },
        Selection { zone: "UTC".parse().ok(), ..one() },
        Selection { zone: "-05:00".parse().ok(), ..one() },
        Selection { instrument: "x.Y".parse().ok(), ..one() },
    ];
    let sessions: std::collections::BTreeSet<_> = others.clone().map(session).into();
    assert_eq!(sessions.len(), others.len(), "what is said of the files makes other events, or the same once more");
    assert_eq!(session(Selection { is_strict: true, ..one() }), of(&[&a]));
    let name = of(&[&a]).to_string();
    assert!(name.len() == 13 && name.starts_with('c'), "{name}");
}
