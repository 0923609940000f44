//! Refuses a quote whose bid is not below its ask: locked and crossed books have no mid to trust.

use tapedeck_schemas::event::RejectReason;
use tapedeck_schemas::market::MarketBody;

use super::{Candidate, Rejection, require};

/// The bid is below the ask.
pub(super) fn check(subject: &Candidate) -> Result<(), Rejection> {
    let MarketBody::Quote { bid, ask, .. } = subject.event.body else { return Ok(()) };
    require(bid < ask, RejectReason::Crossed, || format!("bid {bid} is not below ask {ask}"))
}
