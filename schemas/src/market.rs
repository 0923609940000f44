//! Market events as anyone publishes them on `md.<venue>.<symbol>.<kind>`: a MessagePack map, or an array of maps.
//!
//! Prices and quantities are decimal strings, or integers that count 1e-9; floats are refused. A map that is
//! wrong spoils only itself; bytes that are not MessagePack spoil the message. Nothing here panics on any bytes.

use std::fmt;

use arrayvec::ArrayString;
use serde::de::{self, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

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
    let message = deserializer.deserialize_any(MessageVisitor);
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

/// A scalar of any type, kept just well enough to be judged.
#[derive(Debug, Clone, Copy, Default)]
enum Scalar {
    #[default]
    Absent,
    Int(i128),
    Text(ArrayString<64>),
    LongText,
    Float,
    Other,
}

/// The known fields of one map, not yet judged.
#[derive(Debug, Clone, Copy, Default)]
struct Fields {
    values: [Scalar; FIELDS.len()],
    repeated: Option<&'static str>,
    not_a_map: bool,
}

const FIELDS: [&str; 19] = [
    "kind",
    "source",
    "session",
    "seq",
    "ts_recv",
    "ts_event",
    "bid",
    "bid_size",
    "ask",
    "ask_size",
    "update_id",
    "price",
    "quantity",
    "aggressor",
    "trade_id",
    "base",
    "quote",
    "tick_size",
    "lot_size",
];
const MIN_NOTIONAL: &str = "min_notional";

struct MessageVisitor;

impl<'de> Visitor<'de> for MessageVisitor {
    type Value = Vec<FieldsAndRest>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map or an array of maps")
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        FieldsVisitor.visit_map(map).map(|one| vec![one])
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut all = Vec::new();
        while let Some(one) = seq.next_element()? {
            if all.len() == MESSAGE_EVENTS_MAX {
                return Err(de::Error::custom(format!("over {MESSAGE_EVENTS_MAX} events")));
            }
            all.push(one);
        }
        Ok(all)
    }
}

/// One element: its known fields and the one that does not fit the table by type.
#[derive(Debug, Clone, Copy, Default)]
struct FieldsAndRest {
    fields: Fields,
    min_notional: Scalar,
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = FieldsAndRest;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<FieldsAndRest, A::Error> {
        let mut read = FieldsAndRest::default();
        while let Some(key) = map.next_key::<Scalar>()? {
            let name = match &key {
                Scalar::Text(name) => name.as_str(),
                _ => "",
            };
            if name == MIN_NOTIONAL {
                read.min_notional = map.next_value()?;
            } else if let Some(at) = FIELDS.iter().position(|field| *field == name) {
                if !matches!(read.fields.values[at], Scalar::Absent) {
                    read.fields.repeated = Some(FIELDS[at]);
                }
                read.fields.values[at] = map.next_value()?;
            } else {
                // Fields of a later contract are passed over.
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(read)
    }
}

impl<'de> Deserialize<'de> for FieldsAndRest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// An element that is no map is that element's fault alone.
        struct Element;
        macro_rules! not_a_map {
            ($($visit:ident($ty:ty)),*) => {$(
                fn $visit<E: de::Error>(self, _: $ty) -> Result<FieldsAndRest, E> { Ok(not_a_map()) }
            )*};
        }
        fn not_a_map() -> FieldsAndRest {
            FieldsAndRest { fields: Fields { not_a_map: true, ..Fields::default() }, ..FieldsAndRest::default() }
        }
        impl<'de> Visitor<'de> for Element {
            type Value = FieldsAndRest;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }
            not_a_map!(
                visit_bool(bool),
                visit_i64(i64),
                visit_u64(u64),
                visit_f64(f64),
                visit_str(&str),
                visit_bytes(&[u8])
            );
            fn visit_unit<E: de::Error>(self) -> Result<FieldsAndRest, E> {
                Ok(not_a_map())
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<FieldsAndRest, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(not_a_map())
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<FieldsAndRest, A::Error> {
                FieldsVisitor.visit_map(map)
            }
        }
        deserializer.deserialize_any(Element)
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ScalarVisitor;
        impl<'de> Visitor<'de> for ScalarVisitor {
            type Value = Scalar;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }
            fn visit_bool<E: de::Error>(self, _: bool) -> Result<Scalar, E> {
                Ok(Scalar::Other)
            }
            fn visit_i64<E: de::Error>(self, v: i64) -> Result<Scalar, E> {
                Ok(Scalar::Int(i128::from(v)))
            }
            fn visit_u64<E: de::Error>(self, v: u64) -> Result<Scalar, E> {
                Ok(Scalar::Int(i128::from(v)))
            }
            fn visit_f64<E: de::Error>(self, _: f64) -> Result<Scalar, E> {
                Ok(Scalar::Float)
            }
            fn visit_str<E: de::Error>(self, v: &str) -> Result<Scalar, E> {
                Ok(ArrayString::from(v).map_or(Scalar::LongText, Scalar::Text))
            }
            fn visit_bytes<E: de::Error>(self, v: &[u8]) -> Result<Scalar, E> {
                // The wide form of our own numbers.
                Ok(v.try_into().map_or(Scalar::Other, |wide| Scalar::Int(i128::from_be_bytes(wide))))
            }
            fn visit_unit<E: de::Error>(self) -> Result<Scalar, E> {
                Ok(Scalar::Absent)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Scalar, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Scalar::Other)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Scalar, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Scalar::Other)
            }
        }
        deserializer.deserialize_any(ScalarVisitor)
    }
}

