//! The record, which is one message on a tape, and its codec.
//!
//! A record is the MessagePack array `[format, writer, epoch, prev_hash, events]`; an event is
//! `[cause_seq, cause_index, index, at, kind, version, body]`. Decoding accepts at most [`RECORD_BYTES_MAX`] bytes and
//! [`DEPTH_MAX`] levels of nesting, and does not panic on any input.
//!
//! The first four elements, the [`OuterHeader`], are the same in every format, now and later. So a build can tell
//! whether a record continues its writer's chain before it knows the format of the rest.
//!
//! Four types hold a fact. [`Event`] is its body, of any kind. [`Entry`] adds cause, index and tape time: all that the
//! wire holds of one fact. The `Fact` of the kernel is the input of a machine: the body, its writer and its tape time.
//! The `StoredFact` of `history` is the entry with its writer, its offset on the tape and the broker's stamp.

use std::fmt;

use serde::de::{self, SeqAccess, Visitor};
use serde::ser::SerializeTuple;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::event::{Event, read_body};
use crate::names::names;
use crate::offset::{Offset, TapeTime};

/// Format number that this build writes. It reads every format up to this one.
pub const FORMAT: u8 = if cfg!(feature = "next") { 2 } else { 1 };
/// Greatest size of a record, in bytes.
pub const RECORD_BYTES_MAX: usize = 256 * 1024;
/// Greatest number of events in a record.
pub const RECORD_EVENTS_MAX: usize = 4096;
/// Greatest depth of nested arrays in a record.
pub const DEPTH_MAX: usize = 16;
/// First byte of a record of this format: the header of an array of five.
const ARRAY_OF_PARTS: u8 = 0x95;
/// Greatest size of the encoded header, in bytes.
pub const HEADER_BYTES_MAX: usize = 64;

// Lists groups because: these are the numbers of the writers on the wire, frozen with the format.
names! {
    /// A name under which records are appended, on the subject `tape.<p>.g<generation>.<writer>`. Each but the keeper
    /// is a machine's.
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
        if deserializer.is_human_readable() {
            let text = <std::borrow::Cow<'de, str> as Deserialize>::deserialize(deserializer)?;
            let hash = blake3::Hash::from_hex(text.as_bytes()).map_err(de::Error::custom)?;
            return Ok(Self(*hash.as_bytes()));
        }
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

/// The first four elements of a record in every format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OuterHeader {
    /// Number of the format of the elements that follow.
    pub format: u64,
    /// Number of the writer. A later build may have writers that this one does not know.
    pub writer: u64,
    /// Epoch of the writer.
    pub epoch: u64,
    /// Hash of the writer's previous record.
    pub prev_hash: RecordHash,
}

/// Reason for which bytes do not decode as a record of this build.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The bytes do not begin with an outer header, so they are a record of no build.
    #[error("not a record: {0}")]
    NoHeader(String),
    /// The record has another format.
    #[error("format {0}; this build reads formats 1 to {FORMAT}")]
    Format(u64),
    /// The record has a writer that this build does not know. Holds its number.
    #[error("no writer has number {0}")]
    Writer(u64),
    /// The record is larger than [`RECORD_BYTES_MAX`]. Holds its size in bytes.
    #[error("{0} bytes exceed the limit of {RECORD_BYTES_MAX}")]
    TooLarge(usize),
    /// The record holds more than [`RECORD_EVENTS_MAX`] events.
    #[error("more than {RECORD_EVENTS_MAX} events")]
    TooManyEvents,
    /// The events do not decode: a kind, version, field or value that this build does not know, or damaged bytes.
    #[error("{0}")]
    Events(String),
}

/// What could be read of a message on a tape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordRead {
    /// The outer header; `None` if the bytes do not begin with one.
    pub outer: Option<OuterHeader>,
    /// The entries that decoded before `error`.
    pub entries: Vec<Entry>,
    /// Reason for which the rest does not decode; `None` if the bytes are exactly one record.
    pub error: Option<RecordError>,
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
    payload.push(ARRAY_OF_PARTS);
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

