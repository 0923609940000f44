//! The record, which is one message on a tape, and its codec.
//!
//! A record is the MessagePack array `[format, writer, epoch, prev_hash, inbox, shared, events]`; an event is `[head,
//! at, field, field, …]`, with the cause after the head where it does not follow from the event before (decision 0017,
//! `schemas/docs/record-format.md`). Each record stands alone. A record has one encoding, and any other is an error.
//! Decoding accepts at most [`RECORD_BYTES_MAX`] bytes, and does not panic on any input.
//!
//! The first four elements, the [`OuterHeader`], are the same in every format, now and later, each in its shortest
//! form. So a build can tell whether a record continues its writer's chain before it knows the format of the rest.
//!
//! Four types hold a fact. [`Event`] is its body, of any kind. [`Entry`] adds cause, index and tape time: all that the
//! wire holds of one fact. The `Fact` of the kernel is the input of a machine: the body, its writer and its tape time.
//! The `StoredFact` of `history` is the entry with its writer, its offset on the tape and the broker's stamp.

use serde::ser::SerializeTuple;
use serde::{Deserialize, Serialize, Serializer};

use crate::event::Event;
use crate::generation::Generation;
use crate::names::names;
use crate::offset::{Offset, TapeTime};

pub(crate) mod change;
mod decimal;
pub(crate) mod decoder;
mod digest;
mod encoder;
pub(crate) mod field;
mod small_map;
mod step;
mod venue_id;

use decoder::RecordDecoder;
pub use digest::{InboxDigest, InboxPrefix, RecordHash};
pub use encoder::RecordEncoder;
use encoder::written;
use field::{FieldError, RecordField};

/// Format number that this build writes. It reads every format up to this one.
pub const FORMAT: u8 = if cfg!(feature = "next") { 2 } else { 1 };
/// Greatest size of a record, in bytes.
pub const RECORD_BYTES_MAX: usize = 256 * 1024;
/// Greatest number of events in a record.
pub const RECORD_EVENTS_MAX: usize = 4096;
/// Number of elements of the outer header.
const OUTER_PARTS: usize = 4;
/// Number of elements of a record of this format.
const PARTS: usize = 7;
/// Greatest size of a record without its shared values and its events, in bytes: head and format 2, writer 1, epoch 9,
/// hash 34, prefix of the inbox 24, heads of two arrays 10.
pub const HEADER_BYTES_MAX: usize = 80;

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

impl Writer {
    /// Whether the causes of the writer's facts are in an inbox. Those of the others are on the tape.
    pub const fn reads_inbox(self) -> bool {
        // Lists groups because: the format says which records carry an inbox.
        matches!(self, Writer::Ingest | Writer::Control)
    }
}

/// The fields of a record that precede its events, apart from the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Writer of the record; must equal the last token of the subject.
    pub writer: Writer,
    /// Epoch of the writer, from 1: that of its previous record, or one higher.
    pub epoch: u64,
    /// Hash of the previous valid record of the writer; zeros for the first.
    pub prev_hash: RecordHash,
    /// The writer's inbox up to the last cause. `None` before the first message, and for a writer that reads no inbox.
    pub inbox: Option<InboxPrefix>,
}

impl Header {
    /// The generation of the writer's inbox; `None` if the record carries no inbox.
    pub fn inbox_generation(&self) -> Option<Generation> {
        self.inbox.map(|inbox| inbox.generation)
    }
}

/// A fact with its cause and tape time: an event of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Offset of the input that the fact answers: in the inbox for `ingest` and `control`, on the tape for the others.
    pub cause: Offset,
    /// Index among the facts of the writer on the same cause, from 0.
    pub index: u32,
    /// Tape time of the cause, ns since the Unix epoch.
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
    /// The record holds no events.
    #[error("a record without events")]
    NoEvents,
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
    /// See [`Header::inbox`]; also `None` if it was not read because of `error`.
    pub inbox: Option<InboxPrefix>,
    /// The entries that decoded before `error`.
    pub entries: Vec<Entry>,
    /// Reason for which the rest does not decode; `None` if the bytes are exactly one record.
    pub error: Option<RecordError>,
}

/// Encoded elements of an array, without its head.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Elements {
    /// Number of elements.
    pub count: usize,
    /// The elements, one after the other.
    pub bytes: Vec<u8>,
}

/// Appends the encoding of an event alone to `into`: the MessagePack array `[cause_seq, cause_index, index, at, kind,
/// version, body]`.
///
/// It is not what a record holds, where the encoding of an event depends on the events before it. Equal events have
/// equal encodings, so digests of decisions are computed by it.
pub fn encode_entry(entry: &Entry, into: &mut Vec<u8>) {
    written(rmp_serde::encode::write(into, entry));
}

