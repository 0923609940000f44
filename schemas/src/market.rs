//! Market events as publishers send them on `md.<venue>.<symbol>.<kind>`: a map or an array of maps, in MessagePack or
//! JSON.
//!
//! A price or quantity is the decimal that it spells: text, a JSON number, or a MessagePack integer, which is a whole
//! number. A MessagePack float is malformed, because its publisher may have rounded. A malformed map does not affect
//! the other maps of its message; bytes that do not decode make the whole message malformed. Decoding does not panic on
//! any input. [`kinds`] is the index of kinds, and [`contract::FIELDS`] the table of all fields; read them first.

pub mod contract;
mod fault;
mod field;
pub mod kinds;
mod read;

use serde::de::IgnoredAny;
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use crate::event::{MalformedDetail, MessageEncoding};
use crate::ids::{InstrumentId, SourceId, Token};
use crate::json::{self, JsonTimes};

pub use crate::event::{PriceDomain, TradeIdOrder};
pub use kinds::*;

/// Greatest size of a market message, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 256 * 1024;
/// Greatest number of sources that a definition names.
pub const DEFINITION_SOURCES_MAX: usize = 8;
/// Greatest number of events in a message.
pub const MESSAGE_EVENTS_MAX: usize = 1024;

/// A market event as its publisher sends it, with its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarketEvent {
    /// Name of the publisher.
    pub source: SourceId,
    /// Session of the source. Each session numbers from 1.
    pub session: Token,
    /// Number of the event within source, session and instrument, from 1, across kinds.
    pub seq: u64,
    /// Time at which the publisher received the event, ns since the Unix epoch.
    pub ts_recv: u64,
    /// The venue's own time of the event, ns since the Unix epoch, if the venue gives one.
    pub ts_event: Option<u64>,
    /// The fields of the kind.
    pub body: MarketBody,
}

/// Error: an element of a message that is not a market event. The fields become those of a `Rejected` fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// The error, with the offending value.
    pub detail: MalformedDetail,
    /// Source of the event, if it could be read.
    pub source: Option<SourceId>,
    /// Number of the event, if it could be read.
    pub seq: Option<u64>,
}

impl MarketEvent {
    /// Returns the event without source, session and number.
    pub fn unnumbered(&self) -> Unnumbered {
        Unnumbered { ts_recv: self.ts_recv, ts_event: self.ts_event, body: self.body.clone() }
    }
}

/// A market event without source, session and number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unnumbered {
    /// Time at which the event was received, ns since the Unix epoch.
    pub ts_recv: u64,
    /// The venue's own time of the event, ns since the Unix epoch, if the venue gives one.
    pub ts_event: Option<u64>,
    /// The fields of the kind.
    pub body: MarketBody,
}

/// Decodes a message on a subject of `kind` into one result per map.
///
/// The result is never empty: a message that does not decode gives one [`Malformed`].
pub fn decode(kind: MarketKind, payload: &[u8]) -> Vec<Result<MarketEvent, Malformed>> {
    elements(payload, |one| one.to_event(kind))
}

/// Decodes market data of a file: maps that name their `kind`, and may name their `instrument`.
///
/// Ignores `source`, `session` and `seq`, which may be missing. If `ts_recv` is missing, `ts_event` takes its place.
pub fn decode_unnumbered(payload: &[u8]) -> Vec<Result<(Option<InstrumentId>, Unnumbered), Malformed>> {
    elements(payload, |one| one.to_unnumbered())
}

/// First bytes of a JSON message. No MessagePack map or array begins with one of them.
const JSON_BEGINS: &[u8] = b"{[ \t\r\n";
/// Greatest nesting of a MessagePack message. JSON needs no bound: values nested in a field are skipped in a loop.
const DEPTH_MAX: usize = 128;