/// Decodes a record, and fails unless the bytes are exactly one record of this build.
pub fn decode(payload: &[u8]) -> Result<(Header, Vec<Entry>), RecordError> {
    let RecordRead { outer, entries, error } = read(payload);
    match (error, outer.and_then(OuterHeader::known)) {
        (Some(error), _) => Err(error),
        (None, Some(header)) => Ok((header, entries)),
        (None, None) => unreachable!("read reports what is missing"),
    }
}

/// Reads as much of a message as this build understands.
pub fn read(payload: &[u8]) -> RecordRead {
    let mut entries = Vec::new();
    let (outer, error) = match read_outer(payload) {
        Err(text) => (None, Some(RecordError::NoHeader(text))),
        Ok((outer, events)) => (Some(outer), read_events(payload, outer, events, &mut entries).err()),
    };
    RecordRead { outer, entries, error }
}

impl OuterHeader {
    /// The header, if this build knows the writer.
    fn known(self) -> Option<Header> {
        let writer = u8::try_from(self.writer).ok().and_then(Writer::from_number)?;
        Some(Header { writer, epoch: self.epoch, prev_hash: self.prev_hash })
    }
}

/// Reads the outer header; also returns the bytes that follow it.
fn read_outer(payload: &[u8]) -> Result<(OuterHeader, &[u8]), String> {
    struct Outer<'a>(&'a mut Option<OuterHeader>);
    impl<'de> Visitor<'de> for Outer<'_> {
        type Value = ();
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a record: [format, writer, epoch, prev_hash, …]")
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
            let (format, writer) = (need(&mut seq, "format")?, need(&mut seq, "writer")?);
            let (epoch, prev_hash) = (need(&mut seq, "epoch")?, need(&mut seq, "prev_hash")?);
            *self.0 = Some(OuterHeader { format, writer, epoch, prev_hash });
            Ok(())
        }
    }
    let (mut rest, mut outer) = (payload, None);
    let mut deserializer = rmp_serde::Deserializer::new(&mut rest);
    // After the header the deserializer fails, because elements of the array are left: the format defines them.
    let read = deserializer.deserialize_any(Outer(&mut outer));
    match (outer, read) {
        (Some(outer), _) => Ok((outer, rest)),
        (None, Err(error)) => Err(error.to_string()),
        (None, Ok(())) => Err("no header".into()),
    }
}

/// Reads the part of a record that follows the outer header, into `entries` up to the first error.
fn read_events(
    payload: &[u8],
    outer: OuterHeader,
    mut events: &[u8],
    entries: &mut Vec<Entry>,
) -> Result<(), RecordError> {
    if !(1..=u64::from(FORMAT)).contains(&outer.format) {
        return Err(RecordError::Format(outer.format));
    }
    if outer.known().is_none() {
        return Err(RecordError::Writer(outer.writer));
    }
    if payload.len() > RECORD_BYTES_MAX {
        return Err(RecordError::TooLarge(payload.len()));
    }
    if payload.first() != Some(&ARRAY_OF_PARTS) {
        return Err(RecordError::Events("a record has five parts".into()));
    }
    let mut too_many = false;
    let mut deserializer = rmp_serde::Deserializer::new(&mut events);
    deserializer.set_max_depth(DEPTH_MAX - 1);
    let read = deserializer.deserialize_seq(Entries { into: entries, too_many: &mut too_many });
    match read {
        Err(_) if too_many => Err(RecordError::TooManyEvents),
        Err(error) => Err(RecordError::Events(error.to_string())),
        Ok(()) if !events.is_empty() => Err(RecordError::Events(format!("{} bytes after the end", events.len()))),
        Ok(()) => Ok(()),
    }
}

/// Decodes the entries. Allocates for at most [`RECORD_EVENTS_MAX`] of them, whatever count the bytes announce.
struct Entries<'a> {
    into: &'a mut Vec<Entry>,
    too_many: &'a mut bool,
}

impl<'de> Visitor<'de> for Entries<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of events")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        self.into.reserve(seq.size_hint().unwrap_or(0).min(RECORD_EVENTS_MAX));
        while let Some(entry) = seq.next_element()? {
            if self.into.len() == RECORD_EVENTS_MAX {
                *self.too_many = true;
                return Err(de::Error::custom("too many events"));
            }
            self.into.push(entry);
        }
        Ok(())
    }
}
