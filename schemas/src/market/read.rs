//! Decodes the maps of a market message. An error affects one map and names its field.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::contract::{FIELDS, Field, FieldType};
use super::fault::{Fault, cut, named, positive, unknown_word, wrong_type};
use super::field::MessageField;
use super::{MESSAGE_EVENTS_MAX, Malformed, MarketBody, MarketEvent, Unnumbered};
use crate::event::{MalformedDetail, MessageEncoding, ValueForm};
use crate::ids::InstrumentId;
use crate::subject::MarketKind;

/// A value of any type, with the detail that the checks of fields need.
#[derive(Debug, Clone, Default)]
pub(super) enum Scalar<'a> {
    #[default]
    Absent,
    Int(i128),
    Text(Cow<'a, str>),
    Float,
    Other,
}

/// Decodes a message: a map or an array of maps.
pub(super) fn message<'de, D: Deserializer<'de>>(
    deserializer: D,
    encoding: MessageEncoding,
) -> Result<Vec<Element<'de>>, MalformedDetail> {
    let mut has_too_many = false;
    let decoded = deserializer.deserialize_any(MessageVisitor { has_too_many: &mut has_too_many });
    decoded.map_err(|_| match has_too_many {
        true => MalformedDetail::TooManyEvents { limit: MESSAGE_EVENTS_MAX as u32 },
        false => MalformedDetail::NotMaps { encoding },
    })
}

struct MessageVisitor<'a> {
    /// Set if the message has more than [`MESSAGE_EVENTS_MAX`] maps: an error of a visitor is only a text.
    has_too_many: &'a mut bool,
}

impl<'de> Visitor<'de> for MessageVisitor<'_> {
    type Value = Vec<Element<'de>>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map or an array of maps")
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        ElementVisitor.visit_map(map).map(|one| vec![one])
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut all = Vec::new();
        while let Some(one) = seq.next_element()? {
            if all.len() == MESSAGE_EVENTS_MAX {
                *self.has_too_many = true;
                return Err(de::Error::custom("too many events"));
            }
            all.push(one);
        }
        Ok(all)
    }
}

/// The known fields of one map, not yet checked.
#[derive(Debug)]
pub(super) struct Element<'a> {
    values: [Scalar<'a>; FIELDS.len()],
    instrument: Scalar<'a>,
    repeated: Option<&'static str>,
    not_a_map: bool,
}

/// A map without fields.
impl Default for Element<'_> {
    fn default() -> Self {
        let values = std::array::from_fn(|_| Scalar::Absent);
        Self { values, instrument: Scalar::Absent, repeated: None, not_a_map: false }
    }
}

/// Decodes any value. A value that is not a map gives [`Element::not_a_map`], so that the rest of the array is read.
struct ElementVisitor;

macro_rules! not_a_map {
    ($($visit:ident($ty:ty)),*) => {$(
        fn $visit<E: de::Error>(self, _: $ty) -> Result<Self::Value, E> { Ok(Element::not_a_map()) }
    )*};
}

impl<'de> Visitor<'de> for ElementVisitor {
    type Value = Element<'de>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }
    not_a_map!(visit_bool(bool), visit_i64(i64), visit_u64(u64), visit_f64(f64), visit_str(&str), visit_bytes(&[u8]));
    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(Element::not_a_map())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Element::not_a_map())
    }
    /// An extension value of MessagePack.
    fn visit_newtype_struct<D: Deserializer<'de>>(self, value: D) -> Result<Self::Value, D::Error> {
        IgnoredAny::deserialize(value)?;
        Ok(Element::not_a_map())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut read = Element::default();
        while let Some(key) = map.next_key_seed(FieldSeed(None))? {
            let name = match &key {
                Scalar::Text(name) => name.as_ref(),
                _ => "",
            };
            if let Some(field) = Field::named(name) {
                let value = &mut read.values[field.0];
                if !matches!(value, Scalar::Absent) {
                    read.repeated = Some(field.name());
                }
                *value = map.next_value_seed(FieldSeed(Some(field)))?;
            } else if name == "instrument" {
                read.instrument = map.next_value_seed(FieldSeed(None))?;
            } else {
                // Unknown fields are ignored: a later contract may define them.
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(read)
    }
}

