//! The record, which is one message on a tape, and its codec.
//!
//! A record is the MessagePack array `[format, writer, epoch, prev_hash, events]`; an event is
//! `[cause_seq, cause_index, index, at, kind, version, body]`. Decoding accepts at most [`RECORD_BYTES_MAX`] bytes and
//! [`DEPTH_MAX`] levels of nesting, and does not panic on any input.
//!
//! Four types hold a fact. [`Event`] is its body, of any kind. [`Entry`] adds cause, index and tape time: all that the
//! wire holds of one fact. The `Fact` of the kernel is the input of a machine: the body, its writer and its tape time.
//! The `StoredFact` of `history` is the entry with its writer, its offset on the tape and the broker's stamp.

use std::fmt;

use serde::de::{self, DeserializeSeed, IgnoredAny, SeqAccess, Visitor};
use serde::ser::SerializeTuple;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::event::{Event, UNKNOWN_KIND, read_body};
use crate::names::names;
use crate::offset::{Offset, TapeTime};

/// Format number that this build writes and reads.
pub const FORMAT: u8 = 1;
/// Greatest size of a record, in bytes.
pub const RECORD_BYTES_MAX: usize = 256 * 1024;
/// Greatest number of events in a record.
pub const RECORD_EVENTS_MAX: usize = 4096;
/// Greatest depth of nested arrays in a record.
pub const DEPTH_MAX: usize = 16;
/// Greatest size of the encoded header, in bytes.
pub const HEADER_BYTES_MAX: usize = 64;

// Lists groups because: these are the numbers of the writers on the wire, frozen with the format.
names! {
    /// A name under which records are appended, on the subject `tape.<p>.<writer>`. Each but the keeper is a machine's.
    Writer {
        /// Creates the tape, and appends its first record.
        Keeper = 1 "keeper",
        /// Checks market events, builds bars and advances tape time.
        Ingest = 2 "ingest",
        /// Records the commands of operators.
        Control = 3 "control",
        /// Combines the strategies and raises signals.
        Signal = 4 "signal",
        /// Sizes orders, checks them, and keeps the risk state.
        Risk = 5 "risk",
        /// Submits and cancels orders, and keeps their status.
        Execution = 6 "execution",
        /// Accepts and fills orders: the simulated exchange.
        Paper = 7 "paper",
        /// Keeps ledgers, positions and equity.
        Portfolio = 8 "portfolio",
    }
}

/// BLAKE3 hash of the bytes of a record. The next record of the same writer carries it.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct RecordHash(pub [u8; 32]);

impl RecordHash {
    /// Computes the hash of the bytes of a record.
    pub fn of(payload: &[u8]) -> Self {
        Self(*blake3::hash(payload).as_bytes())
    }
}

impl fmt::Debug for RecordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl Serialize for RecordHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_str(&format!("{self:?}"))
        } else {
            serializer.serialize_bytes(&self.0)
        }
    }
}

impl<'de> Deserialize<'de> for RecordHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes: serde_bytes::ByteArray<32> = Deserialize::deserialize(deserializer)?;
        Ok(Self(bytes.into_array()))
    }
}

/// The fields of a record that precede its events, apart from the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Writer of the record; must equal the last token of the subject.
    pub writer: Writer,
    /// Epoch of the writer, from 1.
    pub epoch: u64,
    /// Hash of the previous valid record of the writer; zeros for the first.
    pub prev_hash: RecordHash,
}

/// A fact with its cause and tape time: an event of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Offset of the input that the fact answers: in the inbox for `ingest` and `control`, on the tape for the others.
    pub cause: Offset,
    /// Index among the facts of the writer on the same cause, from 0.
    pub index: u32,
    /// Tape time of the cause, ns since the Unix epoch; for `control`, the broker's stamp of the command.
    pub at: TapeTime,
    /// The fact, of any kind.
    pub event: Event,
}

