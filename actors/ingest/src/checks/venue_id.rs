//! Rejects an event that another session or source has published before: by the venue's own id, if it has one, and a
//! bar by its window.

use tapedeck_schemas::event::{RejectDetail, RejectReason};
use tapedeck_schemas::ids::VenueId;
use tapedeck_schemas::market::MarketBody;

use super::{Candidate, Rejection, named, require};
use crate::venue_ids::{Identity, RESENT_QUOTE_NS, bar_key};

/// No accepted trade of the instrument has the venue's id, the same prices and quantities, and a time that is close. So
/// has no quote, unless it is newer than the latest one with an id by more than [`RESENT_QUOTE_NS`]. No bar has the
/// same window and values.
pub(super) fn check(candidate: &Candidate) -> Result<(), Rejection> {
    let Some(terms) = candidate.terms else { return Ok(()) };
    let (accepted, event) = (&terms.accepted, candidate.event);
    let at = event.ts_event.unwrap_or(event.ts_recv);
    let (name, id, is_known) = match &event.body {
        MarketBody::Trade(trade) => {
            let Some(id) = &trade.trade_id else { return Ok(()) };
            let identity = Identity::of_trade(id, trade.price, trade.quantity, at);
            ("trade_id", id.clone(), identity.is_in(&accepted.trades))
        }
        MarketBody::Quote(quote) => {
            let Some(id) = &quote.update_id else { return Ok(()) };
            let identity = Identity::of_quote(id, (quote.bid, quote.bid_size), (quote.ask, quote.ask_size), at);
            let is_new = event.ts_recv > accepted.updated.saturating_add(RESENT_QUOTE_NS);
            ("update_id", id.clone(), !is_new && identity.is_in(&accepted.updates))
        }
        MarketBody::Bar(bar) => ("opened", VenueId::Number(bar.opened), accepted.bars.contains(&bar_key(bar))),
        _ => return Ok(()),
    };
    require(!is_known, RejectReason::Duplicate, || RejectDetail::RepeatedKey { field: named(name), id })
}