fn elements<T>(payload: &[u8], read: impl Fn(&read::Element) -> Result<T, Malformed>) -> Vec<Result<T, Malformed>> {
    let spoiled = |detail| vec![Err(Malformed { detail, source: None, seq: None })];
    if payload.len() > MESSAGE_BYTES_MAX {
        let (bytes, limit) = (payload.len() as u64, MESSAGE_BYTES_MAX as u64);
        return spoiled(MalformedDetail::TooLarge { bytes, limit });
    }
    let message = match payload.first() {
        None => return spoiled(MalformedDetail::EmptyMessage),
        Some(first) if JSON_BEGINS.contains(first) => json(payload),
        Some(_) => messagepack(payload),
    };
    match message {
        Err(error) => spoiled(error),
        Ok(elements) if elements.is_empty() => spoiled(MalformedDetail::EmptyArray),
        Ok(elements) => elements.iter().map(read).collect(),
    }
}

/// The texts of the decoders' errors are not used: they change with the versions of the crates.
fn json(payload: &[u8]) -> Result<Vec<read::Element<'_>>, MalformedDetail> {
    let mut deserializer = serde_json::Deserializer::from_slice(payload);
    match read::message(&mut deserializer, MessageEncoding::Json) {
        Ok(elements) => deserializer.end().map(|()| elements).map_err(|_| MalformedDetail::TrailingBytes),
        Err(error) => read::json_array(payload).ok_or(error),
    }
}

fn messagepack(payload: &[u8]) -> Result<Vec<read::Element<'_>>, MalformedDetail> {
    let mut deserializer = rmp_serde::Deserializer::from_read_ref(payload);
    deserializer.set_max_depth(DEPTH_MAX);
    let elements = read::message(&mut deserializer, MessageEncoding::MessagePack)?;
    match IgnoredAny::deserialize(&mut deserializer) {
        Err(rmp_serde::decode::Error::InvalidMarkerRead(_)) => Ok(elements), // end of input
        _ => Err(MalformedDetail::TrailingBytes),
    }
}

/// Encodes one event in MessagePack, for the subject of its kind.
pub fn encode(event: &MarketEvent) -> Vec<u8> {
    rmp_serde::to_vec_named(&Wire { event, named: false, instrument: None })
        .expect("writing a market event to memory cannot fail")
}

/// Encodes events in MessagePack, for a subject of kind `batch`: an array of maps that each name their kind.
pub fn encode_batch(events: &[MarketEvent]) -> Vec<u8> {
    let wires: Vec<_> = events.iter().map(|event| Wire { event, named: true, instrument: None }).collect();
    rmp_serde::to_vec_named(&wires).expect("writing market events to memory cannot fail")
}

/// Encodes an event as JSON without a line end, with its instrument and kind. [`decode_unnumbered`] reads it.
pub fn json_line(instrument: &InstrumentId, event: &MarketEvent, times: JsonTimes) -> String {
    json::to_json(&Wire { event, named: true, instrument: Some(instrument) }, times)
}

/// Encodes an event as a MessagePack map with its instrument and kind. A file holds such maps one after another.
pub fn messagepack_map(instrument: &InstrumentId, event: &MarketEvent) -> Vec<u8> {
    let wire = Wire { event, named: true, instrument: Some(instrument) };
    rmp_serde::to_vec_named(&wire).expect("writing a market event to memory cannot fail")
}

struct Wire<'a> {
    event: &'a MarketEvent,
    named: bool,
    instrument: Option<&'a InstrumentId>,
}

impl Serialize for Wire<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let MarketEvent { source, session, seq, ts_recv, ts_event, body } = self.event;
        let optional = [self.named, self.instrument.is_some(), ts_event.is_some()].map(usize::from);
        let entries = 4 + optional.iter().sum::<usize>() + body.written();
        let mut map = serializer.serialize_map(Some(entries))?;
        if let Some(instrument) = self.instrument {
            map.serialize_entry("instrument", instrument)?;
        }
        if self.named {
            map.serialize_entry("kind", body.kind().as_str())?;
        }
        map.serialize_entry("source", source)?;
        map.serialize_entry("session", session)?;
        map.serialize_entry("seq", seq)?;
        map.serialize_entry("ts_recv", ts_recv)?;
        if let Some(ts_event) = ts_event {
            map.serialize_entry("ts_event", ts_event)?;
        }
        body.write(&mut map)?;
        map.end()
    }
}

#[cfg(test)]
mod tests;
