//! Files of tests, and the events that are read from them.
#![allow(dead_code)] // each test uses some of it

use std::io::Write as _;
use std::path::{Path, PathBuf};

use tapedeck_feeds::{Item, Payload, Selection, Setup, Summary};
use tapedeck_schemas::json::JsonTimes;
use tapedeck_schemas::market::{self, MarketEvent};
use tempfile::TempDir;
use zip::write::SimpleFileOptions;

/// The instruments that the test files do not define themselves.
pub(crate) const SETUP: &str = r#"
[[instrument]]
id = "binance.BTCUSDT"
base = "BTC"
quote = "USDT"
tick_size = "0.01"
lot_size = "0.00001"
min_notional = "5"
[[instrument]]
id = "binance-usdm.BTCUSDT"
base = "BTC"
quote = "USDT"
tick_size = "0.1"
lot_size = "0.001"
min_notional = "5"
[[instrument]]
id = "oanda.EURUSD"
base = "EUR"
quote = "USD"
tick_size = "0.00001"
lot_size = "1"
min_notional = "0"
[[instrument]]
id = "fxcm.EURUSD"
base = "EUR"
quote = "USD"
tick_size = "0.00001"
lot_size = "1"
min_notional = "0"
[[instrument]]
id = "coinbase.BTC-USD"
base = "BTC"
quote = "USD"
tick_size = "0.01"
lot_size = "0.00000001"
min_notional = "0"
[[instrument]]
id = "coinbase.eth-USD"
base = "ETH"
quote = "USD"
tick_size = "0.01"
lot_size = "0.00000001"
min_notional = "0"
[[instrument]]
id = "deribit.BTC-PERPETUAL"
base = "BTC"
quote = "USD"
tick_size = "0.5"
lot_size = "1"
min_notional = "0"
"#;

pub(crate) fn write(dir: &TempDir, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = dir.path().join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, content).unwrap();
    path
}

pub(crate) fn zipped(dir: &TempDir, name: &str, within: &[(&str, &str)]) -> PathBuf {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let mut writer = zip::ZipWriter::new(&mut bytes);
    for (name, content) in within {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(content.as_bytes()).unwrap();
    }
    writer.finish().unwrap();
    write(dir, name, bytes.into_inner())
}

pub(crate) fn open(selection: Selection) -> Result<Vec<(String, MarketEvent)>, String> {
    open_all(&selection).map(|(events, _)| events)
}

/// The events and the summary of a selection.
pub(crate) fn open_all(selection: &Selection) -> Result<(Vec<(String, MarketEvent)>, Summary), String> {
    let setup = Setup::parse("test", SETUP).unwrap();
    let (_, feed, items) = tapedeck_feeds::open(selection, &setup).map_err(|error| error.to_string())?;
    let event = |item: Item| match item.payload {
        Payload::Event(event) => (item.instrument.to_string(), event),
        Payload::Raw(bytes) => panic!("raw bytes {bytes:?} from a file"),
    };
    let summary = feed.summary().clone();
    let all: Vec<_> = feed.map(|item| event(item.unwrap())).collect();
    assert_eq!(all.len() as u64, items);
    Ok((all, summary))
}

pub(crate) fn of_file(path: &Path) -> Selection {
    Selection { files: vec![path.to_path_buf()], ..Selection::default() }
}

/// The events of a file whose entries can all be read.
pub(crate) fn read(path: &Path) -> Result<Vec<(String, MarketEvent)>, String> {
    open(Selection { is_strict: true, ..of_file(path) })
}

/// The events as the contract's maps, without definitions and without source, session and number.
pub(crate) fn maps(path: &Path) -> Vec<String> {
    maps_of(Selection { is_strict: true, ..of_file(path) })
}

/// The events of a selection as the contract's maps.
pub(crate) fn maps_of(selection: Selection) -> Vec<String> {
    maps_of_events(&open(selection).unwrap_or_else(|error| panic!("{error}")))
}

/// Events as the contract's maps, without definitions and without source, session and number.
pub(crate) fn maps_of_events(events: &[(String, MarketEvent)]) -> Vec<String> {
    let line = |(instrument, event): &(String, MarketEvent)| {
        let line = market::json_line(&instrument.parse().unwrap(), event, JsonTimes::Number);
        let mut map: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&line).unwrap();
        map.retain(|name, _| !["source", "session", "seq"].contains(&name.as_str()));
        serde_json::to_string(&map).unwrap()
    };
    events.iter().filter(|(_, event)| event.body.kind().as_str() != "definition").map(line).collect()
}

pub(crate) fn error_of(dir: &TempDir, name: &str, content: &str) -> String {
    read(&write(dir, name, content)).err().unwrap_or_else(|| panic!("accepted: {content}"))
}

/// The entries that are left out, by kind.
pub(crate) fn skipped(summary: &Summary) -> Vec<(&'static str, u64)> {
    summary.skipped.clone().into_iter().collect()
}

/// The entries that cannot be read: kind, count, line of the first, and its defect.
pub(crate) fn unreadable(summary: &Summary) -> Vec<(&'static str, u64, u64, &str)> {
    let all = summary.unreadable.iter();
    all.map(|(kind, one)| (*kind, one.count, one.first.line, one.first.detail.as_str())).collect()
}
