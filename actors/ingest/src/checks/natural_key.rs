//! Rejects an event that another session or source has published before, by the venue's own id, if it has one.

use tapedeck_schemas::event::{RejectDetail, RejectReason};
use tapedeck_schemas::market::MarketBody;

use super::{Candidate, Rejection, named, require};

/// The venue's id is above the greatest accepted one of the instrument.
pub(super) fn check(candidate: &Candidate) -> Result<(), Rejection> {
    let Some(terms) = candidate.terms else { return Ok(()) };
    let (name, given, last) = match &candidate.event.body {
        MarketBody::Trade(trade) => ("trade_id", trade.trade_id, terms.trade_id),
        MarketBody::Quote(quote) => ("update_id", quote.update_id, terms.update_id),
        _ => return Ok(()),
    };
    let (Some(key), Some(last)) = (given, last) else { return Ok(()) };
    require(key > last, RejectReason::Duplicate, || RejectDetail::RepeatedKey { field: named(name), key, last })
}
