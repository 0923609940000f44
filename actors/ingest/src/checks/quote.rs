//! Rejects a quote with a size where it has no price. A quote that lacks a side or both, or is locked or crossed, is
//! what the venue quotes.

use tapedeck_schemas::event::{RejectDetail, RejectReason};
use tapedeck_schemas::market::{MarketBody, QuoteBody};

use super::{Candidate, Rejection, named, require};

/// The size of an absent side is zero.
pub(super) fn check(candidate: &Candidate) -> Result<(), Rejection> {
    let MarketBody::Quote(QuoteBody { bid, bid_size, ask, ask_size, .. }) = candidate.event.body else { return Ok(()) };
    for (name, price, quantity) in [("bid_size", bid, bid_size), ("ask_size", ask, ask_size)] {
        require(price.is_some() || quantity.is_zero(), RejectReason::BadQuote, || RejectDetail::SizeWithoutPrice {
            field: named(name),
            quantity,
        })?;
    }
    Ok(())
}
