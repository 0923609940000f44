//! Writes the seeds of fuzzing into a folder, one subfolder a target: `cargo run --example seeds -- FOLDER`.
//!
//! The seeds are golden bytes, encoded samples, the rows of docs/publishing.md, and lines of every file format.

use std::ffi::c_char;
use std::path::PathBuf;

use dbn::encode::{DbnEncodable, DbnEncoder, EncodeRecord};
use dbn::{
    BidAskPair, MappingInterval, Mbp1Msg, Metadata, RecordHeader, SType, Schema, SymbolMapping, TradeMsg, rtype,
};

use tapedeck_decoders::{command, files, ingest, market as on_market};
use tapedeck_feeds::{Payload, Selection, Setup};
use tapedeck_schemas::command::{Command, Request};
use tapedeck_schemas::event::{HaltLevel, Scope};
use tapedeck_schemas::ids::OrderId;
use tapedeck_schemas::json::JsonTimes;
use tapedeck_schemas::market::{self, MarketEvent};
use tapedeck_schemas::subject::MarketKind;
use time::{Date, Month};

const PAGE: &str = include_str!("../../../docs/publishing.md");
const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../schemas/golden");

const CAPTURE: &str = concat!(
    r#"1723161254087891268 {"stream":"btcusdt@bookTicker","data":{"u":50093239212,"s":"BTCUSDT","b":"61837.63","#,
    r#""B":"3.78","a":"61837.64","A":"0.5"}}"#,
    "\n",
    r#"1723161254087891269 {"stream":"btcusdt@trade","data":{"e":"trade","E":1,"s":"BTCUSDT","t":3735683259,"#,
    r#""p":"61837.64","q":"0.00012","T":1723161254086,"m":false,"M":true}}"#,
    "\n",
    r#"1723161254087891270 {"stream":"btcusdt@depth@100ms","data":{"b":[["1","2"]]}}"#,
    "\n",
    r#"1723161254087891271 {"lastUpdateId":1,"bids":[]}"#,
    "\n",
);
const CRYPTOFEED: &str = concat!(
    "configuration: {}\n",
    r#"1618677817.2: {"type":"heartbeat","sequence":90,"product_id":"BTC-USD"}"#,
    "\n",
    "wss://stream.binance.com:9443/stream?streams=btcusdt@bookTicker <-> 1618677816.8434298\n",
    r#"https://api.binance.com/api/v3/depth -> 1618677816.9: {"lastUpdateId":1}"#,
    "\n",
    r#"1618677817.0616: {"u":400,"s":"BTCUSDT","b":"61837.63","B":"3.78","a":"61837.64","A":"0.5"}"#,
    "\n",
    r#"1618677817.1: {"e":"trade","E":1,"s":"BTCUSDT","t":5,"p":"61837.64","q":"0.01","T":1618677817086,"m":false}"#,
    "\n",
);
const COINBASE: &str = concat!(
    "wss://ws-feed.exchange.coinbase.com <-> 1618677816.8434298\n",
    r#"wss://ws-feed.exchange.coinbase.com <- 1618677816.9: {"type":"subscribe"}"#,
    "\n",
    r#"1618677817.1: {"type":"ticker","sequence":50,"product_id":"BTC-USD","best_bid":"62000.00","#,
    r#""best_bid_size":"1.5","best_ask":"62000.75","best_ask_size":"0.002","time":"2021-04-17T16:43:37.000001Z"}"#,
    "\n",
    r#"1618677817.2: {"type":"match","trade_id":7,"side":"sell","size":"0.5","price":"62000.5","#,
    r#""product_id":"BTC-USD","sequence":50,"time":"2021-04-17T16:43:37.0897Z"}"#,
    "\n",
);
const AGGREGATES: &str = concat!(
    r#"1723161254087891268 {"e":"aggTrade","E":1,"s":"BTCUSDT","a":26129,"p":"61837.6","q":"0.5","f":1,"l":2,"#,
    r#""T":1723161254086,"m":true,"M":true}"#,
    "\n",
    r#"1723161254087891269 {"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":1,"s":"BTCUSDT","a":26130,"#,
    r#""p":"61837.6","q":"0.5","f":3,"l":3,"T":1723161254087,"m":false,"M":true}}"#,
    "\n",
);
const TABLE: &str =
    "instrument,ts_recv,price,quantity,aggressor,note\nbinance.BTCUSDT,5,1.5,\"2\",seller,\"a, \"\"b\"\n";
