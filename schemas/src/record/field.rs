//! How the types of fields stand in a record.
//!
//! One rule for each: a text and an id stand once in the record and are referred to by number; a time is a difference
//! to the tape time of the event, a sequence to that of its cause; a decimal number is as [`decimal`] says; a field
//! that is declared as a change is a difference to an earlier event; every other value is MessagePack in its shortest
//! form.

use super::decimal;
use super::decoder::{RecordDecoder, Token};
use super::encoder::RecordEncoder;
use super::{InboxDigest, RecordHash};
use crate::bar::BarSpec;
use crate::calendar::Calendar;
use crate::describe::{Described, Type, types::TIME};
use crate::event::Scope;
use crate::generation::Generation;
use crate::ids::{AccountId, FillId, InstrumentId, OrderId, StrategyId, Symbol, TapeId, Token as Name};
use crate::number::{Money, Price, Quantity, Ratio};
use crate::offset::Offset;

/// Error: bytes that are not a field, an event or a table as this build writes it. Holds the reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct FieldError(String);

impl FieldError {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

/// A type of a field of a fact.
pub(crate) trait RecordField: Sized {
    /// Writes the value.
    fn write(&self, to: &mut RecordEncoder);
    /// Reads a value.
    fn read(from: &mut RecordDecoder<'_>) -> Result<Self, FieldError>;
}

/// The fields of a fact, or of a struct in one.
pub(crate) trait RecordFields: Sized {
    /// Number of fields.
    const COUNT: usize;
    /// Writes the fields, without the head of an array.
    fn write_fields(&self, to: &mut RecordEncoder);
    /// Reads the fields.
    fn read_fields(from: &mut RecordDecoder<'_>) -> Result<Self, FieldError>;
}

/// How a field of the type `T` stands in a record; `field: T as Time` in `structs!` and `variants!` names it.
pub(crate) trait FieldAs<T> {
    /// Description of the encoding.
    const TYPE: &'static Type;
    /// Number of values of [`Changes`](super::change::Changes) beside prices.
    const CHANGES: usize = 0;
    /// Writes the value.
    fn write(value: &T, to: &mut RecordEncoder);
    /// Reads a value.
    fn read(from: &mut RecordDecoder<'_>) -> Result<T, FieldError>;
}

/// A field as its type stands in a record.
pub(crate) struct Plain;
/// A time, ns since the Unix epoch: the difference to the tape time of the event, modulo 2^64.
pub(crate) struct Time;

/// A price of the event's instrument: the difference to the last such price of the instrument in the record, or the
/// price itself if there is none. The instrument is the first field of the kind.
pub(crate) struct PriceChange;
/// A value that changes little from event to event: the difference to the same field of the last event of the same kind
/// and instrument in the record, or the value itself if there is none.
pub(crate) struct Change;

/// The encoding that a field names.
macro_rules! field_as {
    () => {
        $crate::record::field::Plain
    };
    (Time) => {
        $crate::record::field::Time
    };
    (PriceChange) => {
        $crate::record::field::PriceChange
    };
    (Change) => {
        $crate::record::field::Change
    };
}
pub(crate) use field_as;

impl<T: RecordField + Described> FieldAs<T> for Plain {
    const TYPE: &'static Type = T::TYPE;
    fn write(value: &T, to: &mut RecordEncoder) {
        value.write(to);
    }
    fn read(from: &mut RecordDecoder<'_>) -> Result<T, FieldError> {
        T::read(from)
    }
}

impl FieldAs<u64> for Time {
    const TYPE: &'static Type = TIME;
    fn write(value: &u64, to: &mut RecordEncoder) {
        to.int(value.wrapping_sub(to.at()) as i64);
    }
    fn read(from: &mut RecordDecoder<'_>) -> Result<u64, FieldError> {
        let difference = from.int()?;
        Ok(from.at().wrapping_add(difference as u64))
    }
}

impl FieldAs<Option<u64>> for Time {
    const TYPE: &'static Type = &Type::Optional(TIME);
    fn write(value: &Option<u64>, to: &mut RecordEncoder) {
        match value {
            Some(time) => Self::write(time, to),
            None => to.nil(),
        }
    }
    fn read(from: &mut RecordDecoder<'_>) -> Result<Option<u64>, FieldError> {
        if from.nil() { Ok(None) } else { <Self as FieldAs<u64>>::read(from).map(Some) }
    }
}

impl FieldAs<Price> for PriceChange {
    const TYPE: &'static Type = &Type::PriceChange(Price::TYPE);
    fn write(value: &Price, to: &mut RecordEncoder) {
        let last = std::mem::replace(to.changes().price(), value.units());
        decimal::write(value.units() - last, Price::SCALE, to);
    }
    fn read(from: &mut RecordDecoder<'_>) -> Result<Price, FieldError> {
        let change = decimal::read(Price::SCALE, from)?;
        let last = from.changes().price();
        let price = last.checked_add(change).and_then(Price::from_units).ok_or_else(out_of_range)?;
        *last = price.units();
        Ok(price)
    }
}

impl FieldAs<Option<Price>> for PriceChange {
    const TYPE: &'static Type = &Type::PriceChange(<Option<Price>>::TYPE);
    fn write(value: &Option<Price>, to: &mut RecordEncoder) {
        match value {
            Some(price) => <Self as FieldAs<Price>>::write(price, to),
            None => to.nil(),
        }
    }
    fn read(from: &mut RecordDecoder<'_>) -> Result<Option<Price>, FieldError> {
        if from.nil() { Ok(None) } else { <Self as FieldAs<Price>>::read(from).map(Some) }
    }
}

impl FieldAs<Quantity> for Change {
    const TYPE: &'static Type = &Type::Change(Quantity::TYPE);
    const CHANGES: usize = 1;
    fn write(value: &Quantity, to: &mut RecordEncoder) {
        let last = std::mem::replace(to.changes().field(), value.units());
        decimal::write(value.units() - last, Quantity::SCALE, to);
    }
    fn read(from: &mut RecordDecoder<'_>) -> Result<Quantity, FieldError> {
        let change = decimal::read(Quantity::SCALE, from)?;
        let last = from.changes().field();
        let quantity = last.checked_add(change).and_then(Quantity::from_units).ok_or_else(out_of_range)?;
        *last = quantity.units();
        Ok(quantity)
    }
}

fn out_of_range() -> FieldError {
    FieldError::new("a change to a number out of range")
}

impl RecordField for Offset {
    fn write(&self, to: &mut RecordEncoder) {
        to.array(2);
        to.int(self.seq.wrapping_sub(to.cause_seq()) as i64);
        to.uint(self.index.into());
    }
    fn read(from: &mut RecordDecoder<'_>) -> Result<Self, FieldError> {
        from.array_of(2)?;
        let difference = from.int()?;
        Ok(Self::new(from.cause_seq().wrapping_add(difference as u64), from.narrow()?))
    }
}

macro_rules! integers {
    ($($ty:ty)*) => {$(
        impl RecordField for $ty {
            fn write(&self, to: &mut RecordEncoder) {
                to.uint((*self).into());
            }
            fn read(from: &mut RecordDecoder<'_>) -> Result<Self, FieldError> {
                from.narrow()
            }
        }
    )*};
}
integers!(u8 u16 u32 u64);

macro_rules! decimals {
    ($($ty:ty)*) => {$(
        impl RecordField for $ty {
            fn write(&self, to: &mut RecordEncoder) {
                decimal::write(self.units(), Self::SCALE, to);
            }
            fn read(from: &mut RecordDecoder<'_>) -> Result<Self, FieldError> {
                let units = decimal::read(Self::SCALE, from)?;
                Self::from_units(units).ok_or_else(|| FieldError::new(concat!("a ", stringify!($ty), " out of range")))
            }
        }
    )*};
}
decimals!(Price Quantity Ratio Money);

impl RecordField for String {
    fn write(&self, to: &mut RecordEncoder) {
        to.text(self);
    }
    fn read(from: &mut RecordDecoder<'_>) -> Result<Self, FieldError> {
        from.text().map(str::to_string)
    }
}

macro_rules! names {
    ($($ty:ty)*) => {$(
        impl RecordField for $ty {
            fn write(&self, to: &mut RecordEncoder) {
                to.text(self.as_str());
            }
            fn read(from: &mut RecordDecoder<'_>) -> Result<Self, FieldError> {
                from.text()?.parse().map_err(|error| FieldError::new(format!("{error}")))
            }
        }
    )*};
}
names!(Name Symbol AccountId StrategyId);

impl RecordField for Generation {
    fn write(&self, to: &mut RecordEncoder) {
        to.uint(self.get().into());
    }
    fn read(from: &mut RecordDecoder<'_>) -> Result<Self, FieldError> {
        Self::new(from.narrow()?).ok_or_else(|| FieldError::new("generation 0"))
    }
}

impl RecordField for InstrumentId {
    fn write(&self, to: &mut RecordEncoder) {
        to.instrument(self);
    }
    fn read(from: &mut RecordDecoder<'_>) -> Result<Self, FieldError> {
        from.instrument()
    }
}

/// Types that are written as one of several texts that parse: the shortest, as they are printed.
macro_rules! canonical {
    ($($ty:ty)*) => {$(
        impl RecordField for $ty {
            fn write(&self, to: &mut RecordEncoder) {
                to.text(&self.to_string());
            }
            fn read(from: &mut RecordDecoder<'_>) -> Result<Self, FieldError> {
                let text = from.text()?;
                let value: Self = text.parse().map_err(|error| FieldError::new(format!("{error}")))?;
                match value.to_string() == text {
                    true => Ok(value),
                    false => Err(FieldError::new(format!("{value} written {text}"))),
                }
            }
        }
    )*};
}
canonical!(BarSpec Calendar);

macro_rules! ids {
    ($($ty:ident)*) => {$(
        impl RecordField for $ty {
            fn write(&self, to: &mut RecordEncoder) {
                to.id(&self.0);
            }
            fn read(from: &mut RecordDecoder<'_>) -> Result<Self, FieldError> {
                from.id().map(Self)
            }
        }
    )*};
}
ids!(TapeId OrderId FillId);

macro_rules! hashes {
    ($($ty:ident)*) => {$(
        impl RecordField for $ty {
            fn write(&self, to: &mut RecordEncoder) {
                to.bytes(&self.0);
            }
            fn read(from: &mut RecordDecoder<'_>) -> Result<Self, FieldError> {
                from.bytes().map(Self)
            }
        }
    )*};
}
hashes!(RecordHash InboxDigest);

impl RecordField for Scope {
    fn write(&self, to: &mut RecordEncoder) {
        match self {
            Scope::All => to.text_in_place("All"),
            Scope::Instrument(instrument) => {
                to.map_of_one();
                to.text_in_place("Instrument");
                instrument.write(to);
            }
        }
    }
    fn read(from: &mut RecordDecoder<'_>) -> Result<Self, FieldError> {
        match from.token()? {
            Token::Text("All") => Ok(Scope::All),
            Token::Map(1) if from.text_in_place()? == "Instrument" => InstrumentId::read(from).map(Scope::Instrument),
            _ => Err(FieldError::new("neither All nor an instrument")),
        }
    }
}

impl<T: RecordField> RecordField for Option<T> {
    fn write(&self, to: &mut RecordEncoder) {
        match self {
            Some(value) => value.write(to),
            None => to.nil(),
        }
    }
    fn read(from: &mut RecordDecoder<'_>) -> Result<Self, FieldError> {
        if from.nil() { Ok(None) } else { T::read(from).map(Some) }
    }
}

impl<T: RecordField> RecordField for Box<T> {
    fn write(&self, to: &mut RecordEncoder) {
        (**self).write(to);
    }
    fn read(from: &mut RecordDecoder<'_>) -> Result<Self, FieldError> {
        T::read(from).map(Box::new)
    }
}

impl<T: RecordField> RecordField for Vec<T> {
    fn write(&self, to: &mut RecordEncoder) {
        to.array(self.len());
        self.iter().for_each(|one| one.write(to));
    }
    fn read(from: &mut RecordDecoder<'_>) -> Result<Self, FieldError> {
        let length = from.array()?;
        (0..length).map(|_| T::read(from)).collect()
    }
}

impl<A: RecordField, B: RecordField> RecordField for (A, B) {
    fn write(&self, to: &mut RecordEncoder) {
        to.array(2);
        self.0.write(to);
        self.1.write(to);
    }
    fn read(from: &mut RecordDecoder<'_>) -> Result<Self, FieldError> {
        from.array_of(2)?;
        Ok((A::read(from)?, B::read(from)?))
    }
}

impl<A: RecordField, B: RecordField, C: RecordField> RecordField for (A, B, C) {
    fn write(&self, to: &mut RecordEncoder) {
        to.array(3);
        self.0.write(to);
        self.1.write(to);
        self.2.write(to);
    }
    fn read(from: &mut RecordDecoder<'_>) -> Result<Self, FieldError> {
        from.array_of(3)?;
        Ok((A::read(from)?, B::read(from)?, C::read(from)?))
    }
}
