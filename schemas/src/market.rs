//! Market events as anyone publishes them on `md.<venue>.<symbol>.<kind>`: a map or an array of maps, in MessagePack
//! or JSON.
//!
//! Prices and quantities are decimal strings, or integers that count 1e-9; floats are refused. A map that is
//! wrong spoils only itself; bytes that are no message spoil the message. Nothing here panics on any bytes.
//! Read [`contract::FIELDS`] first.

pub mod contract;
mod read;

use serde::de::IgnoredAny;
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::bar::{self, BarSpec};

use crate::event::Aggressor;
use crate::ids::{Currency, InstrumentId, SourceId, Token};
use crate::number::{Money, Price, Quantity};
use crate::subject::MarketKind;

/// Largest market message, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 256 * 1024;
/// Most events in one message.
pub const MESSAGE_EVENTS_MAX: usize = 1024;

/// One market event, as its publisher numbers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarketEvent {
    /// The publisher, as it names itself.
    pub source: SourceId,
    /// New whenever the publisher begins to number anew.
    pub session: Token,
    /// Counts this source's events in this session for this instrument, from 1, across kinds.
    pub seq: u64,
    /// When the publisher received it, ns since the epoch.
    pub ts_recv: u64,
    /// The venue's time, ns, where it gives one.
    pub ts_event: Option<u64>,
    /// The event itself.
    pub body: MarketBody,
}

/// What a market event says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MarketBody {
    /// Best bid and ask.
    Quote {
        /// Best bid.
        bid: Price,
        /// Displayed there.
        bid_size: Quantity,
        /// Best ask.
        ask: Price,
        /// Displayed there.
        ask_size: Quantity,
        /// The venue's number of the update; natural key across sessions.
        update_id: Option<u64>,
    },
    /// A printed trade.
    Trade {
        /// Price, in the quote currency.
        price: Price,
        /// Amount of the base currency.
        quantity: Quantity,
        /// The side that crossed the spread.
        aggressor: Aggressor,
        /// The venue's id; natural key across sessions.
        trade_id: Option<u64>,
    },
    /// Open, high, low, close and volume of a while.
    Bar {
        /// Size and input of the bar.
        bar: BarSpec,
        /// First price.
        open: Price,
        /// Highest price.
        high: Price,
        /// Lowest price.
        low: Price,
        /// Last price.
        close: Price,
        /// Traded quantity.
        volume: Quantity,
        /// Events in it.
        count: u64,
        /// Begin of a time bar's window, else the first event's `ts_recv`, ns.
        opened: u64,
        /// End of a time bar's window, else the last event's `ts_recv`, ns.
        closed: u64,
    },
    /// The terms of the instrument.
    Definition {
        /// What is bought and sold.
        base: Currency,
        /// What prices are in.
        quote: Currency,
        /// Grid of prices.
        tick_size: Price,
        /// Grid of quantities.
        lot_size: Quantity,
        /// Least order value, in the quote currency.
        min_notional: Money,
        /// The bars to build of it from here on.
        bars: Vec<BarSpec>,
    },
    /// Nothing but the time.
    Heartbeat,
}

impl MarketBody {
    /// The kind that it is published as.
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

/// What could be read of an event that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// What is wrong, with the value.
    pub detail: String,
    /// Its source, if that could be read.
    pub source: Option<SourceId>,
    /// Its number, if that could be read.
    pub seq: Option<u64>,
}

/// What an event says, without who published it under which number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unnumbered {
    /// When it was received, ns since the epoch.
    pub ts_recv: u64,
    /// The venue's time, ns, where it gives one.
    pub ts_event: Option<u64>,
    /// The event itself.
    pub body: MarketBody,
}

/// Reads a message that came on a subject of `kind`: each element is an event, or what is wrong with it.
///
/// The result is never empty: bytes that are no message at all are one malformed element.
pub fn decode(kind: MarketKind, payload: &[u8]) -> Vec<Result<MarketEvent, Malformed>> {
    elements(payload, |one| one.to_event(kind))
}

/// Reads a message whose maps name their `kind` and may name their `instrument`; source, session and seq are passed
/// over and may be missing, and so may `ts_recv` where `ts_event` is given. So market data is kept in files.
pub fn decode_unnumbered(payload: &[u8]) -> Vec<Result<(Option<InstrumentId>, Unnumbered), Malformed>> {
    elements(payload, |one| one.to_unnumbered())
}

/// JSON begins with one of these; no MessagePack map or array does.
const JSON_BEGINS: &[u8] = b"{[ \t\r\n";
/// Deepest nesting of a MessagePack message. JSON needs no bound: what lies deeper than a field is skipped in a loop.
const DEPTH_MAX: usize = 8;

