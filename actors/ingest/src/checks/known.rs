//! Rejects quotes, trades and bars of an instrument that is not defined.

use tapedeck_schemas::event::{RejectDetail, RejectReason};
use tapedeck_schemas::market::MarketBody;

use super::{Candidate, Rejection, require};

/// A quote, trade or bar comes after the definition of its instrument.
pub(super) fn check(candidate: &Candidate) -> Result<(), Rejection> {
    let needs_terms = !matches!(candidate.event.body, MarketBody::Definition(_) | MarketBody::Heartbeat(_));
    require(!needs_terms || candidate.terms.is_some(), RejectReason::UnknownInstrument, || RejectDetail::NoDefinition)
}
