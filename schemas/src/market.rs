//! Market events as anyone publishes them on `md.<venue>.<symbol>.<kind>`: a MessagePack map, or an array of maps.
//!
//! Prices and quantities are decimal strings, or integers that count 1e-9; floats are refused. A map that is
//! wrong spoils only itself; bytes that are not MessagePack spoil the message. Nothing here panics on any bytes.

mod read;

use serde::ser::SerializeMap;
use serde::{Deserializer, Serialize, Serializer};

use crate::event::Aggressor;
use crate::ids::{Currency, SourceId, Token};
use crate::number::{Money, Price, Quantity};
use crate::subject::MarketKind;

/// Largest market message, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 256 * 1024;
/// Most events in one message.
pub const MESSAGE_EVENTS_MAX: usize = 1024;

/// One market event, as its publisher numbers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarketEvent {
    /// Who publishes.
    pub source: SourceId,
    /// New whenever the publisher begins to number anew.
    pub session: Token,
    /// Counts this source's events in this session for this instrument, from 1, across kinds.
    pub seq: u64,
    /// When the publisher received it, ns since the epoch.
    pub ts_recv: u64,
    /// The venue's time, ns, where it gives one.
    pub ts_event: Option<u64>,
    /// What happened.
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
        /// At what price.
        price: Price,
        /// How much.
        quantity: Quantity,
        /// Who crossed the spread.
        aggressor: Aggressor,
        /// The venue's id; natural key across sessions.
        trade_id: Option<u64>,
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

/// Reads a message that came on a subject of `kind`: each element is an event, or what is wrong with it.
///
/// The result is never empty: bytes that are no message at all are one malformed element.
pub fn decode(kind: MarketKind, payload: &[u8]) -> Vec<Result<MarketEvent, Malformed>> {
    let spoiled = |detail: String| vec![Err(Malformed { detail, source: None, seq: None })];
    if payload.len() > MESSAGE_BYTES_MAX {
        return spoiled(format!("message of {} bytes, over the bound of {MESSAGE_BYTES_MAX}", payload.len()));
    }
    let mut rest = payload;
    let mut deserializer = rmp_serde::Deserializer::new(&mut rest);
    deserializer.set_max_depth(8);
    let message = deserializer.deserialize_any(read::MessageVisitor);
    match message {
        Err(error) => spoiled(format!("not a map or an array of maps: {error}")),
        Ok(_) if !rest.is_empty() => spoiled(format!("{} bytes after the end of the message", rest.len())),
        Ok(fields) if fields.is_empty() => spoiled("an empty array".into()),
        Ok(fields) => fields.iter().map(|one| one.to_event(kind)).collect(),
    }
}

/// The bytes of one event, for the subject of its own kind.
pub fn encode(event: &MarketEvent) -> Vec<u8> {
    rmp_serde::to_vec_named(&Wire { event, named: false }).expect("writing a market event to memory cannot fail")
}

/// The bytes of several events, for the subject of kind `batch`: an array of maps that each name their kind.
pub fn encode_batch(events: &[MarketEvent]) -> Vec<u8> {
    let wires: Vec<_> = events.iter().map(|event| Wire { event, named: true }).collect();
    rmp_serde::to_vec_named(&wires).expect("writing market events to memory cannot fail")
}

struct Wire<'a> {
    event: &'a MarketEvent,
    named: bool,
}

impl Serialize for Wire<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let MarketEvent { source, session, seq, ts_recv, ts_event, body } = self.event;
        let optional = |present: bool| usize::from(present);
        let own = match body {
            MarketBody::Quote { update_id, .. } => 4 + optional(update_id.is_some()),
            MarketBody::Trade { trade_id, .. } => 3 + optional(trade_id.is_some()),
            MarketBody::Definition { .. } => 5,
            MarketBody::Heartbeat => 0,
        };
        let len = 4 + optional(self.named) + optional(ts_event.is_some()) + own;
        let mut map = serializer.serialize_map(Some(len))?;
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
            MarketBody::Definition { base, quote, tick_size, lot_size, min_notional } => {
                map.serialize_entry("base", base)?;
                map.serialize_entry("quote", quote)?;
                map.serialize_entry("tick_size", &tick_size.to_string())?;
                map.serialize_entry("lot_size", &lot_size.to_string())?;
                map.serialize_entry("min_notional", &min_notional.to_string())?;
            }
            MarketBody::Heartbeat => {}
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn quote() -> MarketEvent {
        let body = MarketBody::Quote {
            bid: "61837.63".parse().unwrap(),
            bid_size: "3.78826".parse().unwrap(),
            ask: "61837.64".parse().unwrap(),
            ask_size: "1000000000000".parse().unwrap(),
            update_id: Some(50093239212),
        };
        MarketEvent {
            source: "test".parse().unwrap(),
            session: "s1".parse().unwrap(),
            seq: 7,
            ts_recv: 1,
            ts_event: None,
            body,
        }
    }

    #[test]
    fn one_event_and_a_batch_round_trip() {
        let event = quote();
        assert_eq!(decode(MarketKind::Quote, &encode(&event)), [Ok(event.clone())]);
        let beat = MarketEvent { body: MarketBody::Heartbeat, ..event.clone() };
        let both = [event, beat];
        assert_eq!(decode(MarketKind::Batch, &encode_batch(&both)), both.clone().map(Ok));
    }

    #[test]
    fn a_wrong_element_spoils_only_itself() {
        let mut payload = vec![0x92, 0x01];
        payload.extend(encode_batch(&[quote()]).split_off(1));
        let read = decode(MarketKind::Batch, &payload);
        assert_eq!(read[0].as_ref().unwrap_err().detail, "not a map");
        assert_eq!(read[1], Ok(quote()));
    }

    #[test]
    fn what_is_wrong_is_said_with_source_and_number() {
        #[derive(Serialize)]
        struct Floating {
            source: &'static str,
            session: &'static str,
            seq: u64,
            ts_recv: u64,
            price: f64,
            quantity: &'static str,
        }
        let floating = Floating { source: "a", session: "b", seq: 3, ts_recv: 1, price: 0.1, quantity: "1" };
        let payload = rmp_serde::to_vec_named(&floating).unwrap();
        let wrong = decode(MarketKind::Trade, &payload).remove(0).unwrap_err();
        assert!(wrong.detail.starts_with("price is a float"), "{}", wrong.detail);
        assert_eq!((wrong.source, wrong.seq), (Some("a".parse().unwrap()), Some(3)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_at_least_one_element_and_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            for kind in MarketKind::ALL {
                prop_assert!(!decode(*kind, &bytes).is_empty());
            }
        }
        #[test]
        fn a_damaged_message_never_panics(at in 0usize..200, byte in any::<u8>()) {
            let mut payload = encode_batch(&[quote(), quote()]);
            let at = at % payload.len();
            payload[at] = byte;
            prop_assert!(!decode(MarketKind::Batch, &payload).is_empty());
        }
    }
}
