//! Files of klines and of Tardis.

mod common;

use common::{error_of, maps, maps_of, of_file, open, open_all, write, zipped};
use tapedeck_feeds::Selection;
use tempfile::TempDir;

const KLINES: &str = "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,\
                      taker_buy_quote_volume,ignore\n";
const MINUTE: &str = "1723161240000,61837.6,61840,61830.5,61835,12.5,1723161299999,773000.1,42,6.1,377000,0\n";

fn of_venue(path: &std::path::Path, venue: &str) -> Selection {
    Selection { venue: venue.parse().ok(), is_strict: true, ..of_file(path) }
}

#[test]
fn klines_are_bars_that_are_received_when_they_close() {
    let dir = TempDir::new().unwrap();
    let bar = |instrument: &str, bar: &str, opened: u64, closed: u64| {
        let map = serde_json::json!({
            "instrument": instrument, "kind": "bar", "ts_recv": closed, "ts_event": closed, "bar": bar,
            "open": "61837.6", "high": "61840", "low": "61830.5", "close": "61835", "volume": "12.5", "count": 42,
            "opened": opened, "closed": closed, "part": 0,
        });
        map.to_string()
    };
    let (opened, closed) = (1_723_161_240_000_000_000, 1_723_161_300_000_000_000);
    let expected = [bar("binance-usdm.BTCUSDT", "1m", opened, closed)];
    let name = "BTCUSDT-1m-2024-08-08.csv";
    for content in
        [format!("{KLINES}{MINUTE}"), MINUTE.to_string(), KLINES.replace(',', ";") + &MINUTE.replace(',', ";")]
    {
        assert_eq!(maps_of(of_venue(&write(&dir, name, content), "binance-usdm")), expected);
    }
    let us = MINUTE.replace("1723161240000", "1723161240000000").replace("1723161299999", "1723161299999999");
    let packed = zipped(&dir, "any.zip", &[(name, &us)]);
    assert_eq!(maps_of(of_venue(&packed, "binance")), [bar("binance.BTCUSDT", "1m", opened, closed)]);
    let statements = open_all(&of_venue(&packed, "binance")).unwrap().1.assumed;
    assert_eq!(
        statements,
        [
            "venue binance, as --venue says",
            "symbol BTCUSDT from the name of the file",
            "receive time of a bar is its close: the format has no other",
            "the venue's times are in µs, by their magnitude",
        ]
    );
    let path = write(&dir, "mine.csv", MINUTE);
    let given = Selection { instrument: "binance.BTCUSDT".parse().ok(), ..of_file(&path) };
    assert_eq!(maps_of(given), [bar("binance.BTCUSDT", "1m", opened, closed)]);
    let event = &open(of_venue(&packed, "binance")).unwrap()[1].1;
    assert_eq!(event.source.as_str(), "binance");
    // By date(1): 2024-08-08T23:54Z, Monday 2024-08-05, 2024-08-01, 2024-08-10 (day 19,945, which 5 divides).
    let (minute, monday, month) = (1_723_161_240_000_u64, 1_722_816_000_000, 1_722_470_400_000);
    let day = 86_400_000;
    for (open, length, name) in [
        (minute, 1_000, "1s"),
        (minute, 180_000, "3m"),
        (monday, 7 * day, "1w"),
        (month, 31 * day, "1mo"),
        (19_945 * day, 5 * day, "5d"),
    ] {
        let row = MINUTE.replace("1723161240000", &open.to_string());
        let row = row.replace("1723161299999", &(open + length - 1).to_string());
        let path = write(&dir, "BTCUSDT-1s-x.csv", row);
        let (opened, closed) = (open * 1_000_000, (open + length) * 1_000_000);
        assert_eq!(maps_of(of_venue(&path, "binance")), [bar("binance.BTCUSDT", name, opened, closed)]);
    }
    let unnamed = write(&dir, "BTCUSDT-m-x.csv", MINUTE);
    assert!(open(of_venue(&unnamed, "binance")).unwrap_err().contains("does not state the symbol"));
    let no_times = write(&dir, "BTCUSDT-1m-x.csv", MINUTE.replace("1723161299999", "5"));
    assert!(open(of_venue(&no_times, "binance")).unwrap_err().contains("unknown format"));
}

