//! One input's worth of matching: decisions made one by one, each folded into a copy before the next. Keeps nothing.

use std::collections::BTreeMap;

use tapedeck_schemas::event::{
    CancelRejected, CancelSubmitted, CloseReason, Event, Liquidity, Order, OrderAccepted, OrderClosed, OrderFilled,
    OrderRejected, TimeInForce,
};
use tapedeck_schemas::ids::{Currency, FillId, InstrumentId};
use tapedeck_schemas::number::Ratio;
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::param::ParamSpec;
use tapedeck_schemas::record::Writer;

use crate::Paper;
use crate::book::InstrumentBook;
use crate::fills::{FILL_MODELS, MarketUpdate, Match};

/// What taking liquidity costs.
pub const TAKER_FEE: ParamSpec = ParamSpec {
    name: "paper.taker_fee",
    unit: "fraction",
    about: "fee on what takes liquidity, as a fraction of its notional, in the quote currency",
    default: Ratio::saturating_from_units(Ratio::ONE / 1_000),
    min: Ratio::ZERO,
    max: Ratio::saturating_from_units(Ratio::ONE / 10),
};
/// What making liquidity costs.
pub const MAKER_FEE: ParamSpec = ParamSpec {
    name: "paper.maker_fee",
    unit: "fraction",
    about: "fee on what makes liquidity, as a fraction of its notional, in the quote currency; below zero a rebate",
    default: Ratio::saturating_from_units(Ratio::ONE / 2_000),
    min: Ratio::saturating_from_units(-Ratio::ONE / 10),
    max: Ratio::saturating_from_units(Ratio::ONE / 10),
};

/// The parameters of fees.
pub(crate) const PARAMS: &[ParamSpec] = &[TAKER_FEE, MAKER_FEE];

/// Most orders that work at a time, so that what one input decides fits one record.
pub const WORKING_ORDERS_MAX: usize = 256;

/// The exchange as it is after the decisions made so far.
#[derive(Debug)]
pub(crate) struct Exchange<'a> {
    paper: &'a Paper,
    cause: Offset,
    /// Copies of the books that decisions changed.
    changed: BTreeMap<InstrumentId, InstrumentBook>,
    pub(crate) decided: Vec<Event>,
}

impl<'a> Exchange<'a> {
    pub(crate) fn new(paper: &'a Paper, cause: Offset) -> Self {
        Self { paper, cause, changed: BTreeMap::new(), decided: Vec::new() }
    }

    fn market(&self, instrument: &InstrumentId) -> Option<&InstrumentBook> {
        self.changed.get(instrument).or_else(|| self.paper.books.get(instrument))
    }

    fn market_mut(&mut self, instrument: InstrumentId) -> &mut InstrumentBook {
        let original = self.paper.books.get(&instrument);
        self.changed.entry(instrument).or_insert_with(|| original.cloned().unwrap_or_default())
    }

    fn decide(&mut self, instrument: InstrumentId, event: impl Into<Event>) {
        let event = event.into();
        self.market_mut(instrument).apply(&event);
        self.decided.push(event);
    }

    /// Every fill that an update leads to, by every model.
    pub(crate) fn fill(&mut self, instrument: InstrumentId, update: MarketUpdate<'_>) {
        for model in FILL_MODELS {
            let Some(market) = self.market(&instrument).filter(|market| !market.is_empty()) else { return };
            for execution in model.fills(market, update) {
                self.execute(instrument, execution);
            }
        }
    }

    fn execute(&mut self, instrument: InstrumentId, execution: Match) {
        let Some(market) = self.market(&instrument) else { return };
        let (Some(working), Some(fee_currency)) = (market.working(&execution.order), quote_currency(market)) else {
            return;
        };
        let quantity = execution.quantity.min(working.leaves);
        if !quantity.is_positive() {
            return;
        }
        let rate = match execution.liquidity {
            Liquidity::Taker => TAKER_FEE,
            Liquidity::Maker => MAKER_FEE,
        };
        let rate = self.paper.params.get(&rate, &instrument).clamp(rate.min, rate.max);
        let index = u32::try_from(self.decided.len()).unwrap_or(u32::MAX);
        let order = &working.order;
        let fill = OrderFilled {
            fill: FillId::derive(self.paper.tape, self.cause, Writer::Paper, index),
            order: order.id,
            account: order.account,
            strategy: order.strategy,
            instrument,
            side: order.side,
            price: execution.price,
            quantity,
            leaves: working.leaves - quantity,
            fee: execution.price.saturating_notional(quantity).scaled_by(rate),
            fee_currency,
            liquidity: execution.liquidity,
        };
        self.decide(instrument, fill);
    }

    /// An order arrives: refused, or accepted, matched and then resting or closed.
    pub(crate) fn submit(&mut self, order: &Order) {
        let (id, instrument) = (order.id, order.instrument);
        if let Err(reason) = self.acceptable(order) {
            return self.decide(instrument, OrderRejected { order: id, instrument, reason });
        }
        self.decide(instrument, OrderAccepted { order: id, instrument });
        self.market_mut(instrument).accept(order);
        self.fill(instrument, MarketUpdate::Arrived(id));
        let rest = self.market(&instrument).and_then(|market| market.working(&id)).map(|working| working.leaves);
        if let (Some(leaves), TimeInForce::Ioc) = (rest, order.time_in_force) {
            let reason = CloseReason::IocRemainder;
            self.decide(instrument, OrderClosed { order: id, instrument, reason, leaves });
        }
    }

    /// A cancel arrives.
    pub(crate) fn cancel(&mut self, cancel: &CancelSubmitted) {
        let (order, instrument) = (cancel.order, cancel.instrument);
        match self.market(&instrument).and_then(|market| market.working(&order)).map(|working| working.leaves) {
            Some(leaves) => {
                let reason = CloseReason::Canceled;
                self.decide(instrument, OrderClosed { order, instrument, reason, leaves });
            }
            None => {
                self.decide(instrument, CancelRejected { order, instrument, reason: "order is not working".into() });
            }
        }
    }

    fn acceptable(&self, order: &Order) -> Result<(), String> {
        let market = self.market(&order.instrument);
        let Some((market, terms)) = market.and_then(|market| Some((market, market.terms()?))) else {
            return Err(format!("unknown instrument {}", order.instrument));
        };
        if !order.price.is_positive() || !order.price.is_multiple_of(terms.tick_size) {
            return Err(format!("price {} is off the grid of {}", order.price, terms.tick_size));
        }
        if !order.quantity.is_positive() || !order.quantity.is_multiple_of(terms.lot_size) {
            return Err(format!("quantity {} is off the grid of {}", order.quantity, terms.lot_size));
        }
        if market.working(&order.id).is_some() {
            return Err("an order of this id works already".into());
        }
        if self.working() >= WORKING_ORDERS_MAX {
            return Err(format!("{WORKING_ORDERS_MAX} orders work already"));
        }
        Ok(())
    }

    fn working(&self) -> usize {
        let unchanged = self.paper.books.iter().filter(|(instrument, _)| !self.changed.contains_key(instrument));
        unchanged.map(|(_, market)| market.len()).chain(self.changed.values().map(InstrumentBook::len)).sum()
    }
}

fn quote_currency(market: &InstrumentBook) -> Option<Currency> {
    market.terms().map(|terms| terms.quote)
}
