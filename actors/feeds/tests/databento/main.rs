//! Databento's files: schemas, symbols by time, venues, and the errors of truncated, damaged and hostile files.

#[path = "../common/mod.rs"]
mod common;
mod damage;
mod events;

use std::ffi::c_char;

use common::maps_of_events;
use dbn::encode::{DbnEncoder, EncodeRecord};
use dbn::{
    BboMsg, BidAskPair, MappingInterval, Mbp1Msg, Metadata, OhlcvMsg, RecordHeader, SType, Schema, SymbolMapping,
    TradeMsg, UNDEF_ORDER_SIZE, UNDEF_PRICE, UNDEF_TIMESTAMP, WithTsOut, rtype,
};
use serde_json::{Value, json};
use tapedeck_feeds::{Payload, Selection, Setup, Summary};
use tempfile::TempDir;
use time::{Date, Month};

/// 2024-03-04T14:30:00Z, and the same time on the next day, ns since the epoch.
const MONDAY: u64 = 1_709_562_600_000_000_000;
const TUESDAY: u64 = MONDAY + 86_400_000_000_000;

fn setup() -> Setup {
    let one = |id: &str| {
        format!(
            "[[instrument]]\nid = \"{id}\"\nbase = \"X\"\nquote = \"USD\"\ntick_size = \"0.01\"\nlot_size = \"1\"\n\
             min_notional = \"0\"\n"
        )
    };
    let ids = ["xnas-itch.ABC", "xnas-itch.BRK.B", "nasdaq.ABC", "xnas-itch.XYZ"];
    Setup::parse("test", &ids.map(one).concat()).unwrap()
}

fn day(of_march: u8) -> Date {
    Date::from_calendar_date(2024, Month::March, of_march).unwrap()
}

fn mapping(from: &str, to: &[(u8, u8, &str)]) -> SymbolMapping {
    let interval = |&(start, end, symbol): &(u8, u8, &str)| MappingInterval {
        start_date: day(start),
        end_date: day(end),
        symbol: symbol.into(),
    };
    SymbolMapping { raw_symbol: from.into(), intervals: to.iter().map(interval).collect() }
}

/// Id 7 is ABC on Monday and BRK.B on Tuesday.
fn mappings() -> Vec<SymbolMapping> {
    vec![mapping("ABC", &[(4, 5, "7"), (5, 6, "")]), mapping("BRK.B", &[(5, 6, "7")]), mapping("XYZ", &[(1, 31, "9")])]
}

fn metadata(schema: Schema) -> Metadata {
    metadata_of(dbn::DBN_VERSION, schema)
}

fn metadata_of(version: u8, schema: Schema) -> Metadata {
    let builder = Metadata::builder().version(version).dataset("XNAS.ITCH").schema(Some(schema)).start(MONDAY);
    builder.stype_in(Some(SType::RawSymbol)).stype_out(SType::InstrumentId).mappings(mappings()).build()
}

/// A file in memory.
fn encoded<R: dbn::encode::DbnEncodable>(metadata: &Metadata, records: &[R]) -> Vec<u8> {
    let mut bytes = Vec::new();
    DbnEncoder::new(&mut bytes, metadata).unwrap().encode_records(records).unwrap();
    bytes
}

/// The events as maps of the contract, and the summary.
fn open_with(bytes: &[u8], flags: Selection) -> Result<(Vec<Value>, Summary), String> {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("any");
    std::fs::write(&path, bytes).unwrap();
    let selection = Selection { files: vec![path], ..flags };
    let (_, feed, _) = tapedeck_feeds::open(&selection, &setup()).map_err(|error| error.to_string())?;
    let summary = feed.summary().clone();
    let mut events = Vec::new();
    for item in feed {
        let item = item.map_err(|error| error.to_string())?;
        let Payload::Event(event) = item.payload else { panic!("raw bytes from a file") };
        assert_eq!(event.source.as_str(), "databento");
        events.push((item.instrument.to_string(), event));
    }
    let map = |text: String| serde_json::from_str(&text).unwrap();
    Ok((maps_of_events(&events).into_iter().map(map).collect(), summary))
}

fn open(bytes: &[u8]) -> Result<(Vec<Value>, Summary), String> {
    open_with(bytes, Selection::default())
}

fn given(instrument: &str) -> Selection {
    Selection { instrument: Some(instrument.parse().unwrap()), ..Selection::default() }
}

fn error(bytes: &[u8]) -> String {
    error_with(bytes, Selection::default())
}

fn error_with(bytes: &[u8], flags: Selection) -> String {
    open_with(bytes, flags).err().unwrap_or_else(|| panic!("accepted: {} bytes", bytes.len()))
}

fn trade(id: u32, ns: u64, price: i64, size: u32, side: u8) -> TradeMsg {
    TradeMsg {
        hd: RecordHeader::new::<TradeMsg>(rtype::MBP_0, 2, id, ns - 50),
        price,
        size,
        action: b'T' as c_char,
        side: side as c_char,
        ts_recv: ns,
        sequence: 11,
        ..TradeMsg::default()
    }
}

fn level(bid: (i64, u32), ask: (i64, u32)) -> BidAskPair {
    BidAskPair { bid_px: bid.0, bid_sz: bid.1, ask_px: ask.0, ask_sz: ask.1, ..BidAskPair::default() }
}

fn book(action: u8, level: BidAskPair) -> Mbp1Msg {
    Mbp1Msg {
        hd: RecordHeader::new::<Mbp1Msg>(rtype::MBP_1, 2, 9, MONDAY - 50),
        price: 20_250_000_000,
        size: 300,
        action: action as c_char,
        side: b'A' as c_char,
        ts_recv: MONDAY,
        levels: [level],
        ..Mbp1Msg::default()
    }
}

/// A quote; a side that is `None` is absent.
fn quoted(ts_event: Option<u64>, bid: Option<(&str, &str)>, ask: Option<(&str, &str)>) -> Value {
    let mut map = json!({"instrument": "xnas-itch.XYZ", "kind": "quote", "ts_recv": MONDAY});
    for (name, side) in [("bid", bid), ("ask", ask)] {
        if let Some((price, _)) = side {
            map[name] = price.into();
        }
        map[format!("{name}_size")] = side.map_or("0", |(_, size)| size).into();
    }
    if let Some(ns) = ts_event {
        map["ts_event"] = ns.into();
    }
    map
}

fn printed(instrument: &str, ns: u64, price: &str, quantity: &str, aggressor: &str) -> Value {
    json!({
        "instrument": instrument, "kind": "trade", "ts_recv": ns, "ts_event": ns - 50, "price": price,
        "quantity": quantity, "aggressor": aggressor,
    })
}

fn trades() -> Vec<TradeMsg> {
    vec![
        trade(7, MONDAY, 101_000_000_001, 100, b'A'),
        trade(9, MONDAY + 1, 9_223_372_036_000_000_000, 1, b'B'),
        trade(7, TUESDAY, 400_000_000_000_000, 4_000_000_000, b'N'),
        trade(7, TUESDAY, UNDEF_PRICE, 5, b'A'),
    ]
}

fn expected_trades() -> Vec<Value> {
    vec![
        printed("xnas-itch.ABC", MONDAY, "101.000000001", "100", "seller"),
        printed("xnas-itch.XYZ", MONDAY + 1, "9223372036", "1", "buyer"),
        printed("xnas-itch.BRK.B", TUESDAY, "400000", "4000000000", "unknown"),
    ]
}
