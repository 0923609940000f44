//! Facts for the tests of the paper, made short. No assertions live here.
#![allow(dead_code, unused_imports)] // each test binary uses its own part

use tapedeck_kernel::Fact;
pub(crate) use tapedeck_kernel::testing::{MS, Stepper, aged, clock, fact, limit};
use tapedeck_paper::Paper;
use tapedeck_schemas::event::*;
use tapedeck_schemas::ids::{OrderId, TapeId};
use tapedeck_schemas::number::Money;
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::Writer;

pub(crate) const TAPE: TapeId = TapeId([9; 16]);

/// sim.X in USDT, ticks of 0.5, lots of 0.1.
pub(crate) fn definition() -> Fact {
    let event = InstrumentDefined {
        instrument: "sim.X".parse().unwrap(),
        base: "X".parse().unwrap(),
        quote: "USDT".parse().unwrap(),
        tick_size: "0.5".parse().unwrap(),
        lot_size: "0.1".parse().unwrap(),
        min_notional: Money::ZERO,
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
pub(crate) fn quote(at_ms: u64, bid: &str, bid_size: &str, ask: &str, ask_size: &str) -> Fact {
    let event = Quote {
        instrument: "sim.X".parse().unwrap(),
        bid: (!bid.is_empty()).then(|| bid.parse().unwrap()),
        bid_size: bid_size.parse().unwrap(),
        ask: (!ask.is_empty()).then(|| ask.parse().unwrap()),
        ask_size: ask_size.parse().unwrap(),
        ts_recv: at_ms * MS,
        ts_event: None,
        update_id: None,
    };
    fact(Writer::Ingest, at_ms, event)
}

pub(crate) fn trade(at_ms: u64, aggressor: Aggressor, price: &str, quantity: &str) -> Fact {
    let event = Trade {
        instrument: "sim.X".parse().unwrap(),
        price: price.parse().unwrap(),
        quantity: quantity.parse().unwrap(),
        aggressor,
        trade_id: None,
        ts_recv: at_ms * MS,
        ts_event: None,
    };
    fact(Writer::Ingest, at_ms, event)
}

pub(crate) fn order(n: u8, side: Side, time_in_force: TimeInForce, price: &str, quantity: &str) -> Order {
    Order {
        id: OrderId([n; 16]),
        account: "sim-p0".parse().unwrap(),
        strategy: "blend".parse().unwrap(),
        instrument: "sim.X".parse().unwrap(),
        side,
        quantity: quantity.parse().unwrap(),
        price: price.parse().unwrap(),
        time_in_force,
        signal: Offset::START,
    }
}

pub(crate) fn submitted(at_ms: u64, order: Order) -> Fact {
    fact(Writer::Execution, at_ms, OrderSubmitted { order })
}

pub(crate) fn buy(n: u8, time_in_force: TimeInForce, price: &str, quantity: &str) -> Fact {
    submitted(1_000, order(n, Side::Buy, time_in_force, price, quantity))
}

pub(crate) fn sell(n: u8, time_in_force: TimeInForce, price: &str, quantity: &str) -> Fact {
    submitted(1_000, order(n, Side::Sell, time_in_force, price, quantity))
}

pub(crate) fn cancel(at_ms: u64, n: u8) -> Fact {
    let instrument = "sim.X".parse().unwrap();
    let reason = CancelReason::Requested;
    fact(Writer::Execution, at_ms, CancelSubmitted { order: OrderId([n; 16]), instrument, reason })
}

/// A machine and the sequence of its last input; decisions are rendered as short text.
pub(crate) struct Harness {
    pub(crate) machine: Stepper<Paper>,
    pub(crate) seq: u64,
}

impl Harness {
    /// At 1,000 ms, with X quoted 5 at 100 and 5 at 101.
    pub(crate) fn new() -> Self {
        let mut harness = Self { machine: Stepper::new(Paper::new(TAPE)), seq: 0 };
        harness.step(&definition());
        harness.step(&quote(1_000, "100", "5", "101", "5"));
        harness
    }

    pub(crate) fn decide(&mut self, fact: &Fact) -> Vec<Event> {
        self.seq += 1;
        self.machine.step(Offset::new(self.seq, 0), fact).events
    }

    pub(crate) fn step(&mut self, fact: &Fact) -> Vec<String> {
        self.decide(fact).iter().map(render).collect()
    }
}

/// The code of a rejection and its values.
fn rejection(rejection: &OrderRejection) -> String {
    let code = rejection.code();
    match rejection {
        OrderRejection::OffTick { price, tick_size } => format!("{code} {price} {tick_size}"),
        OrderRejection::OffLot { quantity, lot_size } => format!("{code} {quantity} {lot_size}"),
        OrderRejection::TooManyOrders { limit } => format!("{code} {limit}"),
        OrderRejection::UnknownInstrument | OrderRejection::RepeatedId => code.into(),
    }
}

/// Renders a fact, such as `1 filled 5@101 leaves 0 taker`.
pub(crate) fn render(event: &Event) -> String {
    match event {
        Event::OrderAccepted(e) => format!("{} accepted", e.order.0[0]),
        Event::OrderRejected(e) => format!("{} rejected: {}", e.order.0[0], rejection(&e.reason)),
        Event::OrderFilled(e) => {
            format!("{} filled {}@{} leaves {} {}", e.order.0[0], e.quantity, e.price, e.leaves, e.liquidity)
        }
        Event::OrderClosed(e) => format!("{} closed {} leaves {}", e.order.0[0], e.reason, e.leaves),
        Event::CancelRejected(e) => format!("{} cancel rejected: {}", e.order.0[0], e.reason),
        other => panic!("not a fact of paper: {other:?}"),
    }
}
