//! Orders and cancels in transit to the exchange, each with the tape time at which it arrives. No matching.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tapedeck_schemas::event::{CancelSubmitted, CloseReason, Event, Order};
use tapedeck_schemas::ids::{InstrumentId, OrderId};
use tapedeck_schemas::number::Ratio;
use tapedeck_schemas::offset::{Offset, TapeTime};
use tapedeck_schemas::param::{ParamSpec, Params};

/// Time between the submission of an order or cancel and its arrival.
pub const LATENCY_MS: ParamSpec = ParamSpec {
    name: "paper.latency_ms",
    unit: "ms",
    about: "tape time that an order or a cancel takes to reach the simulated exchange",
    default: Ratio::whole(5),
    min: Ratio::ZERO,
    max: Ratio::whole(60_000),
};

/// The parameters of latency.
pub const PARAMS: &[ParamSpec] = &[LATENCY_MS];

/// Most requests that arrive on one input, so that the decisions fit one record; the others arrive on the next input.
pub const ARRIVALS_MAX: usize = 256;

/// A request in transit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PendingRequest {
    /// An order.
    Submit(Order),
    /// A cancel.
    Cancel(CancelSubmitted),
}

/// Requests in transit, by time of arrival, then by offset.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct InTransit {
    requests: BTreeMap<(TapeTime, Offset), PendingRequest>,
}

impl InTransit {
    /// The requests that have arrived by `now`, in order.
    pub fn arrived(&self, now: TapeTime) -> impl Iterator<Item = &PendingRequest> {
        self.requests.iter().take_while(move |((due, _), _)| *due <= now).map(|(_, request)| request).take(ARRIVALS_MAX)
    }

    pub(crate) fn submit(&mut self, at: Offset, sent: TapeTime, order: &Order, params: &Params) {
        let due = arrival(sent, &order.instrument, params);
        self.requests.insert((due, at), PendingRequest::Submit(order.clone()));
    }

    /// A cancel never arrives before its order, even if the latency was lowered in between.
    pub(crate) fn cancel(&mut self, at: Offset, sent: TapeTime, cancel: &CancelSubmitted, params: &Params) {
        let due = arrival(sent, &cancel.instrument, params);
        let order = self.find(|request| matches!(request, PendingRequest::Submit(order) if order.id == cancel.order));
        let due = due.max(order.map_or(0, |(due, _)| due));
        self.requests.insert((due, at), PendingRequest::Cancel(cancel.clone()));
    }

    /// Removes the request that a decision of the exchange answers; returns its order, if it was one.
    pub(crate) fn apply(&mut self, own: &Event) -> Option<Order> {
        let submit =
            |id: OrderId| move |request: &PendingRequest| matches!(request, PendingRequest::Submit(o) if o.id == id);
        let cancel =
            |id: OrderId| move |request: &PendingRequest| matches!(request, PendingRequest::Cancel(c) if c.order == id);
        let key = match own {
            Event::OrderAccepted(accepted) => self.find(submit(accepted.order)),
            Event::OrderRejected(rejected) => self.find(submit(rejected.order)),
            Event::OrderClosed(closed) if closed.reason == CloseReason::Canceled => self.find(cancel(closed.order)),
            Event::CancelRejected(rejected) => self.find(cancel(rejected.order)),
            _ => None,
        };
        match self.requests.remove(&key?)? {
            PendingRequest::Submit(order) => Some(order),
            PendingRequest::Cancel(_) => None,
        }
    }

    fn find(&self, matches: impl Fn(&PendingRequest) -> bool) -> Option<(TapeTime, Offset)> {
        self.requests.iter().find(|(_, request)| matches(request)).map(|(key, _)| *key)
    }
}

fn arrival(sent: TapeTime, instrument: &InstrumentId, params: &Params) -> TapeTime {
    sent.saturating_add(params.in_force(&LATENCY_MS, instrument).milliseconds_to_ns())
}
