//! A trade at or through the limit price of a resting order, with an aggressor of the other side, fills it, up to the
//! quantity of the trade.

use tapedeck_schemas::event::{Aggressor, Side};

use super::{FillModel, MarketUpdate, Match, share};
use crate::book::InstrumentBook;

/// Fills resting orders on a trade, as maker at their limit price, by price and arrival. A trade with an unknown
/// aggressor fills nothing.
#[derive(Debug)]
pub struct Print;

impl FillModel for Print {
    fn fills(&self, book: &InstrumentBook, update: MarketUpdate<'_>) -> Vec<Match> {
        let MarketUpdate::Printed(trade) = update else { return Vec::new() };
        let resting = match trade.aggressor {
            Aggressor::Seller => book.by_priority(Side::Buy, |limit| trade.price <= limit),
            Aggressor::Buyer => book.by_priority(Side::Sell, |limit| trade.price >= limit),
            Aggressor::Unknown => Vec::new(),
        };
        share(resting, trade.quantity)
    }
}