impl Serialize for Entry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let kind = self.event.kind();
        let mut tuple = serializer.serialize_tuple(7)?;
        tuple.serialize_element(&self.cause.seq)?;
        tuple.serialize_element(&self.cause.index)?;
        tuple.serialize_element(&self.index)?;
        tuple.serialize_element(&self.at)?;
        tuple.serialize_element(&(kind as u16))?;
        tuple.serialize_element(&kind.version())?;
        tuple.serialize_element(&self.event)?;
        tuple.end()
    }
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntryVisitor;
        impl<'de> Visitor<'de> for EntryVisitor {
            type Value = Entry;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an event: [cause_seq, cause_index, index, at, kind, version, body]")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Entry, A::Error> {
                let cause = Offset::new(need(&mut seq, "cause_seq")?, need(&mut seq, "cause_index")?);
                let index = need(&mut seq, "index")?;
                let at = need(&mut seq, "at")?;
                let kind = need(&mut seq, "kind")?;
                let version = need(&mut seq, "version")?;
                let event = read_body(kind, version, &mut seq)?;
                Ok(Entry { cause, index, at, event })
            }
        }
        deserializer.deserialize_tuple(7, EntryVisitor)
    }
}

fn need<'de, T: Deserialize<'de>, A: SeqAccess<'de>>(seq: &mut A, what: &str) -> Result<T, A::Error> {
    seq.next_element()?.ok_or_else(|| de::Error::custom(format!("{what} is missing")))
}

/// Reason for which bytes do not decode as a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The record is larger than [`RECORD_BYTES_MAX`]. Holds its size in bytes.
    #[error("record of {0} bytes exceeds the limit of {RECORD_BYTES_MAX}")]
    TooLarge(usize),
    /// The record holds more than [`RECORD_EVENTS_MAX`] events.
    #[error("record has more than {RECORD_EVENTS_MAX} events")]
    TooManyEvents,
    /// This build does not know the format, a kind or a version. If the record continues its writer's chain, the reader
    /// must stop.
    #[error("written by a newer build ({0}); run that build or a newer one")]
    Unknown(String),
    /// The bytes are not a record. The message is an invalid record.
    #[error("not a record: {0}")]
    Malformed(String),
}

/// Appends the encoding of one event of a record to `into`.
pub fn encode_entry(entry: &Entry, into: &mut Vec<u8>) {
    rmp_serde::encode::write(into, entry).expect("writing an event to memory cannot fail");
}

/// Returns the bytes of a record: the header, followed by `encoded`, the encoding of `events` entries.
///
/// # Panics
///
/// If the record exceeds [`RECORD_EVENTS_MAX`] or [`RECORD_BYTES_MAX`].
pub fn assemble(header: &Header, events: usize, encoded: &[u8]) -> Vec<u8> {
    assert!(events <= RECORD_EVENTS_MAX, "a record holds at most {RECORD_EVENTS_MAX} events");
    let mut payload = Vec::with_capacity(encoded.len() + HEADER_BYTES_MAX);
    payload.push(0x95); // array of 5
    let mut write = |v: &dyn Fn(&mut Vec<u8>) -> Result<(), rmp_serde::encode::Error>| {
        v(&mut payload).expect("writing a header to memory cannot fail");
    };
    write(&|to| rmp_serde::encode::write(to, &FORMAT));
    write(&|to| rmp_serde::encode::write(to, &header.writer));
    write(&|to| rmp_serde::encode::write(to, &header.epoch));
    write(&|to| rmp_serde::encode::write(to, &header.prev_hash));
    match u16::try_from(events) {
        Ok(few) if few < 16 => payload.push(0x90 | few as u8),
        Ok(many) => {
            payload.push(0xdc);
            payload.extend_from_slice(&many.to_be_bytes());
        }
        Err(_) => unreachable!("bounded above"),
    }
    payload.extend_from_slice(encoded);
    assert!(payload.len() <= RECORD_BYTES_MAX, "a record holds at most {RECORD_BYTES_MAX} bytes");
    payload
}

