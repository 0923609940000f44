//! One instrument at the paper: its terms, what the quote displays, and our working orders. No fill is decided here.

use std::collections::BTreeMap;

use tapedeck_schemas::event::{Event, InstrumentDefined, Order, OrderFilled, Quote, Side};
use tapedeck_schemas::ids::OrderId;
use tapedeck_schemas::number::{Price, Quantity};

/// One side of the quote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DisplayedLevel {
    /// Best price.
    pub price: Price,
    /// Displayed size, less what our own fills took since the quote; never below zero.
    pub left: Quantity,
}

impl DisplayedLevel {
    /// Whether an order of `side` with this limit trades with this level, which is opposite to it.
    pub fn is_reached_by(&self, side: Side, limit: Price) -> bool {
        match side {
            Side::Buy => limit >= self.price,
            Side::Sell => limit <= self.price,
        }
    }
}

/// An order that the exchange accepted and has not finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkingOrder {
    /// The order.
    pub order: Order,
    /// Still open; above zero.
    pub leaves: Quantity,
}

/// One instrument.
#[derive(Debug, Clone, Default)]
pub struct InstrumentBook {
    terms: Option<InstrumentDefined>,
    bid: Option<DisplayedLevel>,
    ask: Option<DisplayedLevel>,
    /// By number of arrival.
    working: BTreeMap<u64, WorkingOrder>,
    places: BTreeMap<OrderId, u64>,
    arrivals: u64,
}

impl InstrumentBook {
    /// The terms, once it is defined.
    pub fn terms(&self) -> Option<&InstrumentDefined> {
        self.terms.as_ref()
    }
    /// The level that an order of `side` can take.
    pub fn opposite(&self, side: Side) -> Option<DisplayedLevel> {
        match side {
            Side::Buy => self.ask,
            Side::Sell => self.bid,
        }
    }
    /// A working order.
    pub fn working(&self, id: &OrderId) -> Option<&WorkingOrder> {
        self.working.get(self.places.get(id)?)
    }
    /// How many orders work here.
    pub fn len(&self) -> usize {
        self.working.len()
    }
    /// Whether no order works here.
    pub fn is_empty(&self) -> bool {
        self.working.is_empty()
    }

    /// The working orders of one side with a limit that `reaches`, best price first, then first come.
    pub fn by_priority(&self, side: Side, reaches: impl Fn(Price) -> bool) -> Vec<&WorkingOrder> {
        let mine = |working: &&WorkingOrder| working.order.side == side && reaches(working.order.price);
        let mut orders: Vec<&WorkingOrder> = self.working.values().filter(mine).collect();
        // The sort is stable, and the map is in order of arrival.
        match side {
            Side::Buy => orders.sort_by_key(|working| std::cmp::Reverse(working.order.price)),
            Side::Sell => orders.sort_by_key(|working| working.order.price),
        }
        orders
    }

    pub(crate) fn define(&mut self, terms: &InstrumentDefined) {
        self.terms = Some(terms.clone());
    }

    /// A new quote displays its sizes whole again.
    pub(crate) fn quote(&mut self, quote: &Quote) {
        let level = |price: Price, size: Quantity| {
            price.is_positive().then_some(DisplayedLevel { price, left: size.max(Quantity::ZERO) })
        };
        self.bid = level(quote.bid, quote.bid_size);
        self.ask = level(quote.ask, quote.ask_size);
    }

    pub(crate) fn accept(&mut self, order: &Order) {
        self.remove(&order.id);
        self.arrivals = self.arrivals.saturating_add(1);
        self.places.insert(order.id, self.arrivals);
        self.working.insert(self.arrivals, WorkingOrder { order: order.clone(), leaves: order.quantity });
    }

    fn fill(&mut self, fill: &OrderFilled) {
        let Some(place) = self.places.get(&fill.order).copied() else { return };
        let Some(working) = self.working.get_mut(&place) else { return };
        working.leaves = fill.leaves;
        let (side, limit, finished) = (working.order.side, working.order.price, !fill.leaves.is_positive());
        if finished {
            self.remove(&fill.order);
        }
        let opposite = match side {
            Side::Buy => &mut self.ask,
            Side::Sell => &mut self.bid,
        };
        // A fill at or through the quote takes from what it displays. A fill by a printed trade behind the quote has
        // no displayed size to take; in front of it nothing was left, or the quote had filled it.
        if let Some(level) = opposite.as_mut().filter(|level| level.is_reached_by(side, limit)) {
            level.left = (level.left - fill.quantity).max(Quantity::ZERO);
        }
    }

    fn remove(&mut self, id: &OrderId) {
        if let Some(place) = self.places.remove(id) {
            self.working.remove(&place);
        }
    }

    /// Folds a decision of the exchange about an order that works here.
    pub(crate) fn apply(&mut self, own: &Event) {
        match own {
            Event::OrderFilled(fill) => self.fill(fill),
            Event::OrderClosed(closed) => self.remove(&closed.order),
            _ => {}
        }
    }
}
