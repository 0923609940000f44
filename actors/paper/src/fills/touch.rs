//! An order that arrives at or through the opposite touch is filled at the price of the touch, up to its size.

use tapedeck_schemas::event::Liquidity;

use super::{FillModel, MarketUpdate, Match};
use crate::book::InstrumentBook;

/// Fills an order on arrival, as taker. Only the touch is known, so nothing fills at worse prices. A size that the feed
/// does not know is zero, and fills nothing.
#[derive(Debug)]
pub struct Touch;

impl FillModel for Touch {
    fn fills(&self, book: &InstrumentBook, update: MarketUpdate<'_>) -> Vec<Match> {
        let MarketUpdate::Arrived(order) = update else { return Vec::new() };
        let Some(working) = book.working(&order) else { return Vec::new() };
        let side = working.order.side;
        let reached = book.opposite(side).filter(|level| level.is_reached_by(side, working.order.price));
        let fill = reached.map(|level| Match {
            order,
            price: level.price,
            quantity: working.leaves.min(level.left),
            liquidity: Liquidity::Taker,
        });
        fill.into_iter().filter(|fill| fill.quantity.is_positive()).collect()
    }
}
