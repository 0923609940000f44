//! The decoders of messages, each with its bound on the heap.

use std::sync::{Mutex, MutexGuard, PoisonError};

use proptest::test_runner::Config;
use tapedeck_feeds::{Selection, Setup};
use tapedeck_schemas::command::{Command, Request};
use tapedeck_schemas::event::{ClockAdvanced, Scope};
use tapedeck_schemas::market::{self, MESSAGE_EVENTS_MAX, MarketBody, MarketEvent};
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::{self, Entry, Header, RECORD_EVENTS_MAX, RecordHash, Writer};
use tapedeck_schemas::subject::MarketKind;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
/// serde preallocates at most 1 MiB for the declared length of an array; the rest is a margin.
const SERDE_BYTES: usize = MIB + 64 * KIB;

/// A decoder under test.
pub(crate) struct Decoder {
    pub(crate) name: &'static str,
    /// Whether the input is an error.
    pub(crate) is_error: fn(&[u8]) -> bool,
    /// A valid message.
    pub(crate) valid: Vec<u8>,
    /// Heap allowed for any input, in bytes: the largest number of events, or the buffers of a file.
    pub(crate) fixed: usize,
    /// Heap allowed in addition for each byte of the input.
    pub(crate) per_byte: usize,
}

/// All decoders of messages.
pub(crate) fn decoders() -> Vec<Decoder> {
    let header = Header { writer: Writer::Ingest, epoch: 1, prev_hash: RecordHash([5; 32]), inbox: None };
    let entry = Entry { cause: Offset::new(7, 0), index: 0, at: 5, event: ClockAdvanced { time: 5 }.into() };
    let limits =
        Request::Limits { scope: Scope::All, values: vec![("risk.max_position".into(), "5".parse().unwrap())] };
    let command = Command { id: None, by: "ann".into(), reason: "because".into(), request: limits };
    let entry_bytes = size_of::<Entry>();
    let batch = market::encode_batch(&[event(), event()]);
    let map = market::messagepack_map(&"binance.BTCUSDT".parse().unwrap(), &event());
    vec![
        Decoder {
            name: "record",
            is_error: |bytes| record::decode(bytes).is_err(),
            valid: record::encode(&header, &[entry.clone(), entry]),
            fixed: RECORD_EVENTS_MAX * entry_bytes + SERDE_BYTES,
            per_byte: 8,
        },
        Decoder {
            name: "market",
            is_error: |bytes| market::decode(MarketKind::Batch, bytes).iter().any(Result::is_err),
            valid: batch,
            fixed: MESSAGE_EVENTS_MAX * 8 * KIB,
            per_byte: 8,
        },
        Decoder {
            name: "command",
            is_error: |bytes| Command::decode(bytes).is_err(),
            valid: command.encode(),
            fixed: SERDE_BYTES,
            per_byte: 64,
        },
        Decoder { name: "file", is_error: |bytes| file(bytes).is_err(), valid: map, fixed: MIB, per_byte: 64 },
    ]
}

fn event() -> MarketEvent {
    let source = "feed".parse().unwrap();
    let session = "s".parse().unwrap();
    MarketEvent { source, session, seq: 1, ts_recv: 5, ts_event: None, body: MarketBody::HEARTBEAT }
}

/// The number of items in a file of these bytes.
pub(crate) fn file(bytes: &[u8]) -> Result<usize, String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let selection = Selection { files: vec![file.path().into()], ..Selection::default() };
    let (_, feed, _) = tapedeck_feeds::open(&selection, &Setup::built_in()).map_err(|error| error.to_string())?;
    Ok(feed.map(Result::unwrap).count())
}

/// Levels of nesting; a decoder that recursed for each would need some MiB of stack.
pub(crate) const DEEP: usize = 100_000;

/// Setups with deep nesting.
pub(crate) fn deep_setups() -> Vec<String> {
    vec![
        format!("weights = {}", "[".repeat(DEEP)),
        format!("weights = {}", "{a=".repeat(DEEP)),
        format!("weights.{} = 1", "a.".repeat(DEEP) + "a"),
        format!("[{}]\nb = 1", "a.".repeat(DEEP) + "a"),
        format!("[[{}]]", "a.".repeat(DEEP) + "a"),
        format!("weights = {}{}", "[".repeat(DEEP), "]".repeat(DEEP)),
    ]
}

/// Serializes the tests, with the construction of their input, because they measure the heap of the process.
pub(crate) fn serialize() -> MutexGuard<'static, ()> {
    static SERIAL: Mutex<()> = Mutex::new(());
    SERIAL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The default configuration without files of failed cases: a failed case becomes a test.
pub(crate) fn config() -> Config {
    Config { failure_persistence: None, ..Config::default() }
}
