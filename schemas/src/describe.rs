//! What the wire looks like, as data taken from the code, and the documents made of it. Nothing is encoded here.
//!
//! The tables themselves stand where the things are declared: [`crate::event`] and [`crate::market::contract`].

pub mod answers;
pub mod asyncapi;
pub mod market;
pub mod record;
pub mod tape;
mod types;

use crate::event::Kind;
use crate::record::Writer;

/// The lines of a doc comment.
pub type Doc = &'static [&'static str];

/// The lines of a doc comment as one text.
pub fn prose(doc: Doc) -> String {
    doc.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}

/// A type whose form on the tape is known.
pub trait Described {
    /// Its form.
    const TYPE: &'static Type;
}

/// The form of a value on the tape.
#[derive(Debug)]
pub enum Type {
    /// One that has a name of its own.
    Named(&'static NamedType),
    /// A value, or nil.
    Optional(&'static Type),
    /// An array of any length, of values of one type.
    List(&'static Type),
    /// An array of these, in order.
    Tuple(&'static [&'static Type]),
}

/// A type with a name.
#[derive(Debug)]
pub struct NamedType {
    /// Its name, unique among all.
    pub name: &'static str,
    /// What it is.
    pub doc: Doc,
    /// What stands on the wire.
    pub shape: Shape,
}

/// What stands on the wire for a named type.
#[derive(Debug)]
pub enum Shape {
    /// An unsigned integer of so many bits.
    Integer(u32),
    /// Text, which matches the pattern.
    Text(&'static str),
    /// A count of units of 1e-`decimals`: an integer where it fits 64 bits, else 16 big-endian bytes.
    Decimal {
        /// Decimals of the unit.
        decimals: u32,
        /// Largest magnitude, in units.
        units_max: i128,
    },
    /// So many bytes.
    Bytes(usize),
    /// A small integer that stands for a name.
    Names(&'static [NameDoc]),
    /// An array of these fields, in order.
    Array(&'static [FieldDoc]),
    /// One of these: the bare name, or a map of the name alone to its value.
    Choice(&'static [VariantDoc]),
}

/// A name and its number.
#[derive(Debug)]
pub struct NameDoc {
    /// On the wire.
    pub number: u8,
    /// In text.
    pub text: &'static str,
    /// What it means.
    pub doc: Doc,
}

/// A field of an array.
#[derive(Debug)]
pub struct FieldDoc {
    /// Its name: it is not on the wire, its place is.
    pub name: &'static str,
    /// Its form.
    pub ty: &'static Type,
    /// What it says.
    pub doc: Doc,
}

/// One of several forms.
#[derive(Debug)]
pub struct VariantDoc {
    /// Its name on the wire.
    pub name: &'static str,
    /// What stands beside the name, if anything.
    pub ty: Option<&'static Type>,
    /// What it means.
    pub doc: Doc,
}

/// What one of a type's names means; empty where it has no such name.
fn name_doc(ty: &Type, text: &str) -> String {
    match ty {
        Type::Named(NamedType { shape: Shape::Names(names), .. }) => {
            names.iter().find(|name| name.text == text).map(|name| prose(name.doc)).unwrap_or_default()
        }
        _ => String::new(),
    }
}

/// Who writes facts of a kind. The keeper has no driver.
pub fn writers(kind: Kind) -> Vec<Writer> {
    let drivers = || Writer::ALL.iter().copied().filter(|writer| *writer != Writer::Keeper);
    kind.writer().map_or_else(|| drivers().collect(), |writer| vec![writer])
}
