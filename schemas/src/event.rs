//! The index of event kinds: every fact that a tape can hold.
//!
//! The list is at the end of the file (`event_kinds!`); the macro before it generates [`Event`], [`Kind`] and the
//! decoder. A fact is one decision of a writer, in the past tense, and immutable. [`crate::record::Entry`] holds its
//! cause and tape time; its body is a struct in `event/<writer>.rs`, or in [`crate::market::kinds`] if it accepts a
//! market event.
//!
//! On the wire a body is a MessagePack array of its fields in order. A new field is therefore appended at the end, and
//! the version of the kind is incremented; the former body stays as an older version, with its conversion.

mod control;
mod driver;
mod execution;
mod forms;
mod ingest;
mod keeper;
mod malformed;
mod paper;
mod portfolio;
mod refusal;
mod rejection;
mod risk;
mod signal;

use serde::Serialize;

use crate::about::{About, Mentions};
use crate::describe::{Described, Doc, FieldDoc, NamedType, Shape, Type};
use crate::record::decoder::RecordDecoder;
use crate::record::field::{FieldError, RecordFields};
use crate::record::{RecordEncoder, Writer};

pub use crate::names::UnknownName;
pub use crate::order::{Order, Side, TimeInForce};
pub use forms::{MessageEncoding, TimeUnit, ValueForm};
pub use malformed::MalformedDetail;
pub use refusal::RefusalReason;
pub use rejection::{RejectDetail, RejectReason};

/// Declares the kinds. A block names the module of the bodies and their writer (`None`: the driver of every writer). A
/// line gives the number of a kind on the wire, the version that this build writes, and the name of the kind and of its
/// body. `from 1 QuoteV1` after it adds an older version that this build reads: its body, which converts to the newest
/// one by `From`.
macro_rules! event_kinds {
    ($($module:ident, $writer:expr => {
        $($number:literal v $version:literal $name:ident $(from $old:literal $old_name:ident)*,)*
    })*) => {
        $(pub use $module::*;)*

        $($(impl From<$name> for Event {
            fn from(body: $name) -> Event { Event::$name(body) }
        })*)*

        /// A fact of any kind.
        #[expect(missing_docs, reason = "each body is documented at its definition")]
        #[derive(Debug, Clone, PartialEq, Eq, Serialize)]
        #[serde(untagged)]
        pub enum Event { $($($name($name),)*)* }

        /// The kind of a fact. The discriminant is the number on the wire.
        #[expect(missing_docs, reason = "each body is documented at its definition")]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        pub enum Kind { $($($name = $number,)*)* }

        impl Kind {
            /// Every kind, in the order of declaration.
            pub const ALL: &'static [Kind] = &[$($(Kind::$name,)*)*];
            /// Returns the name of the kind, as tools print it.
            pub const fn name(self) -> &'static str {
                match self { $($(Kind::$name => stringify!($name),)*)* }
            }
            /// Returns the version of the body that this build writes.
            pub const fn version(self) -> u16 {
                match self { $($(Kind::$name => $version,)*)* }
            }
            /// Returns the only writer of the kind; `None` for a kind that the driver of every writer appends.
            pub const fn writer(self) -> Option<Writer> {
                match self { $($(Kind::$name)|* => $writer,)* }
            }
            /// Returns the doc comment of the body.
            pub const fn doc(self) -> Doc {
                match self { $($(Kind::$name => body_of($name::TYPE).0,)*)* }
            }
            /// Returns the fields of the body, in the order of the array on the wire.
            pub const fn fields(self) -> &'static [FieldDoc] {
                match self { $($(Kind::$name => body_of($name::TYPE).1,)*)* }
            }
        }

        impl Event {
            /// Returns the kind of the fact.
            pub const fn kind(&self) -> Kind {
                match self { $($(Event::$name(_) => Kind::$name,)*)* }
            }
            /// Returns the instrument, account, strategies, order and fill that the fields name.
            pub fn about(&self) -> About {
                let mut about = About::default();
                match self { $($(Event::$name(body) => body.mention(&mut about),)*)* }
                about
            }
            /// The number of fields of the body.
            pub(crate) const fn field_count(&self) -> usize {
                match self { $($(Event::$name(_) => $name::COUNT,)*)* }
            }
            /// Writes the fields of the body into a record.
            pub(crate) fn write_fields(&self, to: &mut RecordEncoder) {
                match self { $($(Event::$name(body) => body.write_fields(to),)*)* }
            }
            /// Reads the `count` fields of the body of (`kind`, `version`), and converts the body to the newest version
            /// of the kind.
            pub(crate) fn read_fields(
                kind: u64,
                version: u64,
                count: usize,
                from: &mut RecordDecoder<'_>,
            ) -> Result<Event, FieldError> {
                match (kind, version) {
                    $($(
                        ($number, $version) => read_body(count, from).map(Event::$name),
                        $(($number, $old) => read_body::<$old_name>(count, from).map(|old| Event::$name(old.into())),)*
                    )*)*
                    _ => Err(FieldError::new(format!("no kind has number {kind} and version {version}"))),
                }
            }
        }

        $($(const _: () = assert!($number < KINDS_MAX);)*)*
    };
}

