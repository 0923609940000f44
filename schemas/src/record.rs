//! The record: one writer's group commit, and the only codec of the tape.
//!
//! A record is the MessagePack array `[format, writer, epoch, prev_hash, events]`; an event is
//! `[cause_seq, cause_index, index, at, kind, version, body]`. Decoding never panics on any bytes, reads at most
//! [`RECORD_BYTES_MAX`] and nests at most [`DEPTH_MAX`] deep.

use std::fmt;

use serde::de::{self, DeserializeSeed, IgnoredAny, SeqAccess, Visitor};
use serde::ser::SerializeTuple;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::event::{Event, UNKNOWN_KIND, read_body};
use crate::names::names;
use crate::offset::{Offset, TapeTime};

/// Format number in every record's header.
pub const FORMAT: u8 = 1;
/// Largest record, in bytes.
pub const RECORD_BYTES_MAX: usize = 256 * 1024;
/// Most events in a record.
pub const RECORD_EVENTS_MAX: usize = 4096;
/// Deepest nesting of arrays that a record is read to.
pub const DEPTH_MAX: usize = 16;
/// Bytes that a header takes at most.
pub const HEADER_BYTES_MAX: usize = 64;

names! {
    /// Who appends to a tape: one writer, one subject, one machine.
    Writer {
        /// The tape's first record and its trims.
        Keeper = 1 "keeper",
        /// The market, checked.
        Ingest = 2 "ingest",
        /// Operators' commands as facts.
        Control = 3 "control",
        /// Views.
        Signal = 4 "signal",
        /// Sizing and checks.
        Risk = 5 "risk",
        /// The order life cycle.
        Execution = 6 "execution",
        /// The exchange.
        Paper = 7 "paper",
        /// Positions and books.
        Portfolio = 8 "portfolio",
    }
}

/// BLAKE3 of a record's bytes; the next record of the same writer carries it.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct RecordHash(pub [u8; 32]);

impl RecordHash {
    /// The hash of a record's bytes.
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

/// What stands before the events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Whose record it is; must agree with the subject.
    pub writer: Writer,
    /// The writer's epoch that wrote it.
    pub epoch: u64,
    /// Hash of the writer's previous valid record; zeros for its first.
    pub prev_hash: RecordHash,
}

/// An event as it stands in a record, beside its cause and its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Offset of the input that this answers.
    pub cause: Offset,
    /// Counts the events of one cause, from 0.
    pub index: u32,
    /// Tape time of the cause, ns.
    pub at: TapeTime,
    /// The fact.
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

/// Why bytes are not a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Larger than [`RECORD_BYTES_MAX`].
    #[error("record of {0} bytes, over the bound of {RECORD_BYTES_MAX}")]
    TooLarge(usize),
    /// More than [`RECORD_EVENTS_MAX`] events.
    #[error("record with over {RECORD_EVENTS_MAX} events")]
    TooManyEvents,
    /// Of a format, kind or version that this build does not know: if it chains, stop, never skip.
    #[error("written by newer code than this: {0}")]
    Unknown(String),
    /// Not a record at all: invalid.
    #[error("not a record: {0}")]
    Malformed(String),
}

/// Encodes one event as it will stand in a record.
pub fn encode_entry(entry: &Entry, into: &mut Vec<u8>) {
    rmp_serde::encode::write(into, entry).expect("writing an event to memory cannot fail");
}

/// Puts encoded events behind a header: the bytes of a record.
pub fn assemble(header: &Header, events: usize, encoded: &[u8]) -> Vec<u8> {
    assert!(events <= RECORD_EVENTS_MAX, "a record holds at most {RECORD_EVENTS_MAX} events");
    let mut payload = Vec::with_capacity(encoded.len() + HEADER_BYTES_MAX);
    payload.push(0x95); // an array of five
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

/// Encodes a whole record.
pub fn encode(header: &Header, entries: &[Entry]) -> Vec<u8> {
    let mut encoded = Vec::new();
    entries.iter().for_each(|entry| encode_entry(entry, &mut encoded));
    assemble(header, entries.len(), &encoded)
}

/// Reads a whole record; bytes left over are an error.
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

/// Reads the header alone, which stands first in every format: what a reader knows of a record by newer code.
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

/// Reads the events without trusting the announced count for more than a bounded allocation.
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
