//! Rejects prices and quantities that are not above zero; displayed sizes (zero: unknown) and bar volumes
//! may be zero.

use tapedeck_schemas::event::{RejectDetail, RejectReason};
use tapedeck_schemas::market::{BarBody, MarketBody, QuoteBody, TradeBody};
use tapedeck_schemas::number::{Price, Quantity};

use super::{Candidate, Rejection, named, require};

/// Prices and traded quantities are above zero, displayed sizes and volumes are not below zero. Of a bar, only `low` is
/// checked: [`super::bar`] has checked that open and close are not below it.
pub(super) fn check(candidate: &Candidate) -> Result<(), Rejection> {
    match candidate.event.body {
        MarketBody::Quote(QuoteBody { bid, bid_size, ask, ask_size, .. }) => {
            price("bid", bid)?;
            price("ask", ask)?;
            size("bid_size", bid_size)?;
            size("ask_size", ask_size)
        }
        MarketBody::Trade(TradeBody { price: at, quantity, .. }) => {
            price("price", at)?;
            require(quantity.is_positive(), RejectReason::NotPositive, || RejectDetail::QuantityNotPositive {
                field: named("quantity"),
                quantity,
            })
        }
        MarketBody::Bar(BarBody { low, volume, .. }) => {
            price("low", low)?;
            size("volume", volume)
        }
        MarketBody::Definition(_) | MarketBody::Heartbeat(_) => Ok(()),
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
