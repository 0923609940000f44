//! How the id of a venue stands in a record: a number as an integer, any other text as it is.

use super::decoder::{RecordDecoder, Token};
use super::encoder::RecordEncoder;
use super::field::{Change, FieldAs, FieldError, RecordField};
use crate::describe::{Described, Type};
use crate::ids::VenueId;

impl FieldAs<Option<VenueId>> for Change {
    const TYPE: &'static Type = &Type::Change(<Option<VenueId>>::TYPE);
    const CHANGES: usize = 1;
    /// A number is a difference to the last number, a text stands as it is.
    fn write(value: &Option<VenueId>, to: &mut RecordEncoder) {
        let last = to.changes().field();
        match value {
            Some(VenueId::Number(number)) => {
                let change = number.wrapping_sub(*last as u64) as i64;
                *last = i128::from(*number);
                to.int(change);
            }
            Some(VenueId::Text(text)) => to.text_in_place(text),
            None => to.nil(),
        }
    }
    fn read(from: &mut RecordDecoder<'_>) -> Result<Option<VenueId>, FieldError> {
        let change = match from.token()? {
            Token::Nil => None,
            Token::Int(change) => Some(Ok(change)),
            Token::Text(text) => Some(Err(text)),
            other => return Err(FieldError::new(format!("{other} in place of an id"))),
        };
        let last = from.changes().field();
        match change {
            None => Ok(None),
            Some(Ok(change)) => {
                let number = (*last as u64).wrapping_add(change as u64);
                *last = i128::from(number);
                Ok(Some(VenueId::Number(number)))
            }
            Some(Err(text)) => venue_text(text).map(Some),
        }
    }
}

impl RecordField for VenueId {
    fn write(&self, to: &mut RecordEncoder) {
        match self {
            VenueId::Number(number) => to.uint(*number),
            VenueId::Text(text) => to.text_in_place(text),
        }
    }
    fn read(from: &mut RecordDecoder<'_>) -> Result<Self, FieldError> {
        match from.token()? {
            Token::Int(number @ 0..) => Ok(VenueId::Number(number as u64)),
            Token::Large(number) => Ok(VenueId::Number(number)),
            Token::Text(text) => venue_text(text),
            other => Err(FieldError::new(format!("{other} in place of an id"))),
        }
    }
}

/// The id with this text, which is not that of a number.
fn venue_text(text: &str) -> Result<VenueId, FieldError> {
    match text.parse() {
        Ok(id @ VenueId::Text(_)) => Ok(id),
        _ => Err(FieldError::new("a text that is not an id, or is a number")),
    }
}
