//! The execution machine: submits approved orders and keeps their life cycle. No sizing, no matching, no money.
//!
//! [`transitions`] is the life cycle, [`gate`] the checks before submission, [`reports`] the meaning of the exchange's
//! reports. A report without a row in the table changes nothing and is recorded as `LateReport`.
#![forbid(unsafe_code)]

use serde::{Deserialize, Serialize};
use tapedeck_kernel::state::{self, BadState};
use tapedeck_kernel::{Cause, Fact, Machine, Out, Reads};
use tapedeck_schemas::event::{
    CancelReason, CancelSubmitted, Event, HaltLevel, LateReport, Order, OrderStatus, OrderStatusChanged,
    OrderSubmitted, ReportType, StatusReason, TimeInForce,
};
use tapedeck_schemas::ids::OrderId;
use tapedeck_schemas::number::{Quantity, Ratio};
use tapedeck_schemas::offset::TapeTime;
use tapedeck_schemas::param::{ParamSpec, Params};
use tapedeck_schemas::record::Writer;

pub mod gate;
pub mod orders;
pub mod reports;
pub mod transitions;

use gate::{GateInput, Halts};
use orders::{OpenOrder, OrderStates};
use transitions::{Trigger, next};

/// Longest time that a GTC order may work.
pub const ORDER_TIMEOUT_MS: ParamSpec = ParamSpec {
    name: "execution.order_timeout_ms",
    unit: "ms",
    about: "tape time since submission, or since the last cancel request, over which a resting order is canceled",
    default: Ratio::whole(3_000),
    min: Ratio::ZERO,
    max: Ratio::whole(86_400_000),
};

/// Every parameter of this machine.
pub fn params() -> Vec<ParamSpec> {
    [ORDER_TIMEOUT_MS].iter().chain(gate::PARAMS).copied().collect()
}

/// The execution machine of one partition.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Execution {
    params: Params,
    has_clock: bool,
    halts: Halts,
    orders: OrderStates,
}

/// What a fact meant to the execution machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExecutionObserved {
    /// A fill that was reported before.
    RepeatedFill,
    /// Any other fact.
    Other,
}

impl Execution {
    /// The initial state.
    pub fn new() -> Self {
        Self::default()
    }

    fn decide_approval(&self, now: TapeTime, order: &Order, approved_at: TapeTime, out: &mut Out) {
        if let Some(status) = self.orders.status(&order.id) {
            // An order is submitted once, even if it is approved again.
            return out.push(LateReport { order: order.id, status: Some(status), report: ReportType::Approved });
        }
        let input = GateInput {
            now,
            has_clock: self.has_clock,
            full: self.orders.is_full(),
            halts: &self.halts,
            params: &self.params,
        };
        match gate::evaluate(&input, order, approved_at) {
            Ok(()) => out.push(OrderSubmitted { order: order.clone() }),
            Err((trigger, reason)) => {
                let from = OrderStatus::Approved;
                let Some(to) = next(from, trigger) else { return };
                out.push(OrderStatusChanged { order: order.id, from, to, filled: Quantity::ZERO, reason });
            }
        }
    }

    fn decide_report(&self, event: &Event, out: &mut Out) {
        let Some((order, report)) = reports::about(event) else { return };
        match self.status_change(order, event) {
            Some(change) => out.push(change),
            None => out.push(self.late(order, report)),
        }
    }

    /// The change of status that a report leads to; `None` if the order is not open or the table has no row.
    fn status_change(&self, order: OrderId, report: &Event) -> Option<OrderStatusChanged> {
        let open = self.orders.open(&order)?;
        let (trigger, filled, reason) = reports::interpret(report, open)?;
        let to = next(open.status, trigger)?;
        Some(OrderStatusChanged { order, from: open.status, to, filled, reason })
    }

    fn late(&self, order: OrderId, report: ReportType) -> LateReport {
        LateReport { order, status: self.orders.status(&order), report }
    }

    /// Requests a cancel; false if the status of the order does not allow it.
    fn cancel(&self, open: &OpenOrder, cancel: CancelReason, out: &mut Out) -> bool {
        let order = open.order.id;
        let instrument = open.order.instrument;
        let from = open.status;
        let Some(to) = next(from, Trigger::RequestCancel) else { return false };
        out.push(CancelSubmitted { order, instrument, reason: cancel });
        let reason = StatusReason::CancelSubmitted { cancel };
        out.push(OrderStatusChanged { order, from, to, filled: open.filled, reason });
        true
    }

    fn decide_timeouts(&self, now: TapeTime, out: &mut Out) {
        for open in self.orders.all_open().filter(|open| open.order.time_in_force == TimeInForce::Gtc) {
            let timeout = self.params.in_force(&ORDER_TIMEOUT_MS, &open.order.instrument);
            if now.saturating_sub(open.since) > timeout.milliseconds_to_ns() {
                self.cancel(open, CancelReason::TimedOut, out);
            }
        }
    }
}

impl Machine for Execution {
    type Input = Fact;
    type Observed = ExecutionObserved;
    const WRITER: Writer = Writer::Execution;
    const LOGIC: u32 = 2;
    const STATE: u32 = 1;

    fn reads() -> Reads {
        Reads::Tape(&[Writer::Ingest, Writer::Control, Writer::Risk, Writer::Paper])
    }

    fn observe(&mut self, _cause: Cause, fact: &Fact) -> ExecutionObserved {
        match &fact.event {
            Event::LimitsSet(limits) => self.params.apply(limits),
            Event::ClockAdvanced(_) => self.has_clock = true,
            Event::TradingHalted(halt) => self.halts.halt(halt.scope, halt.level),
            Event::TradingResumed(resume) => self.halts.resume(resume.scope),
            Event::OrderAccepted(report) => self.orders.accept(&report.order),
            Event::OrderFilled(report) if !self.orders.record_fill(&report.order, report.fill) => {
                return ExecutionObserved::RepeatedFill;
            }
            _ => {}
        }
        ExecutionObserved::Other
    }

    fn decide(&self, cause: Cause, fact: &Fact, observed: &ExecutionObserved, out: &mut Out) {
        if *observed == ExecutionObserved::RepeatedFill {
            return;
        }
        match &fact.event {
            Event::OrderApproved(approved) => self.decide_approval(cause.now, &approved.order, fact.at, out),
            Event::ClockAdvanced(_) => self.decide_timeouts(cause.now, out),
            Event::TradingHalted(halt) if halt.level == HaltLevel::Halted => {
                for open in self.orders.open_in(halt.scope) {
                    self.cancel(open, CancelReason::Halted, out);
                }
            }
            Event::CancelRequested(request) => {
                let open = self.orders.open(&request.order);
                if !open.is_some_and(|open| self.cancel(open, CancelReason::Requested, out)) {
                    out.push(self.late(request.order, ReportType::CancelRequested));
                }
            }
            report => self.decide_report(report, out),
        }
    }

    fn apply(&mut self, cause: Cause, _observed: &ExecutionObserved, own: &Event) {
        match own {
            Event::OrderSubmitted(submitted) => self.orders.submit(cause.offset, cause.now, &submitted.order),
            Event::CancelSubmitted(cancel) => self.orders.request_cancel(&cancel.order, cause.now, cancel.reason),
            Event::OrderStatusChanged(change) => self.orders.change(&change.order, change.to, change.filled),
            _ => {}
        }
    }

    fn save(&self) -> Vec<u8> {
        state::encode(self)
    }

    fn restore(&self, saved: &[u8]) -> Result<Self, BadState> {
        state::decode(saved)
    }
}
