//! Descriptions of the wire formats as data, and the documents that are generated from them.
//!
//! The descriptions derive from the declarations in [`crate::event`] and [`crate::market::contract`].

pub mod answers;
pub mod asyncapi;
pub mod market;
pub mod record;
pub mod tape;
pub(crate) mod types;

use crate::event::Kind;
use crate::record::Writer;

/// The lines of a doc comment.
pub type Doc = &'static [&'static str];

/// Joins the lines of a doc comment into one text.
pub fn prose(doc: Doc) -> String {
    doc.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}

/// A type with a description of its encoding on the tape.
pub trait Described {
    /// Description of the encoding.
    const TYPE: &'static Type;
}

/// Description of the encoding of a value on the tape.
#[derive(Debug)]
pub enum Type {
    /// A type that has a name in the documents.
    Named(&'static NamedType),
    /// A value of the type, or nil.
    Optional(&'static Type),
    /// An array of any length, with elements of one type.
    List(&'static Type),
    /// A price, as the difference to the last such price of the instrument.
    PriceChange(&'static Type),
    /// A value of the type, as the difference to the same field of the last event of the same kind and instrument.
    Change(&'static Type),
    /// An array with one element per type, in order.
    Tuple(&'static [&'static Type]),
}

/// A type that has a name in the documents.
#[derive(Debug)]
pub struct NamedType {
    /// Name, unique among the named types.
    pub name: &'static str,
    /// Meaning of the type.
    pub doc: Doc,
    /// Encoding of the type.
    pub shape: Shape,
}

/// Encoding of a named type.
#[derive(Debug)]
pub enum Shape {
    /// An unsigned integer of at most `bits` bits that is not below `least`.
    Integer {
        /// Number of bits.
        bits: u32,
        /// The least integer.
        least: u32,
    },
    /// A time: the difference to the tape time of the event.
    Time,
    /// An offset: the difference of the sequence to that of the event's cause, and the index.
    Offset,
    /// The number of a text in the table of the record. The text matches this regular expression; any text if it is
    /// empty.
    Text(&'static str),
    /// The number of 16 bytes in the table of the record.
    Id,
    /// An unsigned integer, or a text that is none and matches this regular expression.
    VenueId(&'static str),
    /// Mantissa and number of decimals in one integer.
    Decimal {
        /// Greatest number of decimals.
        decimals: u32,
        /// Greatest magnitude, in units of 10^-`decimals`.
        units_max: i128,
    },
    /// Binary data of this length, in bytes.
    Bytes(usize),
    /// An integer that stands for a name.
    Names(&'static [NameDoc]),
    /// An array with one element per field, in order.
    Array(&'static [FieldDoc]),
    /// One of several variants: the name alone, or a map with the name as its only key.
    Choice(&'static [VariantDoc]),
    /// An array: the number of one of several variants, then the fields of that variant in order.
    Variants(&'static [NumberedVariantDoc]),
}

/// A name of [`Shape::Names`].
#[derive(Debug)]
pub struct NameDoc {
    /// Number on the wire.
    pub number: u8,
    /// Name in text and JSON.
    pub text: &'static str,
    /// Meaning of the name.
    pub doc: Doc,
}

/// A field of [`Shape::Array`].
#[derive(Debug)]
pub struct FieldDoc {
    /// Name of the field. The wire holds no names: a field is identified by its index.
    pub name: &'static str,
    /// Type of the field.
    pub ty: &'static Type,
    /// Meaning of the field.
    pub doc: Doc,
}

/// A variant of [`Shape::Choice`].
#[derive(Debug)]
pub struct VariantDoc {
    /// Name on the wire.
    pub name: &'static str,
    /// Type of the value; `None` for a variant without one.
    pub ty: Option<&'static Type>,
    /// Meaning of the variant.
    pub doc: Doc,
}

/// A variant of [`Shape::Variants`].
#[derive(Debug)]
pub struct NumberedVariantDoc {
    /// Number on the wire.
    pub number: u8,
    /// Code in JSON and in the database.
    pub code: &'static str,
    /// Meaning of the variant.
    pub doc: Doc,
    /// Fields of the variant, in the order on the wire after the number.
    pub fields: &'static [FieldDoc],
}

/// Returns the meaning of a name of the type; empty if it has no such name.
fn name_doc(ty: &Type, text: &str) -> String {
    match ty {
        Type::Named(NamedType { shape: Shape::Names(names), .. }) => {
            names.iter().find(|name| name.text == text).map(|name| prose(name.doc)).unwrap_or_default()
        }
        _ => String::new(),
    }
}

/// Returns the writers that append facts of a kind. The keeper has no driver.
pub fn writers(kind: Kind) -> Vec<Writer> {
    let drivers = || Writer::ALL.iter().copied().filter(|writer| *writer != Writer::Keeper);
    kind.writer().map_or_else(|| drivers().collect(), |writer| vec![writer])
}
