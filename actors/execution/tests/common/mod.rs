//! Builders of facts for the tests of execution, and a harness. No assertions live here.
#![allow(dead_code, unused_imports)] // each test binary uses its own part

use tapedeck_execution::Execution;
use tapedeck_kernel::Fact;
pub(crate) use tapedeck_kernel::testing::{Stepper, clock, control, fact, halt, limit, resume};
use tapedeck_schemas::event::*;
use tapedeck_schemas::ids::{FillId, OrderId};
use tapedeck_schemas::number::{Money, Quantity};
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::Writer;

pub(crate) fn id(n: u8) -> OrderId {
    OrderId([n; 16])
}

/// A GTC buy of 10 at 100 in sim.X.
pub(crate) fn order(n: u8) -> Order {
    Order {
        id: id(n),
        account: "sim-p0".parse().unwrap(),
        strategy: "blend".parse().unwrap(),
        instrument: "sim.X".parse().unwrap(),
        side: Side::Buy,
        quantity: Quantity::whole(10),
        price: "100".parse().unwrap(),
        time_in_force: TimeInForce::Gtc,
        signal: Offset::START,
    }
}

pub(crate) fn approved(at_ms: u64, order: Order) -> Fact {
    fact(Writer::Risk, at_ms, OrderApproved { order })
}

fn venue(event: impl Into<Event>) -> Fact {
    fact(Writer::Paper, 1_000, event)
}

pub(crate) fn accepted(n: u8) -> Fact {
    venue(OrderAccepted { order: id(n), instrument: order(n).instrument })
}

pub(crate) fn rejected(n: u8) -> Fact {
    venue(OrderRejected { order: id(n), instrument: order(n).instrument, reason: OrderRejection::RepeatedId })
}

pub(crate) fn filled(n: u8, fill: u8, quantity: i64) -> Fact {
    let o = order(n);
    venue(OrderFilled {
        fill: FillId([fill; 16]),
        order: o.id,
        account: o.account,
        strategy: o.strategy,
        instrument: o.instrument,
        side: o.side,
        price: o.price,
        quantity: Quantity::whole(quantity),
        leaves: Quantity::ZERO,
        fee: Money::ZERO,
        fee_currency: "USDT".parse().unwrap(),
        liquidity: Liquidity::Taker,
    })
}

pub(crate) fn closed(n: u8, reason: CloseReason) -> Fact {
    venue(OrderClosed { order: id(n), instrument: order(n).instrument, reason, leaves: Quantity::ZERO })
}

pub(crate) fn cancel_rejected(n: u8) -> Fact {
    venue(CancelRejected { order: id(n), instrument: order(n).instrument, reason: CancelRejection::NotWorking })
}

pub(crate) fn cancel(n: u8) -> Fact {
    control(CancelRequested { order: id(n), by: "ann".into(), reason: "t".into(), stamp: 0 })
}

/// A machine and the sequence of its last input; decisions are rendered as short text.
pub(crate) struct Harness {
    pub(crate) machine: Stepper<Execution>,
    pub(crate) seq: u64,
}

impl Harness {
    /// At 1,000 ms, with one `ClockAdvanced` observed.
    pub(crate) fn new() -> Self {
        let mut harness = Self { machine: Stepper::new(Execution::new()), seq: 0 };
        harness.step(&clock(1_000));
        harness
    }

    /// With order `n` submitted.
    pub(crate) fn with(n: u8) -> Self {
        let mut harness = Self::new();
        harness.step(&approved(1_000, order(n)));
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

/// The code of a reason and its values.
fn reason(reason: &StatusReason) -> String {
    let code = reason.code();
    match reason {
        StatusReason::Rejected { rejection } => format!("{code} {}", rejection.code()),
        StatusReason::CancelRejected { rejection } => format!("{code} {rejection}"),
        StatusReason::CancelSubmitted { cancel } => format!("{code} {cancel}"),
        StatusReason::Halted { scope } => format!("{code} {scope}"),
        StatusReason::StaleApproval { age_ns, limit_ns } => format!("{code} {age_ns} {limit_ns}"),
        StatusReason::TooManyOrders { limit } => format!("{code} {limit}"),
        _ => code.into(),
    }
}

pub(crate) fn render(event: &Event) -> String {
    match event {
        Event::OrderSubmitted(e) => format!("{} submitted", e.order.id.0[0]),
        Event::CancelSubmitted(e) => format!("{} cancel {}", e.order.0[0], e.reason),
        Event::OrderStatusChanged(e) => {
            format!("{} {}->{} {} {}", e.order.0[0], e.from, e.to, e.filled, reason(&e.reason))
        }
        Event::LateReport(e) => {
            format!("{} late {} {}", e.order.0[0], e.report, e.status.map_or("unknown", OrderStatus::as_str))
        }
        other => panic!("not a fact of execution: {other:?}"),
    }
}
