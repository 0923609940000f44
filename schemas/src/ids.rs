//! Names and ids. Names come from outside. The id of an order or fill is a hash of its cause, so that re-execution
//! derives the same id.

use std::fmt;
use std::str::FromStr;

use arrayvec::ArrayString;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::describe::{Described, Type};
use crate::generation::Lineage;
use crate::offset::Offset;
use crate::record::Writer;
pub use crate::symbol::{SYMBOL_BYTES_MAX, Symbol};
pub use crate::venue_id::{NotAVenueId, VENUE_ID_BYTES_MAX, VenueId};

/// Greatest length of a name, in bytes.
pub const TOKEN_BYTES_MAX: usize = 24;

/// Error: a text that is not a name of a form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {form}")]
pub struct BadName {
    /// The text, cut to 64 characters.
    text: String,
    /// The form that the text does not have.
    form: NameForm,
}

impl BadName {
    pub(crate) fn new(text: &str, form: NameForm) -> Self {
        Self { text: text.chars().take(64).collect(), form }
    }
}

/// The form of a name, in words that an error shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NameForm {
    Token,
    Symbol,
    Instrument,
}

impl fmt::Display for NameForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NameForm::Token => write!(f, "a name (want 1 to {TOKEN_BYTES_MAX} of A-Z a-z 0-9 - _)"),
            NameForm::Symbol => write!(
                f,
                "a symbol (want 1 to {SYMBOL_BYTES_MAX} bytes without commas and control characters, spaces only \
                 inside)"
            ),
            NameForm::Instrument => write!(
                f,
                "an instrument (want venue.symbol: a venue of 1 to {TOKEN_BYTES_MAX} of A-Z a-z 0-9 - _, a symbol of 1 \
                 to {SYMBOL_BYTES_MAX} bytes without commas and control characters)"
            ),
        }
    }
}

/// A name of 1 to 24 characters of `A-Z a-z 0-9 - _`, and so a valid token of a NATS subject.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(ArrayString<TOKEN_BYTES_MAX>);

impl Token {
    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Token {
    type Err = BadName;
    fn from_str(text: &str) -> Result<Self, BadName> {
        let legal = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        match ArrayString::from(text) {
            Ok(name) if !name.is_empty() && name.bytes().all(legal) => Ok(Token(name)),
            _ => Err(BadName::new(text, NameForm::Token)),
        }
    }
}

macro_rules! text_serde {
    ($name:ty) => {
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(self, f)
            }
        }
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;
                impl serde::de::Visitor<'_> for Text {
                    type Value = $name;
                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("a name")
                    }
                    fn visit_str<E: serde::de::Error>(self, v: &str) -> Result<$name, E> {
                        v.parse().map_err(E::custom)
                    }
                }
                deserializer.deserialize_str(Text)
            }
        }
    };
}

pub(crate) use text_serde;

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
text_serde!(Token);

/// Name of a publisher, as the publisher gives it in its market events.
pub type SourceId = Token;
/// Currency code, such as `BTC` or `USDT`. The base currency of a share is its symbol, such as `BRK.B`.
pub type Currency = Symbol;

/// Declares a newtype of [`Token`] with the same encoding: names of different things have different types.
macro_rules! name_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Token);

        impl $name {
            /// Returns the name as text.
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
        impl FromStr for $name {
            type Err = BadName;
            fn from_str(text: &str) -> Result<Self, BadName> {
                text.parse().map(Self)
            }
        }
        impl Described for $name {
            const TYPE: &'static Type = Token::TYPE;
        }
        text_serde!($name);
    };
}

name_id!(
    /// Name of an account, such as `sim-p0`.
    AccountId
);

impl AccountId {
    /// Returns the account of a partition on the simulated exchange: `sim-p0` for partition 0.
    pub fn simulated(partition: u16) -> Self {
        format!("sim-p{partition}").parse().expect("within 24 bytes")
    }
}

name_id!(
    /// Name of a strategy, such as `ewma`, or `blend` for the combination of all.
    StrategyId
);

/// An instrument at a venue, printed `<venue>.<symbol>`: `binance.BTCUSDT`, `nyse.BRK.B`. The first dot ends the venue.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstrumentId {
    /// Name of the venue.
    pub venue: Token,
    /// Name of the instrument at the venue.
    pub symbol: Symbol,
}

impl fmt::Display for InstrumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.venue, self.symbol)
    }
}

impl FromStr for InstrumentId {
    type Err = BadName;
    fn from_str(text: &str) -> Result<Self, BadName> {
        let bad = || BadName::new(text, NameForm::Instrument);
        let (venue, symbol) = text.split_once('.').ok_or_else(bad)?;
        Ok(Self { venue: venue.parse().map_err(|_| bad())?, symbol: symbol.parse().map_err(|_| bad())? })
    }
}
text_serde!(InstrumentId);

