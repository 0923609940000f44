//! What a fill model is, and the explicit list of them. A model reads one market and proposes; it keeps nothing.
//!
//! Whatever a model proposes, the exchange never fills more of an order than it has left.

use std::fmt::Debug;

use tapedeck_schemas::event::{Liquidity, Trade};
use tapedeck_schemas::ids::OrderId;
use tapedeck_schemas::number::{Price, Quantity};

use crate::book::InstrumentBook;

pub mod cross;
pub mod print;
pub mod touch;

/// Every fill model: one file, one line. Each is asked on every update, in this order.
pub const FILL_MODELS: &[&dyn FillModel] = &[&cross::Cross, &print::Print, &touch::Touch];

/// What may lead to fills.
#[derive(Debug, Clone, Copy)]
pub enum MarketUpdate<'a> {
    /// A new quote stands in the market.
    Quoted,
    /// A trade was printed.
    Printed(&'a Trade),
    /// Our order was just accepted.
    Arrived(OrderId),
}

/// A fill as a model sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Match {
    /// Which order.
    pub order: OrderId,
    /// At what price.
    pub price: Price,
    /// How much; above zero.
    pub quantity: Quantity,
    /// Whether it takes or makes liquidity.
    pub liquidity: Liquidity,
}

/// One way in which orders fill.
pub trait FillModel: Debug + Sync {
    /// The fills to which an update leads, in order.
    fn fills(&self, market: &InstrumentBook, update: MarketUpdate<'_>) -> Vec<Match>;
}

/// Shares a quantity among resting orders in the order given; each fills as maker at its own limit.
pub(crate) fn share(orders: Vec<&crate::book::WorkingOrder>, available: Quantity) -> Vec<Match> {
    let mut available = available;
    let mut fills = Vec::new();
    for working in orders {
        let quantity = working.leaves.min(available);
        if !quantity.is_positive() {
            break;
        }
        available -= quantity;
        let (order, price) = (working.order.id, working.order.price);
        fills.push(Match { order, price, quantity, liquidity: Liquidity::Maker });
    }
    fills
}
