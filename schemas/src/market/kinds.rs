//! The index of market kinds: everything that a publisher can send. A kind is one module and one line of
//! `market_kinds!`, at the end of this file; the macros before it generate the rest.
//!
//! A module states each field once, in the order of the fact. A field with braces is part of the message too, under its
//! own name; one without is filled in when the event is accepted.

use serde::ser::SerializeMap;

use super::Unnumbered;
use super::contract::{EVERY_KIND, Field, FieldSpec};
use super::fault::Fault;
use super::field::MessageField;
use super::read::Element;
use crate::event::Event;
use crate::ids::{InstrumentId, SourceId};
use crate::names::names;

/// What a fact takes from elsewhere than the fields of the kind: each field without braces, by its name.
pub(super) struct Origin {
    instrument: InstrumentId,
    source: Option<SourceId>,
    /// Events that arrived too late for the bar; none are known of a published one.
    late: u64,
    ts_recv: u64,
    ts_event: Option<u64>,
}

/// Declares a kind: `$fact`, the body of the fact that accepts an event, and `$body`, the fields of its message.
///
/// The braces of a field hold the accepted values, which the checks of `ingest` enforce; `in` its unit, if it has one;
/// `as` an example; and `or` its default, if the message may lack it. `published if` names the facts that accept an
/// event, if not all do.
macro_rules! market_kind {
    (
        $(#[doc = $doc:literal])*
        $fact:ident accepts $body:ident { $(
            #[doc = $fdoc:literal]
            $field:ident: $ty:ty $(as $encoding:ident)?
            $({ $range:literal $(in $unit:literal)?, as $example:literal $(, or $default:expr)? })?,
        )* }
        $(published if $is_published:expr)?
    ) => {
        $crate::structs::structs! {
            $(#[doc = $doc])*
            $fact { $(
                #[doc = $fdoc]
                $(#[doc = concat!($("Unit: ", $unit, ". ",)? "Accepted: ", $range, ".")])?
                $field: $ty $(as $encoding)?,
            )* }
        }
        message_fields! { $fact $body { $($(
            #[doc = $fdoc]
            $field: $ty, [$($default)?], [$($unit)?], $range, $example;
        )?)* } }
        impl $body {
            /// Converts the fields to the fact that accepts them.
            pub(super) fn accepted(self, origin: super::Origin) -> $fact {
                let _body = self;
                $fact { $($field: taken!(origin _body $field $($range)?),)* }
            }
            /// Returns whether the fact accepts a market event.
            pub(super) fn is_published(_fact: &$fact) -> bool {
                true $(&& { let is_published: fn(&$fact) -> bool = $is_published; is_published(_fact) })?
            }
        }
    };
}

/// The value of a field of a fact: from the body if the message holds the field, otherwise from the origin.
macro_rules! taken {
    ($origin:ident $body:ident $field:ident) => {
        $origin.$field
    };
    ($origin:ident $body:ident $field:ident $range:literal) => {
        $body.$field
    };
}

/// Declares the fields of a message: the struct, its part of the contract, its decoding and its encoding.
macro_rules! message_fields {
    ($fact:ident $body:ident { $(
        #[doc = $doc:literal]
        $field:ident: $ty:ty, [$($default:expr)?], [$($unit:literal)?], $range:literal, $example:literal;
    )* }) => {
        #[doc = concat!("The fields of a market event that [`", stringify!($fact), "`] accepts.")]
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $body { $(
            #[doc = $doc]
            #[doc = concat!($("Unit: ", $unit, ". ",)? "Accepted: ", $range, ".")]
            pub $field: $ty,
        )* }
        impl $body {
            /// The fields, in the order of the encoding. The index adds the kind.
            pub(super) const FIELDS: &[super::FieldSpec] = &[$(super::FieldSpec {
                name: stringify!($field), kinds: &[], required: <[&str]>::is_empty(&[$(stringify!($default))?]),
                ty: <$ty as super::MessageField>::TYPE.in_unit(concat!($($unit)?)), unit: concat!($($unit)?),
                range: $range, example: stringify!($example), doc: $doc.trim_ascii(),
            },)*];
            /// Returns the field with this key.
            pub(super) fn named(_key: &str) -> Option<super::Field> {
                $(if _key == stringify!($field) {
                    return Some(const { super::Field::of(stringify!($field)) });
                })*
                None
            }
            /// Reads the fields of a map; an error names the first that is malformed.
            pub(super) fn read(_from: &super::Element) -> Result<Self, super::Fault> {
                Ok(Self {
                    $($field: _from.read(const { super::Field::of(stringify!($field)) }, [$($default)?])?,)*
                })
            }
            /// Returns the number of fields that [`Self::write`] writes.
            pub(super) fn written(&self) -> usize {
                0 $(+ usize::from(super::MessageField::written(&self.$field).is_some()))*
            }
            /// Writes the fields into a map.
            pub(super) fn write<M: serde::ser::SerializeMap>(&self, _to: &mut M) -> Result<(), M::Error> {
                $(if let Some(value) = super::MessageField::written(&self.$field) {
                    _to.serialize_entry(stringify!($field), &value)?;
                })*
                Ok(())
            }
            /// Returns the fields of the event that the fact accepts.
            pub fn of(_fact: &$fact) -> Self {
                Self { $($field: Clone::clone(&_fact.$field),)* }
            }
        }
    };
}

/// Declares the index. A line gives the variant of [`MarketKind`] with its number and name, then the module with the
/// fields of the message, and the fact that accepts it.
macro_rules! market_kinds {
    ($(
        $(#[doc = $doc:literal])*
        $kind:ident = $number:literal $name:literal: $module:ident::$body:ident => $fact:ident,
    )*) => {
        $(mod $module;)*
        $(pub use $module::$body;)*

        /// The bodies of the facts.
        pub(crate) mod facts {
            $(pub use super::$module::$fact;)*
        }

        names! {
            /// Kind of a market event: the last token of its subject.
            MarketKind {
                $($(#[doc = $doc])* $kind = $number $name,)*
                /// An array of maps that each name their kind.
                Batch = 5 "batch",
            }
        }

        /// Kinds of a single event: all but `batch`.
        pub const KINDS: &[MarketKind] = &[$(MarketKind::$kind,)*];

        /// The fields of every kind, and those of each.
        pub(super) const FIELD_LISTS: &[(&[MarketKind], &[FieldSpec])] =
            &[(KINDS, EVERY_KIND), $((&[MarketKind::$kind], $body::FIELDS),)*];
        /// Number of all fields.
        pub(super) const FIELD_COUNT: usize = EVERY_KIND.len() $(+ $body::FIELDS.len())*;

        /// The fields of a market event that belong to its kind.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum MarketBody { $($(#[doc = $doc])* $kind($body),)* }

        $(impl From<$body> for MarketBody {
            fn from(body: $body) -> Self {
                Self::$kind(body)
            }
        })*

        impl MarketBody {
            /// Returns the kind of the market event.
            pub fn kind(&self) -> MarketKind {
                match self { $(Self::$kind(_) => MarketKind::$kind,)* }
            }
            /// Reads the fields of a map of this kind.
            pub(super) fn read(kind: MarketKind, from: &Element) -> Result<Self, Fault> {
                match kind {
                    $(MarketKind::$kind => $body::read(from).map(Self::$kind),)*
                    MarketKind::Batch => Err(Fault::NoKind),
                }
            }
            /// Returns the number of fields that [`Self::write`] writes.
            pub(super) fn written(&self) -> usize {
                match self { $(Self::$kind(body) => body.written(),)* }
            }
            /// Writes the fields into a map.
            pub(super) fn write<M: SerializeMap>(&self, to: &mut M) -> Result<(), M::Error> {
                match self { $(Self::$kind(body) => body.write(to),)* }
            }
        }

        /// Returns the field of a kind with this key.
        pub(super) fn named(key: &str) -> Option<Field> {
            None$(.or_else(|| $body::named(key)))*
        }

        /// Returns the fact that accepts an event of an instrument, published by `source`.
        pub fn accepted(instrument: InstrumentId, source: SourceId, event: Unnumbered) -> Event {
            let Unnumbered { ts_recv, ts_event, body } = event;
            let origin = Origin { instrument, source: Some(source), late: 0, ts_recv, ts_event };
            match body { $(MarketBody::$kind(body) => body.accepted(origin).into(),)* }
        }

        /// Returns the market event that a fact accepts, with its instrument; `None` for a fact that accepts none. A
        /// bar that `ingest` built accepts none: it is built again from the same events.
        pub fn published(fact: &Event) -> Option<(InstrumentId, Unnumbered)> {
            let ts_recv = accepted_at(fact)?;
            match fact {
                $(Event::$fact(fact) => {
                    let body = $body::of(fact).into();
                    Some((fact.instrument, Unnumbered { ts_recv, ts_event: fact.ts_event, body }))
                })*
                _ => None,
            }
        }

        /// Returns `ts_recv` of the market event that a fact accepts, ns since the Unix epoch; `None` for a fact that
        /// accepts none.
        pub fn accepted_at(fact: &Event) -> Option<u64> {
            match fact {
                $(Event::$fact(fact) => $body::is_published(fact).then_some(fact.ts_recv),)*
                _ => None,
            }
        }
    };
}

market_kinds! {
    /// Best bid and ask of an instrument.
    Quote = 1 "quote": quote::QuoteBody => Quote,
    /// A trade that the venue printed.
    Trade = 2 "trade": trade::TradeBody => Trade,
    /// A finished bar: open, high, low, close, volume and count.
    Bar = 6 "bar": bar::BarBody => Bar,
    /// Terms of an instrument.
    Definition = 3 "definition": definition::DefinitionBody => InstrumentDefined,
    /// Market heartbeat: a time, and nothing else.
    Heartbeat = 4 "heartbeat": heartbeat::HeartbeatBody => MarketHeartbeat,
}

impl MarketBody {
    /// A market heartbeat, which has no field of its own.
    pub const HEARTBEAT: Self = Self::Heartbeat(HeartbeatBody {});
}