macro_rules! derived_id {
    ($(#[$doc:meta])* $name:ident, $domain:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 16]);

        impl $name {
            /// Derives the id of entity `index` that `writer` decides on `cause`: a hash of these, of the tape, and of
            /// the generation to which the cause was appended first.
            pub fn derive(lineage: &Lineage, cause: Offset, writer: Writer, index: u32) -> Self {
                let mut hasher = blake3::Hasher::new();
                hasher.update($domain);
                hasher.update(&lineage.tape.0);
                hasher.update(&lineage.generation_of(cause.seq).get().to_be_bytes());
                hasher.update(&cause.seq.to_be_bytes());
                hasher.update(&cause.index.to_be_bytes());
                hasher.update(&[writer as u8]);
                hasher.update(&index.to_be_bytes());
                let mut id = [0; 16];
                id.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
                Self(id)
            }
        }
        hex_id!($name);
    };
}

/// Bytes from lower-case hex digits.
pub(crate) fn hex_bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() != 2 * N || !text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
    }
    Some(bytes)
}

macro_rules! hex_id {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
        impl FromStr for $name {
            type Err = BadId;
            fn from_str(text: &str) -> Result<Self, BadId> {
                hex_bytes(text).map(Self).ok_or_else(|| BadId(text.chars().take(64).collect()))
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    serializer.serialize_bytes(&self.0)
                }
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Id;
                impl de::Visitor<'_> for Id {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("an id: 16 bytes, or 32 hex digits")
                    }
                    fn visit_str<E: de::Error>(self, v: &str) -> Result<$name, E> {
                        v.parse().map_err(E::custom)
                    }
                    fn visit_bytes<E: de::Error>(self, v: &[u8]) -> Result<$name, E> {
                        v.try_into().map($name).map_err(|_| E::custom("want 16 bytes"))
                    }
                }
                if deserializer.is_human_readable() {
                    deserializer.deserialize_str(Id)
                } else {
                    deserializer.deserialize_bytes(Id)
                }
            }
        }
    };
}

/// Error: a text that is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an id (want 32 lower-case hex digits)")]
pub struct BadId(pub String);

/// Random identity of a tape, recorded in `TapeCreated`. Part of every derived id, so ids differ between tapes.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TapeId(pub [u8; 16]);
hex_id!(TapeId);

derived_id!(
    /// Id of an order, and its client order id at an exchange.
    OrderId, b"order"
);
derived_id!(
    /// Id of a fill on the simulated exchange.
    FillId, b"fill"
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::CopiedRecords;
    use crate::generation::Generation;
    use crate::record::RecordHash;

    #[test]
    fn names_are_single_subject_tokens() {
        assert_eq!("binance.BTCUSDT".parse::<InstrumentId>().unwrap().to_string(), "binance.BTCUSDT");
        for bad in ["", "a b", "a.b", "*", ">", "é", "a234567890123456789012345"] {
            assert!(bad.parse::<Token>().is_err(), "{bad}");
        }
        let share: InstrumentId = "nyse.BRK.B".parse().unwrap();
        assert_eq!((share.venue.as_str(), share.symbol.as_str()), ("nyse", "BRK.B"));
        for bad in ["binance", "binance.", ".BTCUSDT", "a b.c", "é.c", "a. b"] {
            assert!(bad.parse::<InstrumentId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn ids_differ_by_tape_cause_writer_and_index_and_round_trip() {
        let id = |tape: u8, seq, writer, index| {
            OrderId::derive(&TapeId([tape; 16]).into(), Offset::new(seq, 0), writer, index)
        };
        let all = [
            id(1, 1, Writer::Risk, 0),
            id(2, 1, Writer::Risk, 0),
            id(1, 2, Writer::Risk, 0),
            id(1, 1, Writer::Paper, 0),
            id(1, 1, Writer::Risk, 1),
        ];
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
        assert_eq!(all[0].to_string().parse::<OrderId>().unwrap(), all[0]);
    }

    #[test]
    fn an_id_names_the_generation_in_which_its_cause_lies() {
        let first = Lineage::from(TapeId([1; 16]));
        let copied = vec![CopiedRecords { generation: first.generation, last: 10, hash: RecordHash::default() }];
        let second = Lineage { generation: Generation::new(2).unwrap(), copied, ..first.clone() };
        let id = |lineage, seq| OrderId::derive(lineage, Offset::new(seq, 0), Writer::Risk, 0);
        assert_eq!(id(&first, 10), id(&second, 10), "the cause is a copied record");
        assert_ne!(id(&first, 11), id(&second, 11), "the record of generation 1 is lost");
    }
}
