//! The rules, one a file, in the order of [`CHECKS`]: the first that refuses wins. No state lives here.
//!
//! Before them all stands [`readable`]: what cannot be read has no number. Then the number is taken (and a gap
//! noted), whatever the rules say; so an event that a rule refuses is not missed later. What cannot be read has no
//! session either, so its number stays untaken and shows as a gap of one when the next event comes.

mod bar;
mod clock;
mod crossed;
mod definition;
mod grid;
mod known;
mod natural_key;
mod number;
mod positive;
mod range;

pub use clock::CLOCK_AHEAD_NS_MAX;
pub use range::NOTIONAL_MAX;

use tapedeck_kernel::MarketEntry;
use tapedeck_schemas::event::RejectReason;
use tapedeck_schemas::ids::InstrumentId;
use tapedeck_schemas::market::MarketEvent;

use crate::instruments::InstrumentTerms;

/// A rule: passes the subject on, or says why it is refused.
pub type Check = fn(&Candidate) -> Result<(), Rejection>;

/// Every rule, in the order of judgement.
pub const CHECKS: [Check; 10] = [
    number::check,
    clock::check,
    definition::check,
    known::check,
    natural_key::check,
    bar::check,
    positive::check,
    grid::check,
    crossed::check,
    range::check,
];

/// What a rule sees: an event, and the state before it.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// The event.
    pub event: &'a MarketEvent,
    /// When the broker stored the message that brought it, ns.
    pub stamp: u64,
    /// Greatest number taken before in its numbering; 0 for none.
    pub last_seq: u64,
    /// Its instrument, if that was defined.
    pub known: Option<&'a InstrumentTerms>,
    /// How many instruments are defined.
    pub instruments: usize,
}

/// Why an event is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The rule's name on the tape.
    pub reason: RejectReason,
    /// What was wrong, with the value.
    pub detail: String,
}

/// Refuses unless `holds`; the detail is written only then, so that an accepted event allocates nothing.
fn require(holds: bool, reason: RejectReason, detail: impl FnOnce() -> String) -> Result<(), Rejection> {
    if holds { Ok(()) } else { Err(Rejection { reason, detail: detail() }) }
}

/// The instrument and the event, where the entry says both.
pub fn readable(entry: &MarketEntry) -> Result<(InstrumentId, &MarketEvent), Rejection> {
    match (&entry.event, entry.instrument) {
        (Ok(event), Some(instrument)) => Ok((instrument, event)),
        (Ok(_), None) => Err(Rejection { reason: RejectReason::BadSubject, detail: "names no instrument".into() }),
        (Err(malformed), instrument) => Err(Rejection {
            reason: if instrument.is_some() { RejectReason::Malformed } else { RejectReason::BadSubject },
            detail: malformed.detail.clone(),
        }),
    }
}
