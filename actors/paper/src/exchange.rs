//! The matching of one input: each decision is applied to a copy of the books before the next. No state is kept.

use std::collections::BTreeMap;

use tapedeck_schemas::event::{
    CancelRejected, CancelRejection, CancelSubmitted, CloseReason, Event, Liquidity, Order, OrderAccepted, OrderClosed,
    OrderFilled, OrderRejected, OrderRejection, PriceDomain, TimeInForce,
};
use tapedeck_schemas::ids::{Currency, FillId, InstrumentId, OrderId};
use tapedeck_schemas::number::{Quantity, Ratio};
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::param::ParamSpec;
use tapedeck_schemas::record::Writer;

use crate::Paper;
use crate::book::InstrumentBook;
use crate::fills::{FILL_MODELS, MarketUpdate, Match};

/// Fee of a fill that takes liquidity.
pub const TAKER_FEE: ParamSpec = ParamSpec {
    name: "paper.taker_fee",
    unit: "fraction",
    about: "fee of a fill that takes liquidity, as a fraction of its notional, in the quote currency",
    default: Ratio::saturating_from_units(Ratio::ONE / 1_000),
    min: Ratio::ZERO,
    max: Ratio::saturating_from_units(Ratio::ONE / 10),
};
/// Fee of a fill that makes liquidity.
pub const MAKER_FEE: ParamSpec = ParamSpec {
    name: "paper.maker_fee",
    unit: "fraction",
    about: "fee of a fill that makes liquidity, as a fraction of its notional; below zero a rebate",
    default: Ratio::saturating_from_units(Ratio::ONE / 2_000),
    min: Ratio::saturating_from_units(-Ratio::ONE / 10),
    max: Ratio::saturating_from_units(Ratio::ONE / 10),
};

/// The parameters of fees.
pub(crate) const PARAMS: &[ParamSpec] = &[TAKER_FEE, MAKER_FEE];

/// Most working orders, so that the decisions on one input fit one record.
pub const WORKING_ORDERS_MAX: usize = 256;

/// The books after the decisions made so far.
#[derive(Debug)]
pub(crate) struct Exchange<'a> {
    paper: &'a Paper,
    cause: Offset,
    /// Copies of the changed books.
    changed: BTreeMap<InstrumentId, InstrumentBook>,
    pub(crate) decided: Vec<Event>,
}

impl<'a> Exchange<'a> {
    pub(crate) fn new(paper: &'a Paper, cause: Offset) -> Self {
        Self { paper, cause, changed: BTreeMap::new(), decided: Vec::new() }
    }

    fn book(&self, instrument: &InstrumentId) -> Option<&InstrumentBook> {
        self.changed.get(instrument).or_else(|| self.paper.state.books.get(instrument))
    }

    fn book_mut(&mut self, instrument: InstrumentId) -> &mut InstrumentBook {
        let original = self.paper.state.books.get(&instrument);
        self.changed.entry(instrument).or_insert_with(|| original.cloned().unwrap_or_default())
    }

    fn decide(&mut self, instrument: InstrumentId, event: impl Into<Event>) {
        let event = event.into();
        self.book_mut(instrument).apply(&event);
        self.decided.push(event);
    }

    /// Decides the fills of an update, by every model.
    pub(crate) fn fill(&mut self, instrument: InstrumentId, update: MarketUpdate<'_>) {
        for model in FILL_MODELS {
            let Some(book) = self.book(&instrument).filter(|book| !book.is_empty()) else { return };
            for matched in model.fills(book, update) {
                self.execute(instrument, matched);
            }
        }
    }