#[test]
fn klines_that_are_no_bars_are_unreadable_with_a_reason() {
    let dir = TempDir::new().unwrap();
    let error = |from: &str, to: &str| {
        let path = write(&dir, "BTCUSDT-1m-x.csv", format!("{MINUTE}{}", MINUTE.replace(from, to)));
        let (events, summary) = open_all(&Selection { is_strict: false, ..of_venue(&path, "binance") }).unwrap();
        assert_eq!(events.len(), 2, "the other row is published");
        let (kind, entries) = summary.unreadable.into_iter().next().unwrap();
        format!("{kind} {}: {}", entries.first.line, entries.first.detail)
    };
    // Three days, by date(1) -d @1723420439.999.
    assert!(
        error("1723161299999", "1723420439999")
            .starts_with("interval 2: the 3d bar that opens at 1723161240000000000 ns is not aligned")
    );
    assert!(error("1723161299999", "1723161239999").starts_with("interval 2: open_time 1723161240000000000 ns is not"));
    let unaligned = error("1723161240000", "1723161241000");
    assert!(unaligned.starts_with("interval 2: the 59s bar that opens at 1723161241000000000 ns is not aligned"));
    let us = |ms: &str| format!("{ms}000");
    let part = MINUTE.replace("1723161240000", &us("1723161240000")).replace("1723161299999", "1723161299999998");
    let path = write(&dir, "BTCUSDT-1m-x.csv", format!("{MINUTE}{part}"));
    let (_, summary) = open_all(&Selection { is_strict: false, ..of_venue(&path, "binance") }).unwrap();
    assert_eq!(
        summary.unreadable["interval"].first.detail,
        "an interval of 59999999000 ns is not a bar: want whole ms"
    );
    assert!(error(",42,", ",,").starts_with("number 2: count \"\""));
    assert!(error(",42,", ",").starts_with("fields 2: 11 fields, want 12"));
    assert!(error("61840", "-").starts_with("number 2: high \"-\""));
    let coin = write(&dir, "BTCUSD_PERP-1m-2024.csv", MINUTE);
    assert!(open(of_venue(&coin, "binance")).unwrap_err().contains("BTCUSD_PERP is a COIN-M future"));
    let header = KLINES.replace("open,high", "high,open");
    let path = write(&dir, "BTCUSDT-1m-x.csv", format!("{header}{MINUTE}"));
    assert!(open(of_venue(&path, "binance")).unwrap_err().contains(":1: the columns are not open_time,open,high"));
}

const TARDIS_TRADES: &str = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n";
const TARDIS_QUOTES: &str = "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount\n";

