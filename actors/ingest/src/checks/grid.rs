//! Rejects prices that are no multiple of the tick size, and quantities that are no multiple of the lot size: nothing
//! is rounded.

use tapedeck_schemas::bar::BarInput;
use tapedeck_schemas::event::{RejectDetail, RejectReason};
use tapedeck_schemas::market::MarketBody;
use tapedeck_schemas::number::{Price, Quantity};

use super::{Candidate, Rejection, named, require};
use crate::instruments::InstrumentTerms;

/// Prices are multiples of the tick size; quantities, displayed sizes and volumes of the lot size.
pub(super) fn check(candidate: &Candidate) -> Result<(), Rejection> {
    let Some(terms) = candidate.terms else { return Ok(()) };
    match &candidate.event.body {
        MarketBody::Quote(quote) => {
            quote.bid.map_or(Ok(()), |bid| price(terms, "bid", bid))?;
            quote.ask.map_or(Ok(()), |ask| price(terms, "ask", ask))?;
            quantity(terms, "bid_size", quote.bid_size)?;
            quantity(terms, "ask_size", quote.ask_size)
        }
        MarketBody::Trade(trade) => {
            price(terms, "price", trade.price)?;
            quantity(terms, "quantity", trade.quantity)
        }
        // Mids of quotes may lie between two multiples of the tick size.
        MarketBody::Bar(bar) if bar.bar.of == BarInput::Quotes => Ok(()),
        MarketBody::Bar(bar) => {
            price(terms, "open", bar.open)?;
            price(terms, "high", bar.high)?;
            price(terms, "low", bar.low)?;
            price(terms, "close", bar.close)?;
            quantity(terms, "volume", bar.volume)
        }
        _ => Ok(()),
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