/// Returns the bytes of a record: the header, followed by the shared values and the events of a [`RecordEncoder`].
///
/// # Panics
///
/// If the record exceeds [`RECORD_EVENTS_MAX`] or [`RECORD_BYTES_MAX`].
pub fn assemble(header: &Header, shared: &Elements, events: &Elements) -> Vec<u8> {
    assert!(events.count <= RECORD_EVENTS_MAX, "a record holds at most {RECORD_EVENTS_MAX} events");
    let mut payload = Vec::with_capacity(shared.bytes.len() + events.bytes.len() + HEADER_BYTES_MAX);
    encode_outer(&OuterHeader::from(header), &mut payload);
    match &header.inbox {
        Some(InboxPrefix { generation, digest }) => {
            written(rmp::encode::write_array_len(&mut payload, 2));
            written(rmp::encode::write_uint(&mut payload, generation.get().into()));
            written(rmp::encode::write_bin(&mut payload, &digest.0));
        }
        None => written(rmp::encode::write_nil(&mut payload)),
    }
    for elements in [shared, events] {
        written(rmp::encode::write_array_len(&mut payload, elements.count as u32));
        payload.extend_from_slice(&elements.bytes);
    }
    assert!(payload.len() <= RECORD_BYTES_MAX, "a record holds at most {RECORD_BYTES_MAX} bytes");
    payload
}

/// Appends the beginning of a record of this format, up to the previous hash.
fn encode_outer(outer: &OuterHeader, into: &mut Vec<u8>) {
    written(rmp::encode::write_array_len(into, PARTS as u32));
    for number in [outer.format, outer.writer, outer.epoch] {
        written(rmp::encode::write_uint(into, number));
    }
    written(rmp::encode::write_bin(into, &outer.prev_hash.0));
}

/// Returns the bytes of a record with these entries. Panics as [`assemble`].
pub fn encode(header: &Header, entries: &[Entry]) -> Vec<u8> {
    let mut encoder = RecordEncoder::default();
    entries.iter().for_each(|entry| encoder.push(entry));
    encoder.finish(header)
}

/// Decodes a record, and fails unless the bytes are exactly one record of this build.
pub fn decode(payload: &[u8]) -> Result<(Header, Vec<Entry>), RecordError> {
    let RecordRead { outer, inbox, entries, error } = read(payload);
    match (error, outer.and_then(|outer| outer.known(inbox))) {
        (Some(error), _) => Err(error),
        (None, Some(header)) => Ok((header, entries)),
        (None, None) => unreachable!("read reports what is missing"),
    }
}

/// Reads as much of a message as this build understands.
pub fn read(payload: &[u8]) -> RecordRead {
    let mut read = RecordRead { outer: None, inbox: None, entries: Vec::new(), error: None };
    let mut decoder = RecordDecoder::new(payload);
    match decoder.outer() {
        Err(error) => read.error = Some(RecordError::NoHeader(error.to_string())),
        Ok((parts, outer)) => {
            read.outer = Some(outer);
            read.error = read_rest(payload.len(), outer, parts, decoder, &mut read).err();
        }
    }
    read
}

impl OuterHeader {
    /// The header, if this build knows the writer.
    fn known(self, inbox: Option<InboxPrefix>) -> Option<Header> {
        let writer = u8::try_from(self.writer).ok().and_then(Writer::from_number)?;
        Some(Header { writer, epoch: self.epoch, prev_hash: self.prev_hash, inbox })
    }
}

impl From<&Header> for OuterHeader {
    fn from(header: &Header) -> Self {
        let Header { writer, epoch, prev_hash, .. } = *header;
        Self { format: u64::from(FORMAT), writer: writer as u64, epoch, prev_hash }
    }
}

/// Reads the part of a record that follows the outer header, up to the first error. `parts` is the number of elements
/// of the record.
fn read_rest(
    size: usize,
    outer: OuterHeader,
    parts: usize,
    mut decoder: RecordDecoder<'_>,
    read: &mut RecordRead,
) -> Result<(), RecordError> {
    if !(1..=u64::from(FORMAT)).contains(&outer.format) {
        return Err(RecordError::Format(outer.format));
    }
    let Some(Header { writer, .. }) = outer.known(None) else {
        return Err(RecordError::Writer(outer.writer));
    };
    if size > RECORD_BYTES_MAX {
        return Err(RecordError::TooLarge(size));
    }
    let events = |error: FieldError| RecordError::Events(error.to_string());
    if parts != PARTS {
        return Err(RecordError::Events(format!("a record of {parts} parts where {PARTS} are due")));
    }
    read.inbox = Option::read(&mut decoder).map_err(events)?;
    if read.inbox.is_some() && !writer.reads_inbox() {
        return Err(RecordError::Events(format!("an inbox of {writer}, which reads none")));
    }
    decoder.shared().map_err(events)?;
    let count = decoder.array().map_err(events)?;
    match count {
        0 => return Err(RecordError::NoEvents),
        1..=RECORD_EVENTS_MAX => {}
        _ => return Err(RecordError::TooManyEvents),
    }
    // An event takes at least three bytes, so that the bytes bound what an announced count reserves.
    read.entries.reserve(count.min(size / 3));
    for _ in 0..count {
        read.entries.push(decoder.entry().map_err(events)?);
    }
    decoder.end().map_err(events)
}
