//! An order that arrives at or through the opposite touch takes what is displayed there, at the touch's price.

use tapedeck_schemas::event::Liquidity;

use super::{FillModel, MarketUpdate, Match};
use crate::book::InstrumentBook;

/// A marketable order on arrival, as taker. Only the touch is known, so nothing fills behind it; a size that the
/// feed does not know is zero and fills nothing.
#[derive(Debug)]
pub struct Touch;

impl FillModel for Touch {
    fn fills(&self, market: &InstrumentBook, update: MarketUpdate<'_>) -> Vec<Match> {
        let MarketUpdate::Arrived(order) = update else { return Vec::new() };
        let Some(working) = market.working(&order) else { return Vec::new() };
        let side = working.order.side;
        let reached = market.opposite(side).filter(|level| level.is_reached_by(side, working.order.price));
        let fill = reached.map(|level| Match {
            order,
            price: level.price,
            quantity: working.leaves.min(level.left),
            liquidity: Liquidity::Taker,
        });
        fill.into_iter().filter(|fill| fill.quantity.is_positive()).collect()
    }
}
