//! The rules, one a file, evaluated in the order of [`CHECKS`] up to the first that rejects. No state lives here.
//!
//! [`readable`] runs before them. The number of a readable event is recorded, and a gap before it decided, even if a
//! rule rejects the event: a rejected event does not show as a gap later. An entry that does not decode has no session,
//! so its number is not recorded, and the next event of the session shows a gap of one.

mod bar;
mod clock;
mod definition;
mod grid;
mod known;
mod number;
mod positive;
mod quote;
mod range;
mod source;
mod unit;
mod venue_id;

pub use clock::CLOCK_AHEAD_NS_MAX;
pub use range::NOTIONAL_MAX;
pub use unit::TIME_NS_MIN;

use tapedeck_kernel::MarketEntry;
use tapedeck_schemas::event::{MalformedDetail, RejectDetail, RejectReason};
use tapedeck_schemas::ids::{InstrumentId, Token};
use tapedeck_schemas::market::{Malformed, MarketEvent};

use crate::bars::Bars;
use crate::instruments::InstrumentTerms;
use crate::numbering::RecordedNumber;

/// A rule: accepts the candidate, or returns the reason to reject it.
pub type CandidateCheck = fn(&Candidate) -> Result<(), Rejection>;

/// Every rule, in the order of evaluation.
pub const CHECKS: [CandidateCheck; 12] = [
    number::check,
    unit::check,
    clock::check,
    source::check,
    definition::check,
    known::check,
    venue_id::check,
    bar::check,
    positive::check,
    grid::check,
    quote::check,
    range::check,
];

/// The market event under check, and the state before it.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// The decoded event.
    pub event: &'a MarketEvent,
    /// Instrument of the event.
    pub instrument: InstrumentId,
    /// Time at which JetStream stored its message, ns.
    pub stamp: u64,
    /// Its number, compared with those before it in its numbering.
    pub number: RecordedNumber,
    /// Terms of its instrument, if that is defined.
    pub terms: Option<&'a InstrumentTerms>,
    /// Number of defined instruments.
    pub instruments: usize,
    /// The bars that are built.
    pub bars: &'a Bars,
}

/// Why an event is rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Machine-readable reason, as recorded on the tape.
    pub reason: RejectReason,
    /// The violation, with the value.
    pub detail: RejectDetail,
}

/// Rejects unless `holds`.
fn require(holds: bool, reason: RejectReason, detail: impl FnOnce() -> RejectDetail) -> Result<(), Rejection> {
    if holds { Ok(()) } else { Err(Rejection { reason, detail: detail() }) }
}

/// The name of a field in a reason.
fn named(field: &str) -> Token {
    field.parse().expect("the name of a field is a token")
}

/// The instrument and the event of an entry, if both decode.
pub fn readable(entry: &MarketEntry) -> Result<(InstrumentId, &MarketEvent), Rejection> {
    match (&entry.event, entry.instrument) {
        (Err(Malformed { detail: detail @ MalformedDetail::ForeignSource { .. }, .. }), _) => {
            Err(malformed(RejectReason::ForeignSource, detail.clone()))
        }
        (Ok(event), Some(instrument)) => Ok((instrument, event)),
        (Ok(_), None) => Err(malformed(RejectReason::BadSubject, MalformedDetail::NotAMarketSubject)),
        (Err(error), Some(_)) => Err(malformed(RejectReason::Malformed, error.detail.clone())),
        (Err(error), None) => Err(malformed(RejectReason::BadSubject, error.detail.clone())),
    }
}

fn malformed(reason: RejectReason, detail: MalformedDetail) -> Rejection {
    Rejection { reason, detail: RejectDetail::Malformed { detail } }
}
