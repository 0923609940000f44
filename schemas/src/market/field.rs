//! The types of fields in a message: how each is read from a value of a map, and written into one.

use std::collections::BTreeSet;
use std::str::FromStr;

use serde::Serialize;

use super::DEFINITION_SOURCES_MAX;
use super::contract::{Field, FieldType};
use super::fault::{
    Fault, cut, float, missing, named, not_a_bar, not_a_calendar, not_a_list, not_a_number, out_of_range, unknown_word,
    wrong_type,
};
use super::read::Scalar;
use crate::bar::{self, BarSpec};
use crate::calendar::Calendar;
use crate::event::{Aggressor, PriceDomain, TradeIdOrder, ValueForm};
use crate::ids::{SourceId, Symbol, Token, VenueId};
use crate::number::{Decimal, Money, Price, Quantity, SpelledNumber};

/// A type of a field of a message.
pub(super) trait MessageField: Sized {
    /// The type in the documents.
    const TYPE: FieldType;
    /// Reads the value of a field.
    fn read(field: Field, value: &Scalar) -> Result<Self, Fault>;
    /// Returns the value that is written; `None` if the message does not hold the field.
    fn written(&self) -> Option<impl Serialize>;
}

/// Types that [`FieldType`] names as they are, with the function that reads a value and what is written of one.
macro_rules! types {
    ($($ty:ident)*: $read:ident, $value:ident => $written:expr) => {$(
        impl MessageField for $ty {
            const TYPE: FieldType = FieldType::$ty;
            fn read(field: Field, value: &Scalar) -> Result<Self, Fault> {
                $read(field, value)
            }
            fn written(&self) -> Option<impl Serialize> {
                let $value = self;
                Some($written)
            }
        }
    )*};
}
types!(Price Quantity Money: decimal, number => SpelledNumber(*number));
types!(Token Symbol: name, text => text);

fn decimal<T: Decimal>(field: Field, value: &Scalar) -> Result<T, Fault> {
    match value {
        Scalar::Int(n) => T::from_whole(*n).map_err(|error| not_a_number(field, &n.to_string(), error)),
        Scalar::Text(text) => text.parse().map_err(|error| not_a_number(field, text, error)),
        Scalar::Float => Err(float(field, ValueForm::Decimal)),
        Scalar::Absent => Err(missing(field)),
        Scalar::Other => Err(wrong_type(field, ValueForm::Decimal)),
    }
}

fn name<T: FromStr>(field: Field, value: &Scalar) -> Result<T, Fault> {
    let text = text(field, value)?;
    text.parse().map_err(|_| Fault::NotAName { field: named(field.name()), value: cut(text) })
}

fn text<'a>(field: Field, value: &'a Scalar) -> Result<&'a str, Fault> {
    match value {
        Scalar::Text(text) => Ok(text),
        Scalar::Absent => Err(missing(field)),
        _ => Err(wrong_type(field, ValueForm::Text)),
    }
}

impl MessageField for u64 {
    const TYPE: FieldType = FieldType::Count;
    fn read(field: Field, value: &Scalar) -> Result<Self, Fault> {
        match value {
            Scalar::Int(n) => u64::try_from(*n).map_err(|_| out_of_range(field, n)),
            Scalar::Text(text) if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) => match text.len() {
                ..=20 => text.parse().map_err(|_| out_of_range(field, text)),
                _ if text.starts_with('0') => Err(wrong_type(field, ValueForm::Integer)),
                _ => Err(out_of_range(field, text)),
            },
            Scalar::Float => Err(float(field, ValueForm::Integer)),
            Scalar::Absent => Err(missing(field)),
            _ => Err(wrong_type(field, ValueForm::Integer)),
        }
    }
    fn written(&self) -> Option<impl Serialize> {
        Some(self)
    }
}

impl MessageField for Option<u64> {
    const TYPE: FieldType = FieldType::Count;
    fn read(field: Field, value: &Scalar) -> Result<Self, Fault> {
        u64::read(field, value).map(Some)
    }
    fn written(&self) -> Option<impl Serialize> {
        *self
    }
}