const MIXED: &str = "instrument,kind,ts_recv,price,quantity,bid,bid_size,ask,ask_size\n\
                     binance.BTCUSDT,trade,5,1.5,2,,,,\nbinance.BTCUSDT,quote,6,,,1.4,1,1.6,1\n";
const BULK: &str = "26129,0.01633102,4.70443515,27781,27781,1723161254001,True,True\n";
const TRADES: &str = "11,0.5,3,1.5,1723161254001234,true,true\r\n12,0.25,4,1.0,1723161254001235,false,true\r\n";
const FUTURES: &str = "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker\n\
                       9,2,1,1,1,1723161254001,true\n";
const LEAN: &str = "8715,1.39101,1.39114\r\n86389008,1.38422,1.38431\r\n";
const KLINES: &str = "1723161240000,61837.6,61840,61830.5,61835,12.5,1723161299999,773000.1,42,6.1,377000,0\n";
const TARDIS: &str = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount\n\
                      binance,BTCUSDT,1723161254001002,1723161254003004,7,sell,61837.6,0.5\n";
const TARDIS_QUOTES: &str = "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount\n\
                             binance,BTCUSDT,1723161254001002,1723161254003004,2,61837.64,61837.63,3\n";
const FACT: &str = "{\"offset\":\"p0:1.2\",\"writer\":\"risk\"}\n";

/// 2024-03-04T14:30:00Z, ns since the epoch.
const MONDAY: u64 = 1_709_562_600_000_000_000;

const NUMBERS: &[&str] = &[
    "0",
    "-0",
    "1.50",
    "0.000000001",
    "-3",
    "000.10",
    "61837.63000000",
    "1e3",
    "0.1E+2",
    "1e-12",
    "1e400",
    "0e-400",
    "1.0000000000000000000",
    "10 1e1",
    "NaN",
    ".5",
    "",
    "+1",
    "1.",
    "0.0000000000001",
    "10000000001",
    "10000000000 -10000000000",
    "10000000000000 3",
    "100000000000000000 -1000000000000000000",
    "0.000000000001 1000000000000000000",
    "0.000000000000000000001 0.5",
    "61837.63 0.01",
    "1 0",
    "\"1.5\"",
];
const NAMES: &[&str] = &[
    "binance",
    "binance.BTCUSDT",
    "md.binance.BTCUSDT.quote",
    "md-status.feed1",
    "1234.5",
    "1m",
    "250ms",
    "1h",
    "1d",
    "100t",
    "2.5v",
    "1m-quote",
    "100t-quote",
    "1m,100t,1s-quote",
    "all",
    "buyer",
    "07070707070707070707070707070707",
    "a234567890123456789012345",
    "a b",
    "0m",
    "25h",
    "18446744073709551616.1",
];

struct Seeds {
    folder: PathBuf,
    count: usize,
}

impl Seeds {
    fn add(&mut self, target: &str, bytes: impl AsRef<[u8]>) {
        let folder = self.folder.join(target);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("seed-{:04}", self.count)), bytes).unwrap();
        self.count += 1;
    }

    /// Adds a message for the targets `market` and `ingest`.
    fn message(&mut self, subject: u8, payload: &[u8]) {
        self.add("market", [&[subject], payload].concat());
        self.add("ingest", ingest::framed(subject, payload));
    }
}

fn main() {
    let folder = std::env::args().nth(1).expect("give the folder to write into");
    let mut seeds = Seeds { folder: folder.into(), count: 0 };
    golden(&mut seeds);
    synthetic_market(&mut seeds);
    rows_of_publishing_page(&mut seeds);
    commands(&mut seeds);
    setups(&mut seeds);
    market_files(&mut seeds);
    NUMBERS.iter().for_each(|text| seeds.add("numbers", text));
    NAMES.iter().for_each(|text| seeds.add("names", text));
    println!("{} seeds", seeds.count);
}

