//! Rejects a quote whose bid is not below its ask: the mid of a locked or crossed book is not a price.

use tapedeck_schemas::event::{RejectDetail, RejectReason};
use tapedeck_schemas::market::{MarketBody, QuoteBody};

use super::{Candidate, Rejection, require};

/// The bid is below the ask.
pub(super) fn check(candidate: &Candidate) -> Result<(), Rejection> {
    let MarketBody::Quote(QuoteBody { bid, ask, .. }) = candidate.event.body else { return Ok(()) };
    require(bid < ask, RejectReason::Crossed, || RejectDetail::Crossed { bid, ask })
}
