//! The decoders of messages side by side, and what each may cost.

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
/// What serde gives an array in advance of what it declares is at most 1 MiB; and small change.
const SERDE_BYTES: usize = MIB + 64 * KIB;

/// A decoder: whether it refuses, a message that it takes, and its share of the heap.
pub(crate) struct Decoder {
    pub(crate) name: &'static str,
    pub(crate) refuses: fn(&[u8]) -> bool,
    pub(crate) good: Vec<u8>,
    /// Heap whatever the input, in bytes: what the bound on the number of events comes to, or a file's buffers.
    pub(crate) fixed: usize,
    pub(crate) per_byte: usize,
}

/// Every decoder of messages.
pub(crate) fn decoders() -> Vec<Decoder> {
    let header = Header { writer: Writer::Ingest, epoch: 1, prev_hash: RecordHash([5; 32]) };
    let entry = Entry { cause: Offset::new(7, 0), index: 0, at: 5, event: ClockAdvanced { time: 5 }.into() };
    let limits =
        Request::Limits { scope: Scope::All, values: vec![("risk.max_position".into(), "5".parse().unwrap())] };
    let command = Command { id: None, by: "ann".into(), reason: "because".into(), request: limits };
    let one = size_of::<Entry>();
    let batch = market::encode_batch(&[event(), event()]);
    let map = market::messagepack_map(&"binance.BTCUSDT".parse().unwrap(), &event());
    vec![
        Decoder {
            name: "record",
            refuses: |bytes| record::decode(bytes).is_err(),
            good: record::encode(&header, &[entry.clone(), entry]),
            fixed: RECORD_EVENTS_MAX * one + SERDE_BYTES,
            per_byte: 8,
        },
        Decoder {
            name: "market",
            refuses: |bytes| market::decode(MarketKind::Batch, bytes).iter().any(Result::is_err),
            good: batch,
            fixed: MESSAGE_EVENTS_MAX * 8 * KIB,
            per_byte: 8,
        },
        Decoder {
            name: "command",
            refuses: |bytes| Command::decode(bytes).is_err(),
            good: command.encode(),
            fixed: SERDE_BYTES,
            per_byte: 64,
        },
        Decoder { name: "file", refuses: |bytes| file(bytes).is_err(), good: map, fixed: MIB, per_byte: 64 },
    ]
}

fn event() -> MarketEvent {
    let (source, session, body) = ("feed".parse().unwrap(), "s".parse().unwrap(), MarketBody::Heartbeat);
    MarketEvent { source, session, seq: 1, ts_recv: 5, ts_event: None, body }
}

/// How many items a file of these bytes holds.
pub(crate) fn file(bytes: &[u8]) -> Result<usize, String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let selection = Selection { files: vec![file.path().into()], ..Selection::default() };
    let (_, feed, _) = tapedeck_feeds::open(&selection, &Setup::built_in()).map_err(|error| error.to_string())?;
    Ok(feed.map(Result::unwrap).count())
}

/// Levels of nesting; a decoder that called itself for each would need some MiB of stack.
pub(crate) const DEEP: usize = 100_000;

/// Setups that nest deep.
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

/// The heap is the process's: no two of these tests at once, not even while they make their input.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// As ever, and no file of what failed: a case that fails is written into a test.
pub(crate) fn config() -> Config {
    Config { failure_persistence: None, ..Config::default() }
}
