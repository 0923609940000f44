//! Descriptions of the types of fields that the macros `structs!` and `names!` do not declare.

use super::{Described, NamedType, Shape, Type, VariantDoc};
use crate::bar::BarSpec;
use crate::calendar::Calendar;
use crate::event::Scope;
use crate::generation::Generation;
use crate::ids::{FillId, InstrumentId, OrderId, Symbol, TapeId, Token, VenueId};
use crate::number::{Money, Price, Quantity, Ratio};
use crate::offset::Offset;
use crate::record::{InboxDigest, RecordHash};
use crate::symbol::symbol_pattern;
use crate::venue_id::VENUE_ID_PATTERN;

macro_rules! described {
    ($($ty:ty, $name:literal, $doc:literal, $shape:expr;)*) => {$(
        impl Described for $ty {
            const TYPE: &'static Type = &Type::Named(&NamedType { name: $name, doc: &[$doc], shape: $shape });
        }
    )*};
}

described! {
    u8, "u8", "Unsigned integer of at most 8 bits.", Shape::Integer { bits: 8, least: 0 };
    u16, "u16", "Unsigned integer of at most 16 bits.", Shape::Integer { bits: 16, least: 0 };
    u32, "u32", "Unsigned integer of at most 32 bits.", Shape::Integer { bits: 32, least: 0 };
    u64, "u64", "Unsigned integer of at most 64 bits.", Shape::Integer { bits: 64, least: 0 };
    String, "Text", "UTF-8 text.", Shape::Text("");
    Token, "Token", "A name that is a valid token of a NATS subject.", Shape::Text("^[A-Za-z0-9_-]{1,24}$");
    Symbol, "Symbol", "A symbol as its venue spells it, or the code of a currency: 1 to 48 bytes of UTF-8.",
        Shape::Text(concat!("^", symbol_pattern!(), "$"));
    InstrumentId, "InstrumentId",
        "An instrument at a venue, `<venue>.<symbol>`. The first dot ends the venue; the symbol may hold more dots.",
        Shape::Text(concat!(r"^[A-Za-z0-9_-]{1,24}\.", symbol_pattern!(), "$"));
    BarSpec, "BarSpec",
        "Size of a bar: 1m, 250ms, 1h, 1w, 3mo (time), 100t (events), 2.5v (quantity). With -session: by trading \
        sessions. With -quote: of quotes, at their mid.",
        Shape::Text(super::market::BAR_PATTERN);
    VenueId, "VenueId", "Id that a venue gives a trade or an update: a number of at most 64 bits, or another text.",
        Shape::VenueId(VENUE_ID_PATTERN);
    Calendar, "Calendar",
        "Trading sessions, ascending, comma-separated: trading date, =, open / close as times after 00:00 UTC of that \
        date (-01:00 is 23:00 of the day before). Year, month and times stand only where they differ from the session \
        before: 2024-01-31=14:30/21:00,02-01,02 is three sessions.",
        Shape::Text(super::market::CALENDAR_PATTERN);
    Price, "Price", "Price of one unit of the base currency, in the quote currency.",
        decimal(Price::SCALE, Price::MAX_UNITS);
    Quantity, "Quantity", "Amount of the base currency; signed where the sign gives the side.",
        decimal(Quantity::SCALE, Quantity::MAX_UNITS);
    Ratio, "Ratio", "Dimensionless number: a weight, a fraction, or the value of a limit.",
        decimal(Ratio::SCALE, Ratio::MAX_UNITS);
    Money, "Money", "Amount of a currency. Price times quantity is exact.",
        decimal(Money::SCALE, Money::MAX_UNITS);
    Generation, "Generation", "Number of a generation of a tape or an inbox, from 1.",
        Shape::Integer { bits: 32, least: 1 };
    TapeId, "TapeId", "Random identity of a tape.", Shape::Id;
    OrderId, "OrderId", "Id of an order; the client order id at an exchange.", Shape::Id;
    FillId, "FillId", "Id of a fill on the simulated exchange.", Shape::Id;
    RecordHash, "RecordHash", "BLAKE3 hash of the bytes of a record.", Shape::Bytes(32);
    InboxDigest, "InboxDigest", "Running digest of the messages of an inbox, zeros before the first one: the first 16 \
        bytes of the BLAKE3 hash of the digest before, the sequence of the message (8 bytes, big-endian), the length \
        of its subject (4 bytes, big-endian), its subject (with U+FFFD for what is not UTF-8) and its payload, \
        without its headers.", Shape::Bytes(16);
    Offset, "Offset", "Place of an event on a tape, printed p0g1:1234.5: partition, generation, sequence, index.",
        Shape::Offset;
    Scope, "Scope", "Instruments of the partition that a limit or a halt applies to.", Shape::Choice(&[
        VariantDoc { name: "All", ty: None, doc: &["Every instrument of the partition."] },
        VariantDoc { name: "Instrument", ty: Some(InstrumentId::TYPE), doc: &["One instrument of the partition."] },
    ]);
}

/// The encoding of a field that is declared `as Time`.
pub(crate) const TIME: &Type =
    &Type::Named(&NamedType { name: "Time", doc: &["A time, ns since the Unix epoch."], shape: Shape::Time });

const fn decimal(decimals: u32, units_max: i128) -> Shape {
    Shape::Decimal { decimals, units_max }
}

impl<T: Described> Described for Option<T> {
    const TYPE: &'static Type = &Type::Optional(T::TYPE);
}

impl<T: Described> Described for Box<T> {
    const TYPE: &'static Type = T::TYPE;
}

impl<T: Described> Described for Vec<T> {
    const TYPE: &'static Type = &Type::List(T::TYPE);
}

impl<A: Described, B: Described> Described for (A, B) {
    const TYPE: &'static Type = &Type::Tuple(&[A::TYPE, B::TYPE]);
}

impl<A: Described, B: Described, C: Described> Described for (A, B, C) {
    const TYPE: &'static Type = &Type::Tuple(&[A::TYPE, B::TYPE, C::TYPE]);
}

impl Type {
    /// Formats the type for people: `Price`, `Price or nil`, `list of BarSpec`, `(Token, Ratio)`.
    pub fn words(&self) -> String {
        match self {
            Type::Named(named) => named.name.into(),
            Type::Optional(of) => format!("{} or nil", of.words()),
            Type::PriceChange(of) => format!("{}, as price change", of.words()),
            Type::Change(of) => format!("{}, as change", of.words()),
            Type::List(of) => format!("list of {}", of.words()),
            Type::Tuple(of) => format!("({})", of.iter().map(|one| one.words()).collect::<Vec<_>>().join(", ")),
        }
    }

    /// Adds the named types in this type, each once, and each after the types that it contains.
    pub(super) fn collect(&self, into: &mut Vec<&'static NamedType>) {
        match self {
            Type::Named(named) => {
                match &named.shape {
                    Shape::Array(fields) => fields.iter().for_each(|field| field.ty.collect(into)),
                    Shape::Choice(variants) => variants.iter().filter_map(|v| v.ty).for_each(|ty| ty.collect(into)),
                    Shape::Variants(variants) => {
                        let fields = variants.iter().flat_map(|variant| variant.fields);
                        fields.for_each(|field| field.ty.collect(into));
                    }
                    _ => {}
                }
                if into.iter().all(|known| known.name != named.name) {
                    into.push(named);
                }
            }
            Type::Optional(of) | Type::List(of) | Type::Change(of) | Type::PriceChange(of) => of.collect(into),
            Type::Tuple(of) => of.iter().for_each(|one| one.collect(into)),
        }
    }
}
