//! The book of one instrument: its terms, the displayed quote, and the working orders. No fill is decided here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tapedeck_kernel::terms::OrderTerms;
use tapedeck_schemas::event::{Event, InstrumentDefined, Order, OrderFilled, Quote, Side};
use tapedeck_schemas::ids::OrderId;
use tapedeck_schemas::number::{Price, Quantity};

/// One side of the quote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisplayedLevel {
    /// Best price.
    pub price: Price,
    /// Displayed size less the own fills since the quote; never below zero.
    pub left: Quantity,
}

impl DisplayedLevel {
    /// Whether an order of `side` with this limit price trades with this level of the opposite side.
    pub fn is_reached_by(&self, side: Side, limit: Price) -> bool {
        match side {
            Side::Buy => limit >= self.price,
            Side::Sell => limit <= self.price,
        }
    }
}

/// An order that the exchange accepted and has not finished.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkingOrder {
    /// The order.
    pub order: Order,
    /// Remaining quantity; above zero.
    pub leaves: Quantity,
}

/// The terms, quote and working orders of one instrument.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct InstrumentBook {
    terms: Option<OrderTerms>,
    bid: Option<DisplayedLevel>,
    ask: Option<DisplayedLevel>,
    /// In order of arrival.
    working: BTreeMap<u64, WorkingOrder>,
    /// The key in `working` of each order.
    arrival: BTreeMap<OrderId, u64>,
    /// Number of orders that ever arrived.
    arrivals: u64,
}

impl InstrumentBook {
    /// The terms, once the instrument is defined.
    pub fn terms(&self) -> Option<&OrderTerms> {
        self.terms.as_ref()
    }
    /// The level that an order of `side` trades with.
    pub fn opposite(&self, side: Side) -> Option<DisplayedLevel> {
        match side {
            Side::Buy => self.ask,
            Side::Sell => self.bid,
        }
    }
    /// A working order.
    pub fn working(&self, id: &OrderId) -> Option<&WorkingOrder> {
        self.working.get(self.arrival.get(id)?)
    }
    /// Number of working orders.
    pub fn len(&self) -> usize {
        self.working.len()
    }
    /// Whether there is no working order.
    pub fn is_empty(&self) -> bool {
        self.working.is_empty()
    }

    /// The working orders of one side whose limit price `reaches`, by price, then by arrival.
    pub fn by_priority(&self, side: Side, reaches: impl Fn(Price) -> bool) -> Vec<&WorkingOrder> {
        let eligible = |working: &&WorkingOrder| working.order.side == side && reaches(working.order.price);
        let mut orders: Vec<&WorkingOrder> = self.working.values().filter(eligible).collect();
        // The sort is stable, and the map is in order of arrival.
        match side {
            Side::Buy => orders.sort_by_key(|working| std::cmp::Reverse(working.order.price)),
            Side::Sell => orders.sort_by_key(|working| working.order.price),
        }
        orders
    }

    pub(crate) fn define(&mut self, terms: &InstrumentDefined) {
        self.terms = Some(terms.into());
    }

    /// Replaces the quote; its displayed sizes are whole. A crossed quote displays nothing.
    pub(crate) fn quote(&mut self, quote: &Quote) {
        let level = |price: Option<Price>, size: Quantity| {
            let price = price.filter(|_| !quote.is_crossed())?;
            Some(DisplayedLevel { price, left: size.max(Quantity::ZERO) })
        };
        self.bid = level(quote.bid, quote.bid_size);
        self.ask = level(quote.ask, quote.ask_size);
    }

    pub(crate) fn accept(&mut self, order: &Order) {
        self.remove(&order.id);
        self.arrivals = self.arrivals.saturating_add(1);
        self.arrival.insert(order.id, self.arrivals);
        self.working.insert(self.arrivals, WorkingOrder { order: order.clone(), leaves: order.quantity });
    }

    fn fill(&mut self, fill: &OrderFilled) {
        let Some(arrival) = self.arrival.get(&fill.order).copied() else { return };
        let Some(working) = self.working.get_mut(&arrival) else { return };
        working.leaves = fill.leaves;
        let side = working.order.side;
        let limit = working.order.price;
        if !fill.leaves.is_positive() {
            self.remove(&fill.order);
        }
        let opposite = match side {
            Side::Buy => &mut self.ask,
            Side::Sell => &mut self.bid,
        };
        // A fill of an order that reaches the quote reduces the displayed size. Any other fill is by a printed trade,
        // which takes nothing from the quote.
        if let Some(level) = opposite.as_mut().filter(|level| level.is_reached_by(side, limit)) {
            level.left = (level.left - fill.quantity).max(Quantity::ZERO);
        }
    }

    fn remove(&mut self, id: &OrderId) {
        if let Some(arrival) = self.arrival.remove(id) {
            self.working.remove(&arrival);
        }
    }

    /// Applies a decision of the exchange on a working order.
    pub(crate) fn apply(&mut self, own: &Event) {
        match own {
            Event::OrderFilled(fill) => self.fill(fill),
            Event::OrderClosed(closed) => self.remove(&closed.order),
            _ => {}
        }
    }
}
