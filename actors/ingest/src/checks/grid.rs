//! Rejects prices that are no multiple of the tick size, and quantities that are no multiple of the lot size: nothing
//! is rounded.

use tapedeck_schemas::bar::BarInput;
use tapedeck_schemas::event::{RejectDetail, RejectReason};
use tapedeck_schemas::market::{BarBody, MarketBody, QuoteBody, TradeBody};
use tapedeck_schemas::number::{Price, Quantity};

use super::{Candidate, Rejection, named, require};
use crate::instruments::InstrumentTerms;

/// Prices are multiples of the tick size; quantities, displayed sizes and volumes of the lot size.
pub(super) fn check(candidate: &Candidate) -> Result<(), Rejection> {
    let Some(terms) = candidate.terms else { return Ok(()) };
    match candidate.event.body {
        MarketBody::Quote(QuoteBody { bid, bid_size, ask, ask_size, .. }) => {
            price(terms, "bid", bid)?;
            price(terms, "ask", ask)?;
            quantity(terms, "bid_size", bid_size)?;
            quantity(terms, "ask_size", ask_size)
        }
        MarketBody::Trade(TradeBody { price: at, quantity: traded, .. }) => {
            price(terms, "price", at)?;
            quantity(terms, "quantity", traded)
        }
        // Mids of quotes may lie between two multiples of the tick size.
        MarketBody::Bar(BarBody { bar, .. }) if bar.of == BarInput::Quotes => Ok(()),
        MarketBody::Bar(BarBody { open, high, low, close, volume, .. }) => {
            price(terms, "open", open)?;
            price(terms, "high", high)?;
            price(terms, "low", low)?;
            price(terms, "close", close)?;
            quantity(terms, "volume", volume)
        }
        MarketBody::Definition(_) | MarketBody::Heartbeat(_) => Ok(()),
    }
}

fn price(terms: &InstrumentTerms, name: &str, value: Price) -> Result<(), Rejection> {
    let tick_size = terms.tick_size;
    require(value.is_multiple_of(tick_size), RejectReason::OffGrid, || RejectDetail::OffTick {
        field: named(name),
        price: value,
        tick_size,
    })
}

fn quantity(terms: &InstrumentTerms, name: &str, value: Quantity) -> Result<(), Rejection> {
    let lot_size = terms.lot_size;
    require(value.is_multiple_of(lot_size), RejectReason::OffGrid, || RejectDetail::OffLot {
        field: named(name),
        quantity: value,
        lot_size,
    })
}
