//! Market events as publishers send them on `md.<venue>.<symbol>.<kind>`: a map or an array of maps, in MessagePack or
//! JSON.
//!
//! A price or quantity is the decimal that it spells: text, a JSON number, or a MessagePack integer, which is a whole
//! number. A MessagePack float is malformed, because its publisher may have rounded. A malformed map does not affect
//! the other maps of its message; bytes that do not decode make the whole message malformed. Decoding does not panic on
//! any input. [`contract::FIELDS`] is the table of all fields; read it first.

pub mod contract;
pub mod facts;
mod fault;
mod read;

use serde::de::IgnoredAny;
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use crate::bar::{self, BarSpec};
use crate::event::{Aggressor, MalformedDetail, MessageEncoding};
use crate::ids::{Currency, InstrumentId, SourceId, Token};
use crate::number::{Money, Price, Quantity, SpelledNumber};
use crate::subject::MarketKind;

/// Greatest size of a market message, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 256 * 1024;
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

/// The fields of a market event that belong to its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MarketBody {
    /// Best bid and ask of the instrument.
    Quote {
        /// Best bid, in the quote currency.
        bid: Price,
        /// Quantity at the bid, in the base currency; zero if unknown.
        bid_size: Quantity,
        /// Best ask, in the quote currency.
        ask: Price,
        /// Quantity at the ask, in the base currency; zero if unknown.
        ask_size: Quantity,
        /// The venue's number of the update; the natural key across sessions.
        update_id: Option<u64>,
    },
    /// A trade that the venue printed.
    Trade {
        /// Price, in the quote currency.
        price: Price,
        /// Quantity, in the base currency.
        quantity: Quantity,
        /// Side that crossed the spread.
        aggressor: Aggressor,
        /// The venue's number of the trade; the natural key across sessions.
        trade_id: Option<u64>,
    },
    /// A finished bar of the instrument.
    Bar {
        /// Size and input of the bar.
        bar: BarSpec,
        /// Price of the first event, in the quote currency.
        open: Price,
        /// Highest price, in the quote currency.
        high: Price,
        /// Lowest price, in the quote currency.
        low: Price,
        /// Price of the last event, in the quote currency.
        close: Price,
        /// Traded quantity, in the base currency; zero for a bar of quotes.
        volume: Quantity,
        /// Number of events in the bar; 0 if unknown.
        count: u64,
        /// Start of a time bar's window; for other bars `ts_recv` of the first event. Ns since the Unix epoch.
        opened: u64,
        /// Exclusive end of a time bar's window; for other bars `ts_recv` of the last event. Ns since the Unix epoch.
        closed: u64,
    },
    /// The terms of the instrument, and the bars to build of it.
    Definition {
        /// Base currency: the unit of quantities.
        base: Currency,
        /// Quote currency: the currency of prices.
        quote: Currency,
        /// Step of prices, in the quote currency.
        tick_size: Price,
        /// Step of quantities, in the base currency.
        lot_size: Quantity,
        /// Least notional of an order, in the quote currency.
        min_notional: Money,
        /// Bars that `ingest` builds from now on, in place of the earlier ones.
        bars: Vec<BarSpec>,
    },
    /// Market heartbeat: only the time.
    Heartbeat,
}

impl MarketBody {
    /// Returns the kind of the market event.
    pub fn kind(&self) -> MarketKind {
        match self {
            MarketBody::Quote { .. } => MarketKind::Quote,
            MarketBody::Trade { .. } => MarketKind::Trade,
            MarketBody::Bar { .. } => MarketKind::Bar,
            MarketBody::Definition { .. } => MarketKind::Definition,
            MarketBody::Heartbeat => MarketKind::Heartbeat,
        }
    }
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
const DEPTH_MAX: usize = 8;

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
    let elements = read::message(&mut deserializer, MessageEncoding::Json)?;
    deserializer.end().map(|()| elements).map_err(|_| MalformedDetail::TrailingBytes)
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
pub fn json_line(instrument: &InstrumentId, event: &MarketEvent) -> String {
    let wire = Wire { event, named: true, instrument: Some(instrument) };
    serde_json::to_string(&wire).expect("writing a market event to memory cannot fail")
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
        let optional = |present: bool| usize::from(present);
        let own = match body {
            MarketBody::Quote { update_id, .. } => 4 + optional(update_id.is_some()),
            MarketBody::Trade { trade_id, .. } => 3 + optional(trade_id.is_some()),
            MarketBody::Bar { .. } => 9,
            MarketBody::Definition { bars, .. } => 5 + optional(!bars.is_empty()),
            MarketBody::Heartbeat => 0,
        };
        let named = optional(self.named) + optional(self.instrument.is_some());
        let mut map = serializer.serialize_map(Some(4 + named + optional(ts_event.is_some()) + own))?;
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
        match body {
            MarketBody::Quote { bid, bid_size, ask, ask_size, update_id } => {
                map.serialize_entry("bid", &SpelledNumber(*bid))?;
                map.serialize_entry("bid_size", &SpelledNumber(*bid_size))?;
                map.serialize_entry("ask", &SpelledNumber(*ask))?;
                map.serialize_entry("ask_size", &SpelledNumber(*ask_size))?;
                if let Some(id) = update_id {
                    map.serialize_entry("update_id", id)?;
                }
            }
            MarketBody::Trade { price, quantity, aggressor, trade_id } => {
                map.serialize_entry("price", &SpelledNumber(*price))?;
                map.serialize_entry("quantity", &SpelledNumber(*quantity))?;
                map.serialize_entry("aggressor", aggressor.as_str())?;
                if let Some(id) = trade_id {
                    map.serialize_entry("trade_id", id)?;
                }
            }
            MarketBody::Bar { bar, open, high, low, close, volume, count, opened, closed } => {
                map.serialize_entry("bar", bar)?;
                map.serialize_entry("open", &SpelledNumber(*open))?;
                map.serialize_entry("high", &SpelledNumber(*high))?;
                map.serialize_entry("low", &SpelledNumber(*low))?;
                map.serialize_entry("close", &SpelledNumber(*close))?;
                map.serialize_entry("volume", &SpelledNumber(*volume))?;
                map.serialize_entry("count", count)?;
                map.serialize_entry("opened", opened)?;
                map.serialize_entry("closed", closed)?;
            }
            MarketBody::Definition { base, quote, tick_size, lot_size, min_notional, bars } => {
                map.serialize_entry("base", base)?;
                map.serialize_entry("quote", quote)?;
                map.serialize_entry("tick_size", &SpelledNumber(*tick_size))?;
                map.serialize_entry("lot_size", &SpelledNumber(*lot_size))?;
                map.serialize_entry("min_notional", &SpelledNumber(*min_notional))?;
                if !bars.is_empty() {
                    map.serialize_entry("bars", &bar::list(bars))?;
                }
            }
            MarketBody::Heartbeat => {}
        }
        map.end()
    }
}

#[cfg(test)]
mod tests;