impl<'de> Deserialize<'de> for Element<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ElementVisitor)
    }
}

impl<'de> Deserialize<'de> for Scalar<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ScalarVisitor;
        impl<'de> Visitor<'de> for ScalarVisitor {
            type Value = Scalar<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }
            fn visit_bool<E: de::Error>(self, _: bool) -> Result<Self::Value, E> {
                Ok(Scalar::Other)
            }
            fn visit_i64<E: de::Error>(self, v: i64) -> Result<Self::Value, E> {
                Ok(Scalar::Int(i128::from(v)))
            }
            fn visit_u64<E: de::Error>(self, v: u64) -> Result<Self::Value, E> {
                Ok(Scalar::Int(i128::from(v)))
            }
            fn visit_f64<E: de::Error>(self, _: f64) -> Result<Self::Value, E> {
                Ok(Scalar::Float)
            }
            fn visit_borrowed_str<E: de::Error>(self, v: &'de str) -> Result<Self::Value, E> {
                Ok(Scalar::Text(Cow::Borrowed(v)))
            }
            fn visit_str<E: de::Error>(self, v: &str) -> Result<Self::Value, E> {
                Ok(Scalar::Text(Cow::Owned(v.into())))
            }
            fn visit_bytes<E: de::Error>(self, _: &[u8]) -> Result<Self::Value, E> {
                Ok(Scalar::Other)
            }
            fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
                Ok(Scalar::Absent)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Scalar::Other)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Scalar::Other)
            }
            /// An extension value of MessagePack.
            fn visit_newtype_struct<D: Deserializer<'de>>(self, value: D) -> Result<Self::Value, D::Error> {
                IgnoredAny::deserialize(value)?;
                Ok(Scalar::Other)
            }
        }
        deserializer.deserialize_any(ScalarVisitor)
    }
}

/// Decodes the value of a field; without one, a key or the instrument. A JSON number of a decimal field becomes the
/// text that spells it, so that no digit is lost. A JSON text that is not Unicode (a lone surrogate) has another type.
struct FieldSeed(Option<Field>);

impl<'de> DeserializeSeed<'de> for FieldSeed {
    type Value = Scalar<'de>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        let ty = self.0.map(|field| field.spec().ty);
        match deserializer.is_human_readable() {
            true => Ok(json_value(ty, <&RawValue>::deserialize(deserializer)?.get())),
            false => Scalar::deserialize(deserializer).map(|value| value.of(ty)),
        }
    }
}

impl Scalar<'_> {
    /// The value for a field of this type: a text that is too long for the type has another.
    fn of(self, ty: Option<FieldType>) -> Self {
        let most = ty.unwrap_or(FieldType::Kind).text_bytes_max();
        if matches!(&self, Scalar::Text(text) if text.len() > most) { Scalar::Other } else { self }
    }
}

fn json_value(ty: Option<FieldType>, raw: &str) -> Scalar<'_> {
    // Most values are text without an escape, which stands as it is.
    if let Some(text) = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'))
        && !text.as_bytes().contains(&b'\\')
    {
        return Scalar::Text(Cow::Borrowed(text)).of(ty);
    }
    let is_decimal = ty.is_some_and(|ty| ty.decimal().is_some());
    let is_count = matches!(ty, Some(FieldType::Count | FieldType::Time | FieldType::VenueId));
    match raw.as_bytes().first() {
        Some(b'-' | b'0'..=b'9') if is_decimal => Scalar::Text(Cow::Borrowed(raw)),
        // serde_json reads an integer beyond 64 bits as a float.
        Some(b'-' | b'0'..=b'9') if is_count && !raw.contains(['.', 'e', 'E']) => {
            let n = raw.parse::<u64>().map(i128::from).or_else(|_| raw.parse());
            n.map_or(Scalar::Text(Cow::Borrowed(raw)), Scalar::Int)
        }
        _ => serde_json::from_str(raw).unwrap_or(Scalar::Other).of(ty),
    }
}

