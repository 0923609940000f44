//! Refuses prices and quantities that are not above zero; a displayed size may be zero, when it is unknown, and so
//! may a bar's volume.

use tapedeck_schemas::event::RejectReason;
use tapedeck_schemas::market::MarketBody;
use tapedeck_schemas::number::{Price, Quantity};

use super::{Candidate, Rejection, require};

/// Prices and traded quantities above zero, displayed sizes and volumes not below. (A bar's lowest price stands for
/// all: the bar's own rule puts the others above it.)
pub(super) fn check(subject: &Candidate) -> Result<(), Rejection> {
    match subject.event.body {
        MarketBody::Quote { bid, bid_size, ask, ask_size, .. } => {
            price("bid", bid)?;
            price("ask", ask)?;
            size("bid_size", bid_size)?;
            size("ask_size", ask_size)
        }
        MarketBody::Trade { price: at, quantity, .. } => {
            price("price", at)?;
            require(quantity.is_positive(), RejectReason::NotPositive, || {
                format!("quantity {quantity} is not above zero")
            })
        }
        MarketBody::Bar { low, volume, .. } => {
            price("low", low)?;
            size("volume", volume)
        }
        MarketBody::Definition { .. } | MarketBody::Heartbeat => Ok(()),
    }
}

fn price(name: &str, value: Price) -> Result<(), Rejection> {
    require(value.is_positive(), RejectReason::NotPositive, || format!("{name} {value} is not above zero"))
}

fn size(name: &str, value: Quantity) -> Result<(), Rejection> {
    require(!value.is_negative(), RejectReason::NotPositive, || format!("{name} {value} is below zero"))
}
