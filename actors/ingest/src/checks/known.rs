//! Refuses quotes, trades and bars of an instrument whose terms nobody has told.

use tapedeck_schemas::event::RejectReason;
use tapedeck_schemas::market::MarketBody;

use super::{Candidate, Rejection, require};

/// A quote, trade or bar needs a definition before it.
pub(super) fn check(subject: &Candidate) -> Result<(), Rejection> {
    let needs_terms = !matches!(subject.event.body, MarketBody::Definition { .. } | MarketBody::Heartbeat);
    require(!needs_terms || subject.known.is_some(), RejectReason::UnknownInstrument, || {
        "no definition of the instrument came before: publish one first".into()
    })
}
