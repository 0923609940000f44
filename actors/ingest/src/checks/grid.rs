//! Refuses prices off the tick grid and quantities off the lot grid: nothing is rounded onto them.

use tapedeck_schemas::bar::BarInput;
use tapedeck_schemas::event::RejectReason;
use tapedeck_schemas::market::MarketBody;
use tapedeck_schemas::number::{Price, Quantity};

use super::{Candidate, Rejection, require};
use crate::instruments::InstrumentTerms;

/// Prices are multiples of the tick size; quantities, displayed sizes and volumes of the lot size.
pub(super) fn check(subject: &Candidate) -> Result<(), Rejection> {
    let Some(known) = subject.known else { return Ok(()) };
    match subject.event.body {
        MarketBody::Quote { bid, bid_size, ask, ask_size, .. } => {
            price(known, "bid", bid)?;
            price(known, "ask", ask)?;
            quantity(known, "bid_size", bid_size)?;
            quantity(known, "ask_size", ask_size)
        }
        MarketBody::Trade { price: at, quantity: traded, .. } => {
            price(known, "price", at)?;
            quantity(known, "quantity", traded)
        }
        // Mids of quotes lie between the lines of the grid.
        MarketBody::Bar { bar, .. } if bar.of == BarInput::Quotes => Ok(()),
        MarketBody::Bar { open, high, low, close, volume, .. } => {
            price(known, "open", open)?;
            price(known, "high", high)?;
            price(known, "low", low)?;
            price(known, "close", close)?;
            quantity(known, "volume", volume)
        }
        MarketBody::Definition { .. } | MarketBody::Heartbeat => Ok(()),
    }
}

fn price(known: &InstrumentTerms, name: &str, value: Price) -> Result<(), Rejection> {
    let tick = known.tick_size;
    require(value.is_multiple_of(tick), RejectReason::OffGrid, || {
        format!("{name} {value} is no multiple of the tick {tick}")
    })
}

fn quantity(known: &InstrumentTerms, name: &str, value: Quantity) -> Result<(), Rejection> {
    let lot = known.lot_size;
    require(value.is_multiple_of(lot), RejectReason::OffGrid, || {
        format!("{name} {value} is no multiple of the lot {lot}")
    })
}
