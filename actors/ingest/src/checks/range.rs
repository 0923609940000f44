//! Rejects values so great that sums of them could leave the range of `Money`.

use tapedeck_schemas::event::{RejectDetail, RejectReason};
use tapedeck_schemas::market::MarketBody;
use tapedeck_schemas::number::{Money, Price, Quantity};

use super::{Candidate, Rejection, require};

/// Greatest magnitude of price · quantity of one event, in the quote currency: 1e15, one hundredth of the bound of
/// `Money`.
pub const NOTIONAL_MAX: Money = Money::whole(1_000_000_000_000_000);

/// The magnitude of price times quantity is at most [`NOTIONAL_MAX`].
pub(super) fn check(candidate: &Candidate) -> Result<(), Rejection> {
    match &candidate.event.body {
        MarketBody::Quote(quote) => {
            quote.bid.map_or(Ok(()), |bid| notional(bid, quote.bid_size))?;
            quote.ask.map_or(Ok(()), |ask| notional(ask, quote.ask_size))
        }
        MarketBody::Trade(trade) => notional(trade.price, trade.quantity),
        // No fact depends on the product of a bar's price and volume.
        _ => Ok(()),
    }
}

fn notional(price: Price, quantity: Quantity) -> Result<(), Rejection> {
    let within = price.notional(quantity).is_some_and(|notional| notional.abs() <= NOTIONAL_MAX);
    require(within, RejectReason::OutOfRange, || RejectDetail::NotionalOverLimit {
        price,
        quantity,
        limit: NOTIONAL_MAX,
    })
}