/// Bound of the numbers of kinds: the first element of an event has 8 bits for them.
const KINDS_MAX: u16 = 256;

fn read_body<T: RecordFields>(count: usize, from: &mut RecordDecoder<'_>) -> Result<T, FieldError> {
    match count == T::COUNT {
        true => T::read_fields(from),
        false => Err(FieldError::new(format!("a body of {count} fields where {} are due", T::COUNT))),
    }
}

/// The doc comment and the fields of a body.
const fn body_of(ty: &'static Type) -> (Doc, &'static [FieldDoc]) {
    match ty {
        Type::Named(NamedType { doc, shape: Shape::Array(fields), .. }) => (doc, fields),
        _ => panic!("a body is an array of fields"),
    }
}

event_kinds! {
    driver, None => {
        1 v 1 Epoch,
        2 v 1 Progress,
    }
    keeper, Some(Writer::Keeper) => {
        10 v 1 TapeCreated,
        11 v 1 Trimmed,
    }
    ingest, Some(Writer::Ingest) => {
        20 v 1 InstrumentDefined,
        21 v 1 Quote,
        22 v 1 Trade,
        23 v 1 ClockAdvanced,
        24 v 1 Gap,
        25 v 1 Rejected,
        26 v 1 Bar,
        27 v 1 MarketHeartbeat,
        28 v 1 RejectedMany,
        29 v 1 TradeIdGap,
        30 v 1 TradeIdsRestarted,
        31 v 1 CalendarEnded,
    }
    control, Some(Writer::Control) => {
        40 v 1 LimitsSet,
        41 v 1 WeightsSet,
        42 v 1 TradingHalted,
        43 v 1 TradingResumed,
        44 v 1 CancelRequested,
        45 v 1 AccountFunded,
        46 v 1 CommandRefused,
    }
    signal, Some(Writer::Signal) => {
        60 v 1 SignalRaised,
    }
    risk, Some(Writer::Risk) => {
        80 v 1 OrderApproved,
        81 v 1 OrderDenied,
        82 v 1 RiskStateChanged,
    }
    execution, Some(Writer::Execution) => {
        100 v 1 OrderSubmitted,
        101 v 1 CancelSubmitted,
        102 v 1 OrderStatusChanged,
        103 v 1 LateReport,
    }
    paper, Some(Writer::Paper) => {
        120 v 1 OrderAccepted,
        121 v 1 OrderRejected,
        122 v 1 OrderFilled,
        123 v 1 OrderClosed,
        124 v 1 CancelRejected,
    }
    portfolio, Some(Writer::Portfolio) => {
        140 v 1 LedgerPosted,
        141 v 1 PositionChanged,
        142 v 1 EquityMarked,
    }
}

#[cfg(test)]
mod tests {
    //! A kind with two versions, in a list of its own: both decode to the newest body.
    #![allow(dead_code, unfulfilled_lint_expectations, unreachable_pub, reason = "the list declares more than is used")]

    use super::*;

    mod probe {
        //! The bodies.

        crate::structs::structs! {
            /// The newest body.
            Probe {
                /// A number.
                number: u64,
                /// Added by version 2.
                doubled: u64,
            }
            /// The body of version 1.
            ProbeV1 {
                /// A number.
                number: u64,
            }
        }

        impl From<ProbeV1> for Probe {
            fn from(ProbeV1 { number }: ProbeV1) -> Self {
                Self { number, doubled: 2 * number }
            }
        }
    }

    mod two_versions {
        use super::super::*;
        use super::probe;

        event_kinds! {
            probe, None => {
                200 v 2 Probe from 1 ProbeV1,
            }
        }
    }

    use two_versions::Event as TestEvent;

    /// Decodes the fields of a version of the kind, each a byte.
    fn decode(version: u64, fields: &[u8]) -> Result<TestEvent, FieldError> {
        TestEvent::read_fields(200, version, fields.len(), &mut RecordDecoder::new(fields))
    }

    #[test]
    fn both_versions_of_a_kind_decode_to_the_newest_body() {
        let probe = |number, doubled| Ok(TestEvent::Probe(probe::Probe { number, doubled }));
        assert_eq!(decode(1, &[3]), probe(3, 6));
        assert_eq!(decode(2, &[3, 7]), probe(3, 7));
        assert_eq!(two_versions::Kind::Probe.version(), 2);
        for (version, fields) in [(1, &[3, 7][..]), (2, &[3]), (2, &[3, 7, 8]), (3, &[3, 7])] {
            assert!(decode(version, fields).is_err(), "version {version} with {fields:?}");
        }
    }
}