    fn execute(&mut self, instrument: InstrumentId, matched: Match) {
        let Some(book) = self.book(&instrument) else { return };
        let (Some(working), Some(fee_currency)) = (book.working(&matched.order), quote_currency(book)) else {
            return;
        };
        let quantity = matched.quantity.min(working.leaves);
        if !quantity.is_positive() {
            return;
        }
        let rate = match matched.liquidity {
            Liquidity::Taker => TAKER_FEE,
            Liquidity::Maker => MAKER_FEE,
        };
        let rate = self.paper.state.params.in_force(&rate, &instrument);
        let index = u32::try_from(self.decided.len()).unwrap_or(u32::MAX);
        let order = &working.order;
        let fill = OrderFilled {
            fill: FillId::derive(&self.paper.tape, self.cause, Writer::Paper, index),
            order: order.id,
            account: order.account,
            strategy: order.strategy,
            instrument,
            side: order.side,
            price: matched.price,
            quantity,
            leaves: working.leaves - quantity,
            fee: matched.price.abs().saturating_notional(quantity).scaled_by(rate),
            fee_currency,
            liquidity: matched.liquidity,
        };
        self.decide(instrument, fill);
    }

    /// Decides on an order that arrives: rejects it, or accepts and matches it, and closes the rest of an IOC.
    pub(crate) fn submit(&mut self, order: &Order) {
        let (id, instrument) = (order.id, order.instrument);
        if let Err(reason) = self.check(order) {
            return self.decide(instrument, OrderRejected { order: id, instrument, reason });
        }
        self.decide(instrument, OrderAccepted { order: id, instrument });
        self.book_mut(instrument).accept(order);
        self.fill(instrument, MarketUpdate::Arrived(id));
        let rest = self.leaves(instrument, id);
        if let (Some(leaves), TimeInForce::Ioc) = (rest, order.time_in_force) {
            let reason = CloseReason::IocRemainder;
            self.decide(instrument, OrderClosed { order: id, instrument, reason, leaves });
        }
    }

    /// Decides on a cancel that arrives.
    pub(crate) fn cancel(&mut self, cancel: &CancelSubmitted) {
        let (order, instrument) = (cancel.order, cancel.instrument);
        match self.leaves(instrument, order) {
            Some(leaves) => {
                let reason = CloseReason::Canceled;
                self.decide(instrument, OrderClosed { order, instrument, reason, leaves });
            }
            None => {
                let reason = CancelRejection::NotWorking;
                self.decide(instrument, CancelRejected { order, instrument, reason });
            }
        }
    }

    /// The remaining quantity of a working order.
    fn leaves(&self, instrument: InstrumentId, order: OrderId) -> Option<Quantity> {
        Some(self.book(&instrument)?.working(&order)?.leaves)
    }

    /// Accepts an order, or returns the reason to reject it.
    fn check(&self, order: &Order) -> Result<(), OrderRejection> {
        let book = self.book(&order.instrument);
        let Some((book, terms)) = book.and_then(|book| Some((book, book.terms()?))) else {
            return Err(OrderRejection::UnknownInstrument);
        };
        let is_allowed = order.price.is_positive() || terms.prices == PriceDomain::Any;
        if !is_allowed || !order.price.is_multiple_of(terms.tick_size) {
            return Err(OrderRejection::OffTick { price: order.price, tick_size: terms.tick_size });
        }
        if !order.quantity.is_positive() || !order.quantity.is_multiple_of(terms.lot_size) {
            return Err(OrderRejection::OffLot { quantity: order.quantity, lot_size: terms.lot_size });
        }
        if book.working(&order.id).is_some() {
            return Err(OrderRejection::RepeatedId);
        }
        if self.working_orders() >= WORKING_ORDERS_MAX {
            return Err(OrderRejection::TooManyOrders { limit: WORKING_ORDERS_MAX as u32 });
        }
        Ok(())
    }

    /// Number of working orders of all instruments.
    fn working_orders(&self) -> usize {
        let unchanged = self.paper.state.books.iter().filter(|(instrument, _)| !self.changed.contains_key(instrument));
        unchanged.map(|(_, book)| book.len()).chain(self.changed.values().map(InstrumentBook::len)).sum()
    }
}

fn quote_currency(book: &InstrumentBook) -> Option<Currency> {
    book.terms().map(|terms| terms.quote)
}
