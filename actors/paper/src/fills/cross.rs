//! A new quote whose opposite touch is at or through a resting limit fills it, up to the displayed size.

use tapedeck_schemas::event::Side;

use super::{FillModel, MarketUpdate, Match, share};
use crate::book::InstrumentBook;

/// Resting orders against a new quote, as maker at their limit, by price and time.
#[derive(Debug)]
pub struct Cross;

impl FillModel for Cross {
    fn fills(&self, market: &InstrumentBook, update: MarketUpdate<'_>) -> Vec<Match> {
        if !matches!(update, MarketUpdate::Quoted) {
            return Vec::new();
        }
        let mut fills = Vec::new();
        for &side in Side::ALL {
            if let Some(level) = market.opposite(side) {
                let crossed = market.by_priority(side, |limit| level.is_reached_by(side, limit));
                fills.extend(share(crossed, level.left));
            }
        }
        fills
    }
}
