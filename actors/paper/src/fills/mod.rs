//! The trait of a fill model, and the list of all models. A model reads one book and proposes fills; it has no state.
//!
//! The exchange bounds every proposed fill by the remaining quantity of the order.

use std::fmt::Debug;

use tapedeck_schemas::event::{Liquidity, Trade};
use tapedeck_schemas::ids::OrderId;
use tapedeck_schemas::number::{Price, Quantity};

use crate::book::InstrumentBook;

pub mod cross;
pub mod print;
pub mod touch;

/// Every fill model: one file, one line. Each is evaluated on every update, in this order.
pub const FILL_MODELS: &[&dyn FillModel] = &[&cross::Cross, &print::Print, &touch::Touch];

/// A change that may lead to fills.
#[derive(Debug, Clone, Copy)]
pub enum MarketUpdate<'a> {
    /// A new quote replaced the last one.
    Quoted,
    /// A trade was printed.
    Printed(&'a Trade),
    /// An order was just accepted.
    Arrived(OrderId),
}

/// A fill that a model proposes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Match {
    /// The filled order.
    pub order: OrderId,
    /// Price of the fill.
    pub price: Price,
    /// Quantity of the fill; above zero.
    pub quantity: Quantity,
    /// Whether it takes or makes liquidity.
    pub liquidity: Liquidity,
}

/// A rule by which orders are filled.
pub trait FillModel: Debug + Sync {
    /// The fills to which an update leads, in order.
    fn fills(&self, book: &InstrumentBook, update: MarketUpdate<'_>) -> Vec<Match>;
}

/// Fills resting orders in the given order until `available` is used up, each as maker at its limit price.
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
