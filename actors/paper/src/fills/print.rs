//! A trade printed at or through a resting limit, by an aggressor of the other side, fills it, up to its quantity.

use tapedeck_schemas::event::{Aggressor, Side};

use super::{FillModel, MarketUpdate, Match, share};
use crate::book::InstrumentBook;

/// Resting orders against a printed trade, as maker at their limit, by price and time. A trade whose aggressor the
/// venue does not say fills nothing.
#[derive(Debug)]
pub struct Print;

impl FillModel for Print {
    fn fills(&self, market: &InstrumentBook, update: MarketUpdate<'_>) -> Vec<Match> {
        let MarketUpdate::Printed(trade) = update else { return Vec::new() };
        let resting = match trade.aggressor {
            Aggressor::Seller => market.by_priority(Side::Buy, |limit| trade.price <= limit),
            Aggressor::Buyer => market.by_priority(Side::Sell, |limit| trade.price >= limit),
            Aggressor::Unknown => Vec::new(),
        };
        share(resting, trade.quantity)
    }
}