type Fault = String;

impl FieldsAndRest {
    fn to_event(self, kind: MarketKind) -> Result<MarketEvent, Malformed> {
        self.judge(kind).map_err(|detail| Malformed {
            detail,
            source: self.token("source").ok(),
            seq: self.count("seq").ok().flatten(),
        })
    }

    fn judge(&self, kind: MarketKind) -> Result<MarketEvent, Fault> {
        if self.fields.not_a_map {
            return Err("not a map".into());
        }
        if let Some(field) = self.fields.repeated {
            return Err(format!("{field} is given twice"));
        }
        Ok(MarketEvent {
            source: self.token("source")?,
            session: self.token("session")?,
            seq: self.count("seq")?.filter(|n| *n > 0).ok_or("seq must be an integer from 1")?,
            ts_recv: self.count("ts_recv")?.filter(|n| *n > 0).ok_or("ts_recv must be ns since the epoch")?,
            ts_event: self.count("ts_event")?,
            body: self.body(self.kind(kind)?)?,
        })
    }

    fn kind(&self, subject: MarketKind) -> Result<MarketKind, Fault> {
        let named = match self.get("kind") {
            Scalar::Absent => None,
            Scalar::Text(name) => Some(name.parse::<MarketKind>().map_err(|e| format!("kind {e}"))?),
            _ => return Err("kind must be text".into()),
        };
        match (subject, named) {
            (MarketKind::Batch, None | Some(MarketKind::Batch)) => Err("a map in a batch must name its kind".into()),
            (MarketKind::Batch, Some(named)) => Ok(named),
            (subject, Some(named)) if named != subject => Err(format!("kind {named} on a subject for {subject}")),
            (subject, _) => Ok(subject),
        }
    }

    fn body(&self, kind: MarketKind) -> Result<MarketBody, Fault> {
        Ok(match kind {
            MarketKind::Quote => MarketBody::Quote {
                bid: self.price("bid")?,
                bid_size: self.quantity("bid_size")?,
                ask: self.price("ask")?,
                ask_size: self.quantity("ask_size")?,
                update_id: self.count("update_id")?,
            },
            MarketKind::Trade => MarketBody::Trade {
                price: self.price("price")?,
                quantity: self.quantity("quantity")?,
                aggressor: match self.get("aggressor") {
                    Scalar::Absent => Aggressor::Unknown,
                    Scalar::Text(name) => name.parse().map_err(|e| format!("aggressor {e}"))?,
                    _ => return Err("aggressor must be text".into()),
                },
                trade_id: self.count("trade_id")?,
            },
            MarketKind::Definition => MarketBody::Definition {
                base: self.token("base")?,
                quote: self.token("quote")?,
                tick_size: self.price("tick_size")?,
                lot_size: self.quantity("lot_size")?,
                min_notional: match self.min_notional {
                    Scalar::Absent => Money::ZERO,
                    value => {
                        decimal(MIN_NOTIONAL, value, |units| Money::from_units(units.checked_mul(1_000_000_000)?))?
                    }
                },
            },
            MarketKind::Heartbeat => MarketBody::Heartbeat,
            MarketKind::Batch => return Err("a batch within a batch".into()),
        })
    }

    fn get(&self, field: &str) -> Scalar {
        FIELDS.iter().position(|f| *f == field).map_or(Scalar::Absent, |at| self.fields.values[at])
    }

    fn token(&self, field: &str) -> Result<Token, Fault> {
        match self.get(field) {
            Scalar::Text(name) => name.parse().map_err(|e| format!("{field} {e}")),
            Scalar::Absent => Err(format!("{field} is missing")),
            _ => Err(format!("{field} must be a short text")),
        }
    }

    fn count(&self, field: &str) -> Result<Option<u64>, Fault> {
        match self.get(field) {
            Scalar::Absent => Ok(None),
            Scalar::Int(n) => u64::try_from(n).map(Some).map_err(|_| format!("{field} {n} is out of range")),
            _ => Err(format!("{field} must be an integer")),
        }
    }

    fn price(&self, field: &str) -> Result<Price, Fault> {
        decimal(field, self.get(field), Price::from_units)
    }

    fn quantity(&self, field: &str) -> Result<Quantity, Fault> {
        decimal(field, self.get(field), Quantity::from_units)
    }
}

fn decimal<T>(field: &str, value: Scalar, from_units: impl Fn(i128) -> Option<T>) -> Result<T, Fault>
where
    T: std::str::FromStr<Err = crate::number::NumberError>,
{
    match value {
        Scalar::Int(units) => from_units(units).ok_or_else(|| format!("{field} {units} (1e-9) is out of range")),
        Scalar::Text(text) => text.parse().map_err(|e| format!("{field} {:?} {e}", text.as_str())),
        Scalar::Float => Err(format!("{field} is a float; write a decimal string, or an integer that counts 1e-9")),
        Scalar::Absent => Err(format!("{field} is missing")),
        Scalar::LongText | Scalar::Other => {
            Err(format!("{field} must be a decimal string, or an integer that counts 1e-9"))
        }
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
