//! Rejects an event that another session or source has published before, by the venue's own id, if it has one.

use tapedeck_schemas::event::{RejectDetail, RejectReason};
use tapedeck_schemas::market::MarketBody;

use super::{Candidate, Rejection, named, require};
use crate::venue_ids::event_key;

/// No accepted event of the instrument has the venue's id and the same prices and quantities.
pub(super) fn check(candidate: &Candidate) -> Result<(), Rejection> {
    let Some(terms) = candidate.terms else { return Ok(()) };
    let (name, id, is_known) = match &candidate.event.body {
        MarketBody::Trade(trade) => {
            let Some(id) = &trade.trade_id else { return Ok(()) };
            ("trade_id", id, terms.trades.contains(&event_key(id, [Some(trade.price)], [trade.quantity])))
        }
        MarketBody::Quote(quote) => {
            let Some(id) = &quote.update_id else { return Ok(()) };
            let key = event_key(id, [quote.bid, quote.ask], [quote.bid_size, quote.ask_size]);
            ("update_id", id, terms.updates.contains(&key))
        }
        _ => return Ok(()),
    };
    require(!is_known, RejectReason::Duplicate, || RejectDetail::RepeatedKey { field: named(name), id: id.clone() })
}
