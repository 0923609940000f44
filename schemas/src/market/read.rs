//! Reads the maps of a market message leniently, so that every fault is one element's and has a name.

use std::fmt;

use arrayvec::ArrayString;
use serde::de::{self, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{MESSAGE_EVENTS_MAX, Malformed, MarketBody, MarketEvent};
use crate::event::Aggressor;
use crate::ids::Token;
use crate::number::{Money, Price, Quantity};
use crate::subject::MarketKind;

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

/// Reads a map, or an array of them.
pub(super) struct MessageVisitor;

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
pub(super) struct FieldsAndRest {
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
    /// The event that the fields say, or what is wrong with them.
    pub(super) fn to_event(self, kind: MarketKind) -> Result<MarketEvent, Malformed> {
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
