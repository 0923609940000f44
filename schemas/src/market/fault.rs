//! Why a map of a market message does not decode: the constructors of the reasons.

use std::fmt;

use super::contract::Field;
use crate::bar::{self, BarListError, NotABar};
use crate::calendar::CalendarError;
use crate::event::{MalformedDetail, ValueForm};
use crate::ids::Token;
use crate::number::NumberError;
use crate::text::{VALUE_BYTES_MAX, bounded};

pub(super) type Fault = MalformedDetail;

/// The name of a field in a reason.
pub(super) fn named(name: &str) -> Token {
    name.parse().expect("the name of a field is a token")
}

/// A text of a publisher, cut to the length that a reason repeats.
pub(super) fn cut(text: &str) -> String {
    bounded(text, VALUE_BYTES_MAX)
}

/// The number of a required field that must be from 1.
pub(super) fn positive(field: Field, number: Option<u64>) -> Result<u64, Fault> {
    match number {
        None => Err(missing(field)),
        Some(0) => Err(Fault::Zero { field: named(field.name()) }),
        Some(number) => Ok(number),
    }
}

pub(super) fn missing(field: Field) -> Fault {
    Fault::Missing { field: named(field.name()) }
}

pub(super) fn wrong_type(field: Field, expected: ValueForm) -> Fault {
    Fault::WrongType { field: named(field.name()), expected }
}

pub(super) fn float(field: Field, expected: ValueForm) -> Fault {
    Fault::Float { field: named(field.name()), expected }
}

pub(super) fn unknown_word(field: Field, text: &str) -> Fault {
    Fault::UnknownWord { field: named(field.name()), value: cut(text) }
}

pub(super) fn out_of_range(field: Field, value: impl fmt::Display) -> Fault {
    Fault::OutOfRange { field: named(field.name()), value: cut(&value.to_string()) }
}

pub(super) fn not_a_bar(field: Field, error: &NotABar) -> Fault {
    Fault::NotABar { field: named(field.name()), value: cut(&error.0) }
}

pub(super) fn not_a_list(field: Field, error: BarListError) -> Fault {
    match error {
        BarListError::NotABar(error) => not_a_bar(field, &error),
        BarListError::Repeated(bar) => Fault::RepeatedBar { bar },
        BarListError::TooMany => Fault::TooManyBars { limit: bar::BARS_MAX as u32 },
    }
}

pub(super) fn not_a_calendar(error: CalendarError) -> Fault {
    Fault::NotACalendar { value: error.value, fault: error.fault }
}

/// The fault of a text that is not a number.
pub(super) fn not_a_number(field: Field, text: &str, error: NumberError) -> Fault {
    let (name, value) = (named(field.name()), cut(text));
    match error {
        NumberError::Malformed => Fault::NotADecimal { field: name, value },
        NumberError::TooPrecise(decimals) => Fault::TooPrecise { field: name, value, decimals },
        NumberError::TooLong => Fault::TooLong { field: name },
        NumberError::OutOfRange(_) => Fault::OutOfRange { field: name, value },
    }
}
