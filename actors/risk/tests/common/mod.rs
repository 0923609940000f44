//! Builders of facts for the tests of risk, and a harness. No assertions live here.
#![allow(dead_code, unused_imports)] // each test binary uses its own part

use tapedeck_kernel::Fact;
pub(crate) use tapedeck_kernel::testing::{MS, Stepper, aged, clock, control, fact, halt, limit, resume, trade};
use tapedeck_schemas::event::*;
use tapedeck_schemas::ids::{FillId, InstrumentId, TapeId};
use tapedeck_schemas::number::{Money, Price, Quantity, Ratio};
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::Writer;

pub(crate) const TAPE: TapeId = TapeId([9; 16]);

pub(crate) fn instrument(symbol: &str) -> InstrumentId {
    format!("sim.{symbol}").parse().unwrap()
}

/// Quoted in USDT, ticks of 0.01, lots of 0.001, at least 10 USDT an order.
pub(crate) fn definition(symbol: &str) -> Fact {
    let event = InstrumentDefined {
        instrument: instrument(symbol),
        base: symbol.parse().unwrap(),
        quote: "USDT".parse().unwrap(),
        tick_size: "0.01".parse().unwrap(),
        lot_size: "0.001".parse().unwrap(),
        min_notional: Money::whole(10),
        bars: Vec::new(),
        prices: PriceDomain::Positive,
        trade_ids: TradeIdOrder::Any,
        sources: Vec::new(),
        calendar: None,
        ts_recv: 1,
        ts_event: None,
    };
    fact(Writer::Ingest, 0, event)
}

/// A quote; an empty price is an absent side.
pub(crate) fn quote(symbol: &str, at_ms: u64, bid: &str, ask: &str) -> Fact {
    let side = |text: &str| (!text.is_empty()).then(|| text.parse().unwrap());
    sides(symbol, at_ms, side(bid), side(ask))
}

pub(crate) fn quote_of(symbol: &str, at_ms: u64, bid: Price, ask: Price) -> Fact {
    sides(symbol, at_ms, Some(bid), Some(ask))
}

fn sides(symbol: &str, at_ms: u64, bid: Option<Price>, ask: Option<Price>) -> Fact {
    let size = Quantity::whole(1);
    let (ts_recv, ts_event, update_id) = (at_ms * MS, None, None);
    let instrument = instrument(symbol);
    fact(
        Writer::Ingest,
        at_ms,
        Quote { instrument, bid, bid_size: size, ask, ask_size: size, ts_recv, ts_event, update_id },
    )
}

pub(crate) fn print(symbol: &str, at_ms: u64, price: &str) -> Fact {
    trade(instrument(symbol), at_ms, price)
}

pub(crate) fn signal(symbol: &str, at_ms: u64, target: &str, confidence: &str) -> Fact {
    let event = SignalRaised {
        account: "sim-p3".parse().unwrap(),
        strategy: "blend".parse().unwrap(),
        instrument: instrument(symbol),
        target: target.parse().unwrap(),
        confidence: confidence.parse().unwrap(),
        reasons: Vec::new(),
    };
    fact(Writer::Signal, at_ms, event)
}

/// A fill of an order at its price, without a fee; each call is another execution.
pub(crate) fn fill(order: &Order, quantity: Quantity) -> OrderFilled {
    static EXECUTIONS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let execution = EXECUTIONS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    OrderFilled {
        fill: FillId::derive(&TAPE.into(), Offset::new(execution, 0), Writer::Paper, 0),
        order: order.id,
        account: order.account,
        strategy: order.strategy,
        instrument: order.instrument,
        side: order.side,
        price: order.price,
        quantity,
        leaves: Quantity::ZERO,
        fee: Money::ZERO,
        fee_currency: "USDT".parse().unwrap(),
        liquidity: Liquidity::Taker,
    }
}

pub(crate) fn filled(at_ms: u64, order: &Order, quantity: &str) -> Fact {
    fact(Writer::Paper, at_ms, fill(order, quantity.parse().unwrap()))
}

pub(crate) fn status(at_ms: u64, order: &Order, to: OrderStatus) -> Fact {
    let (from, filled, reason) = (OrderStatus::Submitted, Quantity::ZERO, StatusReason::Accepted);
    fact(Writer::Execution, at_ms, OrderStatusChanged { order: order.id, from, to, filled, reason })
}

pub(crate) fn limit_of(scope: Scope, name: &str, value: Ratio) -> Fact {
    control(LimitsSet { scope, values: vec![(name.into(), value)], by: "ann".into(), reason: "t".into(), stamp: 0 })
}

/// A machine, and the sequence of its last input.
pub(crate) struct Harness {
    pub(crate) machine: Stepper<tapedeck_risk::Risk>,
    pub(crate) seq: u64,
}

impl Harness {
    /// Partition 3, with X defined and a quote of 99.99 / 100.01 at 1,000 ms.
    pub(crate) fn new() -> Self {
        let mut harness = Self { machine: Stepper::new(tapedeck_risk::Risk::new(TAPE, 3)), seq: 0 };
        harness.step(&definition("X"));
        harness.step(&quote("X", 1_000, "99.99", "100.01"));
        harness
    }

    pub(crate) fn step(&mut self, fact: &Fact) -> Vec<Event> {
        self.seq += 1;
        self.machine.step(Offset::new(self.seq, 0), fact).events
    }

    /// The order decided on a fact: approved, denied or none.
    pub(crate) fn order(&mut self, fact: &Fact) -> Outcome {
        match &self.step(fact)[..] {
            [] => Outcome::NoOrder,
            [Event::OrderApproved(approved)] => Outcome::Approved(approved.order.clone()),
            [Event::OrderDenied(denied)] => Outcome::Denied(denied.denial.clone()),
            other => panic!("not one order: {other:?}"),
        }
    }

    /// The check that denies the order decided on a fact, for a value over its limit; else the code of the denial.
    pub(crate) fn denied_by(&mut self, fact: &Fact) -> String {
        match self.order(fact) {
            Outcome::Denied(denial) => denied_by(&denial),
            other => panic!("not denied: {other:?}"),
        }
    }

    pub(crate) fn approved(&mut self, fact: &Fact) -> Order {
        match self.order(fact) {
            Outcome::Approved(order) => order,
            other => panic!("not approved: {other:?}"),
        }
    }

    /// The change of risk state decided on a fact: from, to, reason.
    pub(crate) fn state_change(&mut self, fact: &Fact) -> Option<(RiskState, RiskState, RiskStateReason)> {
        match &self.step(fact)[..] {
            [] => None,
            [Event::RiskStateChanged(change)] => Some((change.from, change.to, change.reason.clone())),
            other => panic!("not a change of risk state: {other:?}"),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    NoOrder,
    Approved(Order),
    Denied(Denial),
}

/// The check that denied, for a value over its limit; else the code of the denial.
pub(crate) fn denied_by(denial: &Denial) -> String {
    match denial {
        Denial::OverLimit { check, .. } => check.to_string(),
        other => other.code().into(),
    }
}

/// The outcome that an order is denied by a halt.
pub(crate) fn halted_by(scope: Scope, level: HaltLevel) -> Outcome {
    Outcome::Denied(Denial::Halted { scope, level })
}