/// Decodes an array of any values in JSON, in which some elements may be values that no type of Rust holds: a text that
/// is not Unicode, or a number beyond all floats.
pub(super) fn json_array(payload: &[u8]) -> Option<Vec<Element<'_>>> {
    let elements: Vec<&RawValue> = serde_json::from_slice(payload).ok()?;
    let fits = elements.len() <= MESSAGE_EVENTS_MAX;
    let read = elements.into_iter().map(|raw| serde_json::from_str(raw.get()).unwrap_or_else(|_| Element::not_a_map()));
    fits.then(|| read.collect())
}

impl<'a> Element<'a> {
    fn not_a_map() -> Self {
        Self { not_a_map: true, ..Self::default() }
    }

    /// Converts the fields to the event of a message on a subject of `kind`.
    pub(super) fn to_event(&self, kind: MarketKind) -> Result<MarketEvent, Malformed> {
        self.numbered(kind).map_err(|detail| self.malformed(detail))
    }

    /// Converts the fields to an event without source, session and number, which may be missing.
    pub(super) fn to_unnumbered(&self) -> Result<(Option<InstrumentId>, Unnumbered), Malformed> {
        let read = || -> Result<(Option<InstrumentId>, Unnumbered), Fault> {
            self.is_sound()?;
            let ts_event = self.read(Field::TS_EVENT, [None])?;
            let ts_recv: Option<u64> = self.read(Field::TS_RECV, [None])?;
            let ts_recv = positive(Field::TS_RECV, ts_recv.or(ts_event))?;
            let instrument = match &self.instrument {
                Scalar::Absent => None,
                Scalar::Text(name) => {
                    let (field, value) = (named("instrument"), cut(name));
                    Some(name.parse().map_err(|_| Fault::NotAName { field, value })?)
                }
                _ => return Err(Fault::WrongType { field: named("instrument"), expected: ValueForm::Text }),
            };
            Ok((
                instrument,
                Unnumbered { ts_recv, ts_event, body: MarketBody::read(self.kind(MarketKind::Batch)?, self)? },
            ))
        };
        read().map_err(|detail| self.malformed(detail))
    }

    fn malformed(&self, detail: Fault) -> Malformed {
        Malformed { detail, source: self.read(Field::SOURCE, []).ok(), seq: self.read(Field::SEQ, []).ok() }
    }

    fn is_sound(&self) -> Result<(), Fault> {
        match self.repeated {
            _ if self.not_a_map => Err(Fault::NotAMap),
            Some(field) => Err(Fault::Repeated { field: named(field) }),
            None => Ok(()),
        }
    }

    fn numbered(&self, kind: MarketKind) -> Result<MarketEvent, Fault> {
        self.is_sound()?;
        Ok(MarketEvent {
            source: self.read(Field::SOURCE, [])?,
            session: self.read(Field::SESSION, [])?,
            seq: positive(Field::SEQ, self.read(Field::SEQ, [None])?)?,
            ts_recv: positive(Field::TS_RECV, self.read(Field::TS_RECV, [None])?)?,
            ts_event: self.read(Field::TS_EVENT, [None])?,
            body: MarketBody::read(self.kind(kind)?, self)?,
        })
    }

    fn kind(&self, subject: MarketKind) -> Result<MarketKind, Fault> {
        let named = match self.get(Field::KIND) {
            Scalar::Absent => None,
            Scalar::Text(name) => Some(name.parse::<MarketKind>().map_err(|_| unknown_word(Field::KIND, name))?),
            _ => return Err(wrong_type(Field::KIND, ValueForm::Text)),
        };
        match (subject, named) {
            (MarketKind::Batch, None | Some(MarketKind::Batch)) => Err(Fault::NoKind),
            (MarketKind::Batch, Some(named)) => Ok(named),
            (subject, Some(kind)) if kind != subject => Err(Fault::WrongKind { kind, subject }),
            (subject, _) => Ok(subject),
        }
    }

    /// Reads a field, which may be missing if it has a default.
    pub(super) fn read<T: MessageField, const N: usize>(&self, field: Field, default: [T; N]) -> Result<T, Fault> {
        match (self.get(field), default.into_iter().next()) {
            (Scalar::Absent, Some(default)) => Ok(default),
            (value, _) => T::read(field, value),
        }
    }

    fn get(&self, field: Field) -> &Scalar<'a> {
        &self.values[field.0]
    }
}
