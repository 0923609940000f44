//! Rejects prices and quantities that are not above zero; displayed sizes (zero: unknown) and bar volumes
//! may be zero.

use tapedeck_schemas::event::{RejectDetail, RejectReason};
use tapedeck_schemas::market::MarketBody;
use tapedeck_schemas::number::{Price, Quantity};

use super::{Candidate, Rejection, named, require};

/// Prices and traded quantities are above zero, displayed sizes and volumes are not below zero. Of a bar, only `low` is
/// checked: [`super::bar`] has checked that open and close are not below it.
pub(super) fn check(candidate: &Candidate) -> Result<(), Rejection> {
    match &candidate.event.body {
        MarketBody::Quote(quote) => {
            price("bid", quote.bid)?;
            price("ask", quote.ask)?;
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