fn golden(seeds: &mut Seeds) {
    let mut paths: Vec<_> = std::fs::read_dir(GOLDEN).unwrap().map(|file| file.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        let bytes = bytes(text.trim());
        match path.ends_with("market_batch.hex") {
            true => seeds.message(5, &bytes),
            false => seeds.add("record", bytes),
        }
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// The synthetic market, one event a message and in batches, in both encodings.
fn synthetic_market(seeds: &mut Seeds) {
    let selection = Selection { seed: 1, events: 60, ..Selection::default() };
    let (_, feed, _) = tapedeck_feeds::open(&selection, &Setup::built_in()).unwrap();
    let events: Vec<(String, MarketEvent)> = feed
        .filter_map(|item| match item.unwrap().payload {
            Payload::Event(event) => Some(event),
            Payload::Raw(_) => None,
        })
        .map(|event| (market::json_line(&"demo.ACME".parse().unwrap(), &event, JsonTimes::Number), event))
        .collect();
    for (line, event) in events.iter().step_by(3).take(20) {
        let kind = on_market::KINDS.iter().position(|kind| *kind == event.body.kind()).unwrap() as u8;
        seeds.message(kind, &market::encode(event));
        seeds.message(kind, line.as_bytes());
        seeds.message(5, format!("[{line},{line}]").as_bytes());
    }
    let all: Vec<MarketEvent> = events.into_iter().map(|(_, event)| event).collect();
    seeds.message(5, &market::encode_batch(&all[..all.len().min(24)]));
    assert_eq!(on_market::KINDS[5], MarketKind::Batch);
}

/// The table of bad inputs: each row alone, and all in sequence.
fn rows_of_publishing_page(seeds: &mut Seeds) {
    let table = PAGE.split("## What becomes of bad input").nth(1).unwrap();
    let mut sequence = Vec::new();
    for (number, line) in table.lines().filter(|line| line.starts_with("| ")).skip(1).enumerate() {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let subject = format!("md.{}", cells[1]);
        let payload = fill_placeholders(cells[2].trim_matches('`'), number);
        let at = ingest::SUBJECTS.iter().position(|one| **one == subject).unwrap_or(5) as u8;
        seeds.message(at, payload.as_bytes());
        sequence.extend(ingest::framed(at, payload.as_bytes()));
    }
    sequence.chunks(1500).for_each(|part| seeds.add("ingest", part));
    seeds.add("ingest", sequence);
    seeds.add("ingest", ingest::framed(8, b"md.demo.ACME.trade\n"));
}

fn fill_placeholders(text: &str, number: usize) -> String {
    let now = ingest::STAMP + 1_000_000_000;
    let head = |seq: u64| format!(r#""source":"bad","session":"row{number}","seq":{seq},"ts_recv":{now}"#);
    let later = [2, 3].iter().fold(text.to_string(), |text, seq| text.replace(&format!("…{seq}"), &head(*seq)));
    let times = [("AHEAD", now + 60_000_000_000), ("AGO", now - 3_600_000_000_000), ("NOW", now)];
    times.iter().fold(later.replace('…', &head(1)), |text, (name, time)| text.replace(name, &time.to_string()))
}

fn commands(seeds: &mut Seeds) {
    let instrument = "binance.BTCUSDT".parse().unwrap();
    let ratio = "0.5".parse().unwrap();
    let requests = [
        Request::Limits { scope: Scope::All, values: vec![("risk.max_position".into(), "5000".parse().unwrap())] },
        Request::Limits { scope: Scope::Instrument(instrument), values: vec![("signal.threshold".into(), ratio)] },
        Request::Weights { weights: vec![("ewma".parse().unwrap(), ratio), ("zscore".parse().unwrap(), ratio)] },
        Request::Halt { scope: Scope::All, level: HaltLevel::Halted },
        Request::Resume { scope: Scope::Instrument(instrument) },
        Request::Cancel { order: OrderId([7; 16]) },
        Request::Fund {
            account: "sim-p0".parse().unwrap(),
            currency: "USDT".parse().unwrap(),
            amount: "-100000000000000000".parse().unwrap(),
        },
    ];
    for request in requests {
        let verb = command::VERBS.iter().position(|verb| *verb == request.verb()).unwrap() as u8;
        let encoded = Command { id: None, by: "ann".into(), reason: "because".into(), request }.encode();
        seeds.add("command", [&[verb], &encoded[..]].concat());
        seeds.add("command", [&[7 - verb], &encoded[..encoded.len() - 1]].concat());
    }
}

fn setups(seeds: &mut Seeds) {
    let whole = Setup::default_toml();
    seeds.add("setup", whole);
    whole.split("\n\n").for_each(|part| seeds.add("setup", part));
    seeds.add("setup", "");
}

fn market_files(seeds: &mut Seeds) {
    let binance = "binance.BTCUSDT".parse().unwrap();
    let event = &market::decode(MarketKind::Heartbeat, br#"{"source":"a","session":"s","seq":1,"ts_recv":5}"#)[0];
    let event = event.as_ref().unwrap();
    let (line, map) = (market::json_line(&binance, event, JsonTimes::Number), market::messagepack_map(&binance, event));
    let own = format!("{FACT}{line}\n\n[{line},{line}]\n");
    let packed = [&map[..], b"\x81\xa6offset\xa6p0:1.2", &map].concat();
    let named = |name: &str, content: &str| format!("{name}\n{content}").into_bytes();
    let (trades, books) = (databento_trades(), databento_books());
    let contents: [(u8, Vec<u8>); 28] = [
        (0, CAPTURE.into()),
        (0, own.clone().into()),
        (0, packed.clone()),
        (0, TABLE.into()),
        (0, MIXED.into()),
        (1, BULK.into()),
        (1, FUTURES.into()),
        (4, CAPTURE.into()),
        (4, packed),
        (5, LEAN.into()),
        (6, TRADES.into()),
        (7, named("BTCUSDT-trades-2024-08-08", TRADES)),
        (8, named("20140508_eurusd_tick_quote.csv", LEAN)),
        (8, named("20140508_eurusd_tick_quote.csv.gz", LEAN)),
        (2, packed_file(files::SHAPES[5], LEAN)),
        (3, packed_file(files::SHAPES[4], &own)),
        (9, KLINES.into()),
        (0, TARDIS.into()),
        (0, TARDIS_QUOTES.into()),
        (0, TARDIS.replace(',', ";").into()),
        (1, format!("\u{feff}{FUTURES}{FUTURES}").into()),
        (0, CRYPTOFEED.into()),
        (0, COINBASE.into()),
        (0, AGGREGATES.into()),
        (0, [AGGREGATES, CAPTURE].concat().into()),
        (0, zstd::encode_all(&trades[..], 3).unwrap()),
        (0, trades),
        (0, books),
    ];
    for (shape, content) in contents {
        seeds.add("files", [&[shape], &content[..]].concat());
    }
}

/// A DBN file of BTCUSDT at the venue `binance`, which the built-in setup defines.
fn databento<R: DbnEncodable>(schema: Schema, records: &[R]) -> Vec<u8> {
    let day = |of_march| Date::from_calendar_date(2024, Month::March, of_march).unwrap();
    let interval = MappingInterval { start_date: day(4), end_date: day(5), symbol: "7".into() };
    let mappings = vec![SymbolMapping { raw_symbol: "BTCUSDT".into(), intervals: vec![interval] }];
    let builder = Metadata::builder().dataset("binance").schema(Some(schema)).start(MONDAY);
    let header = builder.stype_in(Some(SType::RawSymbol)).stype_out(SType::InstrumentId).mappings(mappings).build();
    let mut bytes = Vec::new();
    DbnEncoder::new(&mut bytes, &header).unwrap().encode_records(records).unwrap();
    bytes
}

fn databento_trades() -> Vec<u8> {
    let hd = RecordHeader::new::<TradeMsg>(rtype::MBP_0, 1, 7, MONDAY - 50);
    let action = b'T' as c_char;
    let sold = TradeMsg { hd, price: 61_837_630_000_000, size: 2, action, ts_recv: MONDAY, ..TradeMsg::default() };
    databento(Schema::Trades, &[TradeMsg { side: b'A' as c_char, ..sold.clone() }, sold])
}

fn databento_books() -> Vec<u8> {
    let hd = RecordHeader::new::<Mbp1Msg>(rtype::MBP_1, 1, 7, MONDAY - 50);
    let price = 61_837_630_000_000;
    let level = BidAskPair { bid_px: price, ask_px: price + 10_000_000, bid_sz: 3, ask_sz: 4, bid_ct: 1, ask_ct: 1 };
    let book = Mbp1Msg { hd, price, size: 2, ts_recv: MONDAY, levels: [level], ..Mbp1Msg::default() };
    databento(Schema::Mbp1, &[Mbp1Msg { action: b'T' as c_char, side: b'B' as c_char, ..book.clone() }, book])
}

/// The bytes of a file of this shape.
fn packed_file(shape: files::Shape, content: &str) -> Vec<u8> {
    files::packed(shape, content.as_bytes()).1
}