#[test]
fn tardis_trades_have_their_own_receive_time_and_ids() {
    let dir = TempDir::new().unwrap();
    let rows = "binance-futures,BTCUSDT,1723161254001002,1723161254003004,7,sell,61837.6,0.5\n\
                deribit,BTC-PERPETUAL,1723161255000000,1723161255000000,ETH-7,buy,61837.5,3\n\
                binance,BTCUSDT,1723161256000000,1723161256000001,,unknown,61837.63,2\n";
    let trade = |instrument: &str, received: u64, event: Option<u64>, rest: [&str; 3], id: Option<&str>| {
        let [price, quantity, aggressor] = rest;
        let mut map = serde_json::json!({"instrument": instrument, "kind": "trade", "ts_recv": received});
        map["price"] = price.into();
        map["quantity"] = quantity.into();
        map["aggressor"] = aggressor.into();
        if let Some(event) = event {
            map["ts_event"] = event.into();
        }
        if let Some(id) = id {
            map["trade_id"] = id.parse::<u64>().map_or_else(|_| id.into(), Into::into);
        }
        map
    };
    let us = 1_000;
    let first = ["61837.6", "0.5", "seller"];
    let expected = [
        trade("binance-usdm.BTCUSDT", 1_723_161_254_003_004 * us, Some(1_723_161_254_001_002 * us), first, Some("7")),
        trade("deribit.BTC-PERPETUAL", 1_723_161_255_000_000 * us, None, ["61837.5", "3", "buyer"], Some("ETH-7")),
        trade(
            "binance.BTCUSDT",
            1_723_161_256_000_001 * us,
            Some(1_723_161_256_000_000 * us),
            ["61837.63", "2", "unknown"],
            None,
        ),
    ];
    let path = write(&dir, "any.csv", format!("{TARDIS_TRADES}{rows}"));
    let read: Vec<serde_json::Value> = maps(&path).iter().map(|map| serde_json::from_str(map).unwrap()).collect();
    assert_eq!(read, expected);
    let (events, summary) = open_all(&of_file(&path)).unwrap();
    assert!(events.iter().all(|(_, event)| event.source.as_str() == "tardis"));
    assert_eq!(
        summary.assumed,
        [
            "exchange binance-futures is the venue binance-usdm",
            "rows are trades: files of liquidations have the same columns",
        ]
    );
    let error = error_of(&dir, "binance-futures_liquidations_2024-08-08_BTCUSDT.csv", TARDIS_TRADES);
    assert!(error.contains("the name says that these are liquidations"), "{error}");
    let header = TARDIS_TRADES.replace("id,side", "is_snapshot,side");
    for header in [header, TARDIS_TRADES.replace("amount", "amount,flag")] {
        let error = error_of(&dir, "book.csv", &header);
        assert!(error.contains("csv:1: the columns are neither exchange,symbol,timestamp,"), "{error}");
    }
    let spelled =
        error_of(&dir, "t.csv", &format!("{TARDIS_TRADES}{}", rows.replace("deribit,BTC-P", "deribit,btc-P")));
    assert!(spelled.starts_with("no definition for deribit.btc-PERPETUAL"), "{spelled}");
    for (from, to, detail) in [
        ("sell", "short", r#":2: side "short" is neither buy, sell nor unknown"#),
        (
            "1723161254003004",
            "1723161254003",
            ":2: local_timestamp 1723161254003 is not a time from 2000 to 2100 in µs",
        ),
        ("binance-futures", "a.b", ":2: "),
        (",7,", ",", ":2: 7 fields, the header has 8"),
        (",0.5\n", ",0.5,9\n", ":2: 9 fields, the header has 8"),
    ] {
        let error = error_of(&dir, "t.csv", &format!("{TARDIS_TRADES}{}", rows.replace(from, to)));
        assert!(error.contains(detail), "{error}");
    }
}

#[test]
fn tardis_quotes_are_published_in_any_order_of_columns_and_may_lack_a_side() {
    let dir = TempDir::new().unwrap();
    let rows = "binance,BTCUSDT,1723161254001002,1723161254003004,2,61837.64,61837.63,3\n\
                binance,BTCUSDT,1723161254001003,1723161254003005,,,61837.63,3\n";
    let path = write(&dir, "q.csv", format!("{TARDIS_QUOTES}{rows}"));
    let expected = serde_json::json!({
        "instrument": "binance.BTCUSDT", "kind": "quote", "ts_recv": 1_723_161_254_003_004_000_u64,
        "ts_event": 1_723_161_254_001_002_000_u64, "bid": "61837.63", "bid_size": "3", "ask": "61837.64",
        "ask_size": "2",
    });
    let [both, one] = &maps(&path)[..] else { panic!("two quotes") };
    assert_eq!(*both, expected.to_string());
    assert!(one.contains(r#""bid":"61837.63""#) && !one.contains(r#""ask":"#), "nothing is offered: {one}");
    let swapped = "exchange,symbol,timestamp,local_timestamp,bid_price,bid_amount,ask_price,ask_amount\n\
                   binance,BTCUSDT,1723161254001002,1723161254003004,61837.63,3,61837.64,2\n";
    assert_eq!(maps(&write(&dir, "q.csv", swapped)), [expected.to_string()]);
}
