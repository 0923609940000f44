//! The table of the fields of market events. Decoder, documentation and tests derive from it.
//!
//! The fields of every kind are here; those of one kind are in its module in [`super::kinds`].

use super::kinds;
use crate::number;
use crate::subject::MarketKind;

pub use super::kinds::KINDS;

/// Type of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldType {
    /// A text of 1 to 24 characters of `A-Z a-z 0-9 - _`: a token of a subject.
    Token,
    /// Several tokens, comma-separated.
    Tokens,
    /// A [`crate::symbol::Symbol`] as text, without the escapes of a subject.
    Symbol,
    /// The name of a kind.
    Kind,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A [`crate::bar::BarSpec`] as text.
    Bar,
    /// Several of them, comma-separated.
    Bars,
    /// A [`crate::calendar::Calendar`] as text.
    Calendar,
    /// An unsigned integer of at most 64 bits, or its digits as text.
    Count,
    /// A [`crate::ids::VenueId`]: an unsigned integer of at most 64 bits, or text.
    VenueId,
    /// Nanoseconds since the Unix epoch, in the forms of `Count`.
    Time,
    /// A [`crate::number::Price`]: text, a JSON number, or a MessagePack integer, which is a whole number. A
    /// MessagePack float is malformed.
    Price,
    /// A [`crate::number::Quantity`], in the forms of `Price`.
    Quantity,
    /// A [`crate::number::Money`], in the forms of `Price`.
    Money,
}

impl FieldType {
    /// Returns the name in the documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            FieldType::Token => "token",
            FieldType::Symbol => "symbol",
            FieldType::Kind | FieldType::Word(_) | FieldType::Bar | FieldType::Bars => "text",
            FieldType::Tokens | FieldType::Calendar => "text",
            FieldType::Count => "count",
            FieldType::VenueId => "id",
            FieldType::Time => "time",
            FieldType::Price => "price",
            FieldType::Quantity => "quantity",
            FieldType::Money => "money",
        }
    }

    /// Returns the greatest length of a text that is read, in bytes; a longer one has the wrong type.
    pub(super) const fn text_bytes_max(self) -> usize {
        match self {
            FieldType::Calendar => super::MESSAGE_BYTES_MAX,
            _ => 512,
        }
    }

    /// Returns the decimals and the greatest value of a decimal number.
    pub const fn decimal(self) -> Option<(u32, i128)> {
        match self {
            FieldType::Price => Some((number::Price::SCALE, number::Price::MAX_UNITS / number::Price::ONE)),
            FieldType::Quantity => Some((number::Quantity::SCALE, number::Quantity::MAX_UNITS / number::Quantity::ONE)),
            FieldType::Money => Some((number::Money::SCALE, number::Money::MAX_UNITS / number::Money::ONE)),
            _ => None,
        }
    }

    /// Returns the type of a field in a unit: a count of nanoseconds is a time.
    pub(super) const fn in_unit(self, unit: &str) -> Self {
        match self {
            FieldType::Count if are_equal(unit, "ns") => FieldType::Time,
            ty => ty,
        }
    }
}

/// Returns whether two texts are equal, in a constant.
const fn are_equal(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut at = 0;
    while at < a.len() && at < b.len() && a[at] == b[at] {
        at += 1;
    }
    at == a.len() && at == b.len()
}

/// A field of a market event.
#[derive(Debug, Clone, Copy)]
pub struct FieldSpec {
    /// Key in the map.
    pub name: &'static str,
    /// Kinds that have the field.
    pub kinds: &'static [MarketKind],
    /// Whether a map of these kinds must hold the field.
    pub required: bool,
    /// Type of the value.
    pub ty: FieldType,
    /// Unit of the value; empty if it has none.
    pub unit: &'static str,
    /// Accepted values. `describe::market` derives the minimum from the prefixes `from 1` and `above`.
    pub range: &'static str,
    /// An accepted value, as JSON.
    pub example: &'static str,
    /// Meaning of the field, as the documents show it.
    pub doc: &'static str,
}

/// A field, as an index into [`FIELDS`]. Fields of several kinds with the same key are the first of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Field(pub(super) usize);

macro_rules! every_kind {
    ($($constant:ident $name:literal $required:literal $ty:ident, $unit:literal, $range:literal, $example:literal,
       $doc:literal;)*) => {
        /// The fields of every kind.
        pub(super) const EVERY_KIND: &[FieldSpec] = &[$(FieldSpec {
            name: $name, kinds: KINDS, required: $required, ty: FieldType::$ty, unit: $unit, range: $range,
            example: $example, doc: $doc,
        },)*];
        impl Field {
            $(pub(super) const $constant: Field = Field::of($name);)*
            /// Returns the field with this key.
            pub(super) fn named(key: &str) -> Option<Field> {
                match key { $($name => Some(Field::$constant),)* _ => kinds::named(key) }
            }
        }
    };
}

every_kind! {
    KIND "kind" false Kind, "", "as the subject's last token; required on a subject of kind batch", "\"trade\"",
        "Kind of the event.";
    SOURCE "source" true Token, "", "1 to 24 of A-Z a-z 0-9 - _", "\"feed1\"", "Name of the publisher.";
    SESSION "session" true Token, "", "1 to 24 of A-Z a-z 0-9 - _", "\"s20240809a\"",
        "Session of the source. Each session numbers from 1; begin a new one at each start.";
    SEQ "seq" true Count, "events", "from 1", "7",
        "Number of the event within source, session, venue and symbol, across kinds. A skipped number is a gap.";
    TS_RECV "ts_recv" true Time, "ns", "from 1980; at most 5 s ahead of the broker's clock", "\"1723161254087891268\"",
        "Time at which the publisher received the event.";
    TS_EVENT "ts_event" false Time, "ns", "from 1980", "\"1723161252823000000\"", "The venue's own time of the event.";
}

/// Every field, in the order in which [`super::encode`] writes them.
pub const FIELDS: &[FieldSpec] = &{
    let mut fields = [EVERY_KIND[0]; kinds::FIELD_COUNT];
    let (mut list, mut count) = (0, 0);
    while list < kinds::FIELD_LISTS.len() {
        let (kinds, own) = kinds::FIELD_LISTS[list];
        let mut at = 0;
        while at < own.len() {
            fields[count] = FieldSpec { kinds, ..own[at] };
            (count, at) = (count + 1, at + 1);
        }
        list += 1;
    }
    fields
};

impl Field {
    /// Returns the field with a key that is in [`FIELDS`]: in a constant, any other does not compile.
    pub(super) const fn of(key: &str) -> Field {
        let mut at = 0;
        while !are_equal(FIELDS[at].name, key) {
            at += 1;
        }
        Field(at)
    }
    pub(super) const fn spec(self) -> &'static FieldSpec {
        &FIELDS[self.0]
    }
    pub(super) const fn name(self) -> &'static str {
        self.spec().name
    }
}

// A map is read before its kind is known, so a key has one type in all kinds.
const _: () = {
    let mut at = 0;
    while at < FIELDS.len() {
        assert!(are_equal(FIELDS[at].ty.as_str(), Field::of(FIELDS[at].name).spec().ty.as_str()), "a key of two types");
        at += 1;
    }
};