fn elements<T>(payload: &[u8], read: impl Fn(&read::Element) -> Result<T, Malformed>) -> Vec<Result<T, Malformed>> {
    let spoiled = |detail: String| vec![Err(Malformed { detail, source: None, seq: None })];
    if payload.len() > MESSAGE_BYTES_MAX {
        return spoiled(format!("message of {} bytes, over the bound of {MESSAGE_BYTES_MAX}", payload.len()));
    }
    let message = match payload.first() {
        None => return spoiled("an empty message".into()),
        Some(first) if JSON_BEGINS.contains(first) => json(payload),
        Some(_) => messagepack(payload),
    };
    match message {
        Err(error) => spoiled(error),
        Ok(elements) if elements.is_empty() => spoiled("an empty array".into()),
        Ok(elements) => elements.iter().map(read).collect(),
    }
}

fn json(payload: &[u8]) -> Result<Vec<read::Element<'_>>, String> {
    let mut deserializer = serde_json::Deserializer::from_slice(payload);
    let message = deserializer.deserialize_any(read::MessageVisitor);
    let whole = message.and_then(|elements| deserializer.end().map(|()| elements));
    whole.map_err(|error| format!("not a map or an array of maps in JSON: {error}"))
}

fn messagepack(payload: &[u8]) -> Result<Vec<read::Element<'_>>, String> {
    let mut deserializer = rmp_serde::Deserializer::from_read_ref(payload);
    deserializer.set_max_depth(DEPTH_MAX);
    let elements = deserializer
        .deserialize_any(read::MessageVisitor)
        .map_err(|error| format!("not a map or an array of maps in MessagePack: {error}"))?;
    match IgnoredAny::deserialize(&mut deserializer) {
        Err(rmp_serde::decode::Error::InvalidMarkerRead(_)) => Ok(elements), // the end
        _ => Err("there are bytes after the end of the message".into()),
    }
}

/// The bytes of one event, for the subject of its own kind.
pub fn encode(event: &MarketEvent) -> Vec<u8> {
    rmp_serde::to_vec_named(&Wire { event, named: false, instrument: None })
        .expect("writing a market event to memory cannot fail")
}

/// The bytes of several events, for the subject of kind `batch`: an array of maps that each name their kind.
pub fn encode_batch(events: &[MarketEvent]) -> Vec<u8> {
    let wires: Vec<_> = events.iter().map(|event| Wire { event, named: true, instrument: None }).collect();
    rmp_serde::to_vec_named(&wires).expect("writing market events to memory cannot fail")
}

/// An event as one line of JSON without its end: it names its instrument and kind, and [`decode_unnumbered`] reads it.
pub fn json_line(instrument: &InstrumentId, event: &MarketEvent) -> String {
    let wire = Wire { event, named: true, instrument: Some(instrument) };
    serde_json::to_string(&wire).expect("writing a market event to memory cannot fail")
}

/// An event as a MessagePack map that names its instrument and kind, as files hold one after the other.
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
                map.serialize_entry("bid", bid)?;
                map.serialize_entry("bid_size", bid_size)?;
                map.serialize_entry("ask", ask)?;
                map.serialize_entry("ask_size", ask_size)?;
                if let Some(id) = update_id {
                    map.serialize_entry("update_id", id)?;
                }
            }
            MarketBody::Trade { price, quantity, aggressor, trade_id } => {
                map.serialize_entry("price", price)?;
                map.serialize_entry("quantity", quantity)?;
                map.serialize_entry("aggressor", aggressor.as_str())?;
                if let Some(id) = trade_id {
                    map.serialize_entry("trade_id", id)?;
                }
            }
            MarketBody::Bar { bar, open, high, low, close, volume, count, opened, closed } => {
                map.serialize_entry("bar", bar)?;
                map.serialize_entry("open", open)?;
                map.serialize_entry("high", high)?;
                map.serialize_entry("low", low)?;
                map.serialize_entry("close", close)?;
                map.serialize_entry("volume", volume)?;
                map.serialize_entry("count", count)?;
                map.serialize_entry("opened", opened)?;
                map.serialize_entry("closed", closed)?;
            }
            MarketBody::Definition { base, quote, tick_size, lot_size, min_notional, bars } => {
                map.serialize_entry("base", base)?;
                map.serialize_entry("quote", quote)?;
                map.serialize_entry("tick_size", &tick_size.to_string())?;
                map.serialize_entry("lot_size", &lot_size.to_string())?;
                map.serialize_entry("min_notional", &min_notional.to_string())?;
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