impl MessageField for Option<Price> {
    const TYPE: FieldType = FieldType::Price;
    fn read(field: Field, value: &Scalar) -> Result<Self, Fault> {
        Price::read(field, value).map(Some)
    }
    fn written(&self) -> Option<impl Serialize> {
        self.map(SpelledNumber)
    }
}

impl MessageField for Option<VenueId> {
    const TYPE: FieldType = FieldType::VenueId;
    fn read(field: Field, value: &Scalar) -> Result<Self, Fault> {
        match value {
            Scalar::Int(n) => u64::try_from(*n).map(|n| Some(n.into())).map_err(|_| out_of_range(field, n)),
            Scalar::Text(text) => {
                let not_an_id = |_| Fault::NotAVenueId { field: named(field.name()), value: cut(text) };
                text.parse().map(Some).map_err(not_an_id)
            }
            Scalar::Float => Err(float(field, ValueForm::Integer)),
            Scalar::Absent => Err(missing(field)),
            Scalar::Other => Err(wrong_type(field, ValueForm::Text)),
        }
    }
    fn written(&self) -> Option<impl Serialize> {
        self.as_ref()
    }
}

/// Types with a fixed list of names; one of them may be the default, which is not written.
macro_rules! words {
    ($($ty:ident $(or $default:ident)?;)*) => {$(
        impl MessageField for $ty {
            const TYPE: FieldType = FieldType::Word($ty::NAMES);
            fn read(field: Field, value: &Scalar) -> Result<Self, Fault> {
                let text = text(field, value)?;
                text.parse().map_err(|_| unknown_word(field, text))
            }
            fn written(&self) -> Option<impl Serialize> {
                let is_default = false $(|| *self == $ty::$default)?;
                (!is_default).then(|| self.as_str())
            }
        }
    )*};
}
words! {
    Aggressor;
    PriceDomain or Positive;
    TradeIdOrder or Any;
}

impl MessageField for BarSpec {
    const TYPE: FieldType = FieldType::Bar;
    fn read(field: Field, value: &Scalar) -> Result<Self, Fault> {
        text(field, value)?.parse().map_err(|error| not_a_bar(field, &error))
    }
    fn written(&self) -> Option<impl Serialize> {
        Some(self)
    }
}

impl MessageField for Vec<BarSpec> {
    const TYPE: FieldType = FieldType::Bars;
    fn read(field: Field, value: &Scalar) -> Result<Self, Fault> {
        bar::parse_list(text(field, value)?).map_err(|error| not_a_list(field, error))
    }
    fn written(&self) -> Option<impl Serialize> {
        (!self.is_empty()).then(|| bar::list(self))
    }
}

impl MessageField for Option<Calendar> {
    const TYPE: FieldType = FieldType::Calendar;
    fn read(field: Field, value: &Scalar) -> Result<Self, Fault> {
        text(field, value)?.parse().map(Some).map_err(not_a_calendar)
    }
    fn written(&self) -> Option<impl Serialize> {
        self.as_ref()
    }
}

impl MessageField for Vec<SourceId> {
    const TYPE: FieldType = FieldType::Tokens;
    /// Sorted, each name once.
    fn read(field: Field, value: &Scalar) -> Result<Self, Fault> {
        let text = text(field, value)?;
        let names = || text.split(',').map(str::trim).filter(|one| !one.is_empty());
        if names().count() > DEFINITION_SOURCES_MAX {
            return Err(Fault::TooManyNames { field: named(field.name()), limit: DEFINITION_SOURCES_MAX as u32 });
        }
        let names: BTreeSet<SourceId> =
            names().map(|one| name(field, &Scalar::Text(one.into()))).collect::<Result<_, _>>()?;
        Ok(names.into_iter().collect())
    }
    fn written(&self) -> Option<impl Serialize> {
        (!self.is_empty()).then(|| self.iter().map(SourceId::as_str).collect::<Vec<_>>().join(","))
    }
}
