//! Refuses what another session or source has already brought, by the venue's own ids, where they are given.

use tapedeck_schemas::event::RejectReason;
use tapedeck_schemas::market::MarketBody;

use super::{Candidate, Rejection, require};

/// The venue's id must be above the greatest accepted one of the instrument.
pub(super) fn check(subject: &Candidate) -> Result<(), Rejection> {
    let Some(known) = subject.known else { return Ok(()) };
    let (name, given, last) = match subject.event.body {
        MarketBody::Trade { trade_id, .. } => ("trade_id", trade_id, known.trade_id),
        MarketBody::Quote { update_id, .. } => ("update_id", update_id, known.update_id),
        MarketBody::Bar { .. } | MarketBody::Definition { .. } | MarketBody::Heartbeat => return Ok(()),
    };
    let (Some(given), Some(last)) = (given, last) else { return Ok(()) };
    require(given > last, RejectReason::Duplicate, || format!("{name} {given} is not above {last}, the last accepted"))
}
