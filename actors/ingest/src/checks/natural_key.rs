//! Rejects an event that another session or source has published before, by the venue's own id, if it has one.

use tapedeck_schemas::event::{RejectDetail, RejectReason};
use tapedeck_schemas::market::MarketBody;

use super::{Candidate, Rejection, named, require};

/// The venue's id is above the greatest accepted one of the instrument. That of an event whose number was missing may
/// also be one that a gap skipped.
pub(super) fn check(candidate: &Candidate) -> Result<(), Rejection> {
    let Some(terms) = candidate.terms else { return Ok(()) };
    let (name, given, accepted) = match &candidate.event.body {
        MarketBody::Trade(trade) => ("trade_id", trade.trade_id, &terms.trades),
        MarketBody::Quote(quote) => ("update_id", quote.update_id, &terms.updates),
        _ => return Ok(()),
    };
    let (Some(key), Some(last)) = (given, accepted.last()) else { return Ok(()) };
    let is_new = key > last || candidate.number.was_missing && accepted.is_skipped(key);
    require(is_new, RejectReason::Duplicate, || RejectDetail::RepeatedKey { field: named(name), key, last })
}
