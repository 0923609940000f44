//! A new quote whose opposite touch is at or through a resting limit fills it, up to the displayed size.

use tapedeck_schemas::event::Side;

use super::{Execution, FillModel, Occasion, share};
use crate::book::Market;

/// Resting orders against a new quote, as maker at their limit, by price and time.
#[derive(Debug)]
pub struct Cross;

impl FillModel for Cross {
    fn fills(&self, market: &Market, occasion: Occasion<'_>) -> Vec<Execution> {
        if !matches!(occasion, Occasion::Quoted) {
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
