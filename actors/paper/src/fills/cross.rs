//! A new quote at or through the limit price of a resting order fills it, up to the displayed size.

use tapedeck_schemas::event::Side;

use super::{FillModel, MarketUpdate, Match, share};
use crate::book::InstrumentBook;

/// Fills resting orders on a new quote, as maker at their limit price, by price and arrival.
#[derive(Debug)]
pub struct Cross;

impl FillModel for Cross {
    fn fills(&self, book: &InstrumentBook, update: MarketUpdate<'_>) -> Vec<Match> {
        if !matches!(update, MarketUpdate::Quoted) {
            return Vec::new();
        }
        let mut fills = Vec::new();
        for &side in Side::ALL {
            if let Some(level) = book.opposite(side) {
                let crossed = book.by_priority(side, |limit| level.is_reached_by(side, limit));
                fills.extend(share(crossed, level.left));
            }
        }
        fills
    }
}
