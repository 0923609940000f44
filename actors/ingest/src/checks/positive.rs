//! Rejects quantities that are not above zero, and prices unless the definition of the instrument allows any; displayed
//! sizes (zero: unknown) and bar volumes may be zero.

use tapedeck_schemas::event::{RejectDetail, RejectReason};
use tapedeck_schemas::market::{MarketBody, PriceDomain};
use tapedeck_schemas::number::{Price, Quantity};

use super::{Candidate, Rejection, named, require};

/// Prices in a domain above zero and traded quantities are above zero, displayed sizes and volumes are not below zero.
/// Of a bar, only `low` is checked: [`super::bar`] has checked that open and close are not below it.
pub(super) fn check(candidate: &Candidate) -> Result<(), Rejection> {
    let is_any = candidate.terms.is_some_and(|terms| terms.prices == PriceDomain::Any);
    let price = |name: &str, value: Price| if is_any { Ok(()) } else { price(name, value) };
    match &candidate.event.body {
        MarketBody::Quote(quote) => {
            quote.bid.map_or(Ok(()), |bid| price("bid", bid))?;
            quote.ask.map_or(Ok(()), |ask| price("ask", ask))?;
            size("bid_size", quote.bid_size)?;
            size("ask_size", quote.ask_size)
        }
        MarketBody::Trade(trade) => {
            let quantity = trade.quantity;
            price("price", trade.price)?;
            require(quantity.is_positive(), RejectReason::NotPositive, || RejectDetail::QuantityNotPositive {
                field: named("quantity"),
                quantity,
            })
        }
        MarketBody::Bar(bar) => {
            price("low", bar.low)?;
            size("volume", bar.volume)
        }
        _ => Ok(()),
    }
}

fn price(name: &str, value: Price) -> Result<(), Rejection> {
    require(value.is_positive(), RejectReason::NotPositive, || RejectDetail::PriceNotPositive {
        field: named(name),
        price: value,
    })
}

fn size(name: &str, value: Quantity) -> Result<(), Rejection> {
    require(!value.is_negative(), RejectReason::NotPositive, || RejectDetail::QuantityNegative {
        field: named(name),
        quantity: value,
    })
}