/// Returns the bytes of a record with these entries. Panics as [`assemble`].
pub fn encode(header: &Header, entries: &[Entry]) -> Vec<u8> {
    let mut encoded = Vec::new();
    entries.iter().for_each(|entry| encode_entry(entry, &mut encoded));
    assemble(header, entries.len(), &encoded)
}

/// Decodes a record. Fails with [`RecordError::Unknown`] if a newer build may know the record, and otherwise if the
/// bytes are too many, or are not exactly one record.
pub fn decode(payload: &[u8]) -> Result<(Header, Vec<Entry>), RecordError> {
    if payload.len() > RECORD_BYTES_MAX {
        return Err(RecordError::TooLarge(payload.len()));
    }
    let mut rest = payload;
    let mut deserializer = rmp_serde::Deserializer::new(&mut rest);
    deserializer.set_max_depth(DEPTH_MAX);
    let record = deserializer.deserialize_tuple(5, RecordVisitor);
    let (header, entries) = record.map_err(classify)?;
    if !rest.is_empty() {
        return Err(RecordError::Malformed(format!("{} bytes after the end", rest.len())));
    }
    Ok((header, entries))
}

/// Decodes the header alone. Every format begins with the header, so this works for records of newer builds too.
pub fn decode_header(payload: &[u8]) -> Option<Header> {
    let mut deserializer = rmp_serde::Deserializer::new(payload);
    deserializer.set_max_depth(DEPTH_MAX);
    deserializer.deserialize_any(HeaderVisitor).ok()
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = Header;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record: [format, writer, epoch, prev_hash, …]")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Header, A::Error> {
        let _format: u8 = need(&mut seq, "format")?;
        let header = read_header(&mut seq)?;
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(header)
    }
}

fn read_header<'de, A: SeqAccess<'de>>(seq: &mut A) -> Result<Header, A::Error> {
    Ok(Header { writer: need(seq, "writer")?, epoch: need(seq, "epoch")?, prev_hash: need(seq, "prev_hash")? })
}

const UNKNOWN_FORMAT: &str = "unknown format";
const TOO_MANY: &str = "too many events";

fn classify(error: rmp_serde::decode::Error) -> RecordError {
    let text = error.to_string();
    if text.contains(UNKNOWN_KIND) || text.contains(UNKNOWN_FORMAT) {
        RecordError::Unknown(text)
    } else if text.contains(TOO_MANY) {
        RecordError::TooManyEvents
    } else {
        RecordError::Malformed(text)
    }
}

struct RecordVisitor;

impl<'de> Visitor<'de> for RecordVisitor {
    type Value = (Header, Vec<Entry>);
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record: [format, writer, epoch, prev_hash, events]")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let format: u8 = need(&mut seq, "format")?;
        if format != FORMAT {
            return Err(de::Error::custom(format!("{UNKNOWN_FORMAT} {format}")));
        }
        let header = read_header(&mut seq)?;
        let entries = seq.next_element_seed(Entries)?.ok_or_else(|| de::Error::custom("events are missing"))?;
        if seq.next_element::<IgnoredAny>()?.is_some() {
            return Err(de::Error::custom("more than five parts"));
        }
        Ok((header, entries))
    }
}

/// Decodes the entries. Allocates for at most [`RECORD_EVENTS_MAX`] of them, whatever count the bytes announce.
struct Entries;

impl<'de> DeserializeSeed<'de> for Entries {
    type Value = Vec<Entry>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<Entry>, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Entries {
    type Value = Vec<Entry>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of events")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<Entry>, A::Error> {
        let mut entries = Vec::with_capacity(seq.size_hint().unwrap_or(0).min(RECORD_EVENTS_MAX));
        while let Some(entry) = seq.next_element()? {
            if entries.len() == RECORD_EVENTS_MAX {
                return Err(de::Error::custom(TOO_MANY));
            }
            entries.push(entry);
        }
        Ok(entries)
    }
}
