//! Files as they occur: marks, separators, quotes, repeated headers, units of time, and entries that cannot be read.

mod common;

use common::{maps, of_file, open_all, write};
use tapedeck_feeds::UnreadableEntry;
use tapedeck_schemas::market::{MarketBody, MarketEvent};
use tempfile::TempDir;

const TRADES: &str = "11,0.5,3,1.5,1723161254001,true,true\n12,0.25,4,1.0,1723161254002,false,true\n";
const HEADER: &str = "id,price,qty,quote_qty,time,is_buyer_maker\n";
const FUTURES: &str = "11,0.5,3,1.5,1723161254001,true\n12,0.25,4,1.0,1723161254002,false\n";
const TABLE: &str = "instrument,ts_recv,price,quantity\nbinance.BTCUSDT,5,1.5,2\nbinance.BTCUSDT,6,1.5,2\n";

/// The trade ids of a file, and its entries that cannot be read: kind, count, first line.
fn read(dir: &TempDir, name: &str, content: &str) -> (Vec<u64>, Vec<(&'static str, u64, u64)>) {
    let (events, summary) = open_all(&of_file(&write(dir, name, content))).unwrap_or_else(|error| panic!("{error}"));
    let id = |event: &MarketEvent| match &event.body {
        MarketBody::Trade(trade) => trade.trade_id.as_ref()?.number(),
        _ => None,
    };
    let unreadable = summary.unreadable.iter().map(|(kind, one)| (*kind, one.count, one.first.line)).collect();
    (events.iter().filter_map(|(_, event)| id(event)).collect(), unreadable)
}

#[test]
fn a_byte_order_mark_and_blank_lines_are_accepted_in_every_text_format() {
    let dir = TempDir::new().unwrap();
    let capture = concat!(
        r#"5 {"stream":"btcusdt@trade","data":"#,
        r#"{"e":"trade","s":"BTCUSDT","t":7,"p":"1.5","q":"2","T":1723161254086,"m":true,"M":true}}"#,
        "\n"
    );
    let json = "{\"instrument\":\"binance.BTCUSDT\",\"kind\":\"heartbeat\",\"ts_recv\":5}\n";
    let tardis = "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount\n\
                  binance,BTCUSDT,1723161254001000,1723161254002000,2,1.6,1.5,3\n";
    for (name, content) in
        [("BTCUSDT-trades-x", TRADES), ("a.jsonl", capture), ("b.jsonl", json), ("t.csv", TABLE), ("u.csv", tardis)]
    {
        let plain = maps(&write(&dir, name, content));
        assert!(!plain.is_empty(), "{name}");
        for other in [
            format!("\u{feff}{content}"),
            format!("\r\n \n{content}\n\n"),
            content.replace('\n', "\r\n\r\n"),
            content.trim_end().into(),
        ] {
            assert_eq!(maps(&write(&dir, name, &other)), plain, "{other:?}");
        }
        let twice = maps(&write(&dir, name, format!("\u{feff}{content}\u{feff}{content}")));
        assert_eq!(twice, [&plain[..], &plain].concat(), "{name}: files that were concatenated");
    }
}

#[test]
fn cells_are_separated_by_semicolons_or_tabs_quoted_and_spaced() {
    let dir = TempDir::new().unwrap();
    for (name, content) in [("BTCUSDT-trades-x", TRADES), ("BTCUSDT-trades-y", FUTURES), ("t.csv", TABLE)] {
        let plain = maps(&write(&dir, name, content));
        let quoted: Vec<String> = content.lines().map(|line| format!("\"{}\"", line.replace(',', "\",\""))).collect();
        for other in [
            content.replace(',', ";"),
            content.replace(',', "\t"),
            content.replace(',', " , "),
            quoted.join("\n"),
            quoted.join("\n").replace("\",\"", "\"; \""),
        ] {
            assert_eq!(maps(&write(&dir, name, &other)), plain, "{other:?}");
        }
    }
}

#[test]
fn a_header_that_occurs_again_is_counted_and_another_header_ends_the_rows_that_are_known() {
    let dir = TempDir::new().unwrap();
    let name = "BTCUSDT-trades-2024-08.csv";
    let later = FUTURES.replace("11,", "13,").replace("12,", "14,");
    let content = format!("{HEADER}{FUTURES}\u{feff}{HEADER}{later}");
    assert_eq!(read(&dir, name, &content), (vec![11, 12, 13, 14], vec![]));
    let (_, summary) = open_all(&of_file(&dir.path().join(name))).unwrap();
    assert_eq!(summary.skipped.into_iter().collect::<Vec<_>>(), [("repeated_header", 1)]);
    assert_eq!(read(&dir, name, &format!("{FUTURES}{HEADER}{later}")).0, [11, 12, 13, 14], "a first file without one");
    let swapped = HEADER.replace("price,qty", "qty,price");
    let content = format!("{HEADER}{FUTURES}{swapped}{later}{HEADER}15,1,1,1,1723161254003,true\n");
    assert_eq!(read(&dir, name, &content), (vec![11, 12, 15], vec![("header", 3, 4)]), "rows in another order");
    let (_, unreadable) = read(&dir, "t.csv", &format!("{TABLE}instrument,ts_recv,quantity,price\n{TABLE}"));
    assert_eq!(unreadable, [("header", 1, 4)]);
}

#[test]
fn entries_that_cannot_be_read_are_left_out_and_told() {
    let dir = TempDir::new().unwrap();
    let name = "BTCUSDT-trades-x.csv";
    let lines = "11,0.5,3,1.5,1723161254001,true,true\n12,0.5\n13,1e,3,1.5,1723161254001,true,true\n\
                 14,0.5,3,1.5,1723161254,true,true\n15,0.5,3,1.5,1723161254001,true,true\n\
                 16,0.5,3,1.5,1723161254001,true,true,9\n17,0.5,3,1.5,1723161254001,maybe,true\n";
    let expected = vec![("fields", 2, 2), ("malformed", 1, 7), ("number", 1, 3), ("time", 1, 4)];
    assert_eq!(read(&dir, name, lines), (vec![11, 15], expected));
    let path = dir.path().join(name);
    let (_, summary) = open_all(&of_file(&path)).unwrap();
    let first = UnreadableEntry {
        file: path.display().to_string(),
        line: 2,
        detail: "2 fields, the first line has 7".into(),
        excerpt: "\"12,0.5\"".into(),
    };
    assert_eq!(summary.unreadable["fields"].first, first);
    let map = |ts: &str| format!(r#"{{"instrument":"binance.BTCUSDT","kind":"trade","ts_recv":{ts},"price":"1","#);
    let array = format!(
        "[{a}\"quantity\":\"1\",\"trade_id\":1}},{b}\"quantity\":\"1\"}},{a}\"quantity\":\"1\",\"trade_id\":2}}]\n",
        a = map("5"),
        b = map("true")
    );
    let (ids, unreadable) = read(&dir, "a.jsonl", &array);
    assert_eq!((ids, unreadable.len(), unreadable[0].1), (vec![1, 2], 1, 1), "the other maps of an array");
    let huge = format!("{}{}\n", TABLE, "x".repeat(100_000));
    let (_, summary) = open_all(&of_file(&write(&dir, "t.csv", huge))).unwrap();
    assert!(summary.unreadable["fields"].first.excerpt.len() < 200);
}

#[test]
fn the_unit_of_a_time_is_that_of_its_magnitude_in_every_row() {
    let dir = TempDir::new().unwrap();
    let mixed = "11,0.5,3,1.5,1723161254001,true,true\n12,0.5,3,1.5,1723161254001002,true,true\n\
                 13,0.5,3,1.5,1723161254001002003,true,true\n";
    let (events, summary) = open_all(&of_file(&write(&dir, "BTCUSDT-trades-x.csv", mixed))).unwrap();
    let times: Vec<_> = events.iter().skip(1).map(|(_, event)| event.ts_recv).collect();
    assert_eq!(times, [1_723_161_254_001_000_000, 1_723_161_254_001_002_000, 1_723_161_254_001_002_003]);
    let said = "the venue's times are in ms and µs and ns, by their magnitude";
    assert!(summary.assumed.iter().any(|statement| statement == said), "{:?}", summary.assumed);
    let line = |time: &str| {
        let data = format!(r#"{{"s":"BTCUSDT","t":7,"p":"1.5","q":"2","T":{time},"m":true,"M":true}}"#);
        format!("5 {{\"stream\":\"btcusdt@trade\",\"data\":{data}}}\n")
    };
    let (events, _) = open_all(&of_file(&write(&dir, "a", line("1723161254001002")))).unwrap();
    assert_eq!(events[1].1.ts_event, Some(1_723_161_254_001_002_000), "timeUnit=MICROSECOND");
}
