//! The id that a venue gives a trade, or the update of a quote.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Greatest length of a text, in bytes: a hash of 32 bytes in hexadecimal digits, and the name of a space.
pub const VENUE_ID_BYTES_MAX: usize = 96;

/// The pattern of a text.
pub(crate) const VENUE_ID_PATTERN: &str = "^[!-~]{1,96}$";

/// The id of a trade or an update of an instrument, as its venue gives it: a number, or a text such as a UUID or a
/// hash.
///
/// An id is an identity, not an order. A venue that numbers two things apart has two id spaces: a publisher writes the
/// ids of one of them with the name of the space and a colon before them, such as `agg:26129` for an aggregate trade.
/// Digits without leading zeros that fit 64 bits are a number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum VenueId {
    /// A number.
    Number(u64),
    /// Any other text: 1 to [`VENUE_ID_BYTES_MAX`] ASCII characters without spaces.
    Text(Box<str>),
}

/// Error: a text that is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an id (want 1 to {VENUE_ID_BYTES_MAX} ASCII characters without spaces)")]
pub struct NotAVenueId;

impl VenueId {
    /// Returns the number, if the id is one: the ids of the unnamed space of a venue that counts.
    pub fn number(&self) -> Option<u64> {
        match self {
            VenueId::Number(number) => Some(*number),
            VenueId::Text(_) => None,
        }
    }

    /// Returns the id with this number in a named space.
    pub fn in_space(space: &str, number: u64) -> Self {
        VenueId::Text(format!("{space}:{number}").into())
    }
}

impl From<u64> for VenueId {
    fn from(number: u64) -> Self {
        VenueId::Number(number)
    }
}

impl FromStr for VenueId {
    type Err = NotAVenueId;
    fn from_str(text: &str) -> Result<Self, NotAVenueId> {
        let is_canonical = text == "0" || !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
        if let (true, Ok(number)) = (is_canonical, text.parse()) {
            return Ok(VenueId::Number(number));
        }
        let is_text =
            (1..=VENUE_ID_BYTES_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if is_text { Ok(VenueId::Text(text.into())) } else { Err(NotAVenueId) }
    }
}

impl fmt::Display for VenueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            VenueId::Number(number) => write!(f, "{number}"),
            VenueId::Text(text) => f.write_str(text),
        }
    }
}

impl Serialize for VenueId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            VenueId::Number(number) => serializer.serialize_u64(*number),
            VenueId::Text(text) => serializer.serialize_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for VenueId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = VenueId;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number or a text")
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<VenueId, E> {
                Ok(VenueId::Number(number))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<VenueId, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_a_number_and_any_other_text_is_itself() {
        for (text, number) in [
            ("0", Some(0)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("007", None),
            ("agg:26129", None),
            ("0xdeadbeef", None),
            ("2f1e0c9a-7b4d-4f6e-9d0a-5c3b1e8f7a21", None),
        ] {
            let id: VenueId = text.parse().unwrap();
            assert_eq!((id.number(), id.to_string()), (number, text.to_string()));
        }
        assert_eq!(VenueId::in_space("agg", 7), "agg:7".parse().unwrap());
        for bad in ["", "a b", "a\n", "é", &"x".repeat(VENUE_ID_BYTES_MAX + 1)] {
            assert_eq!(bad.parse::<VenueId>(), Err(NotAVenueId), "{bad:?}");
        }
        assert!("x".repeat(VENUE_ID_BYTES_MAX).parse::<VenueId>().is_ok());
    }
}
