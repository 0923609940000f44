//! The life cycle of an order as recorded by execution. The reports of the exchange are not checked here.

use std::collections::{BTreeMap, BTreeSet};

use tapedeck_schemas::event::{Event, OrderStatus, OrderStatusChanged};
use tapedeck_schemas::ids::OrderId;
use tapedeck_schemas::number::Quantity;
use tapedeck_schemas::offset::Offset;

use super::{CheckReport, Invariant, InvariantId, TapeFact};

const ID: InvariantId = InvariantId::OrderLifeCycle;

/// The statuses that may follow a status. A terminal status is followed by none.
fn may_become(from: OrderStatus) -> &'static [OrderStatus] {
    use OrderStatus::*;
    match from {
        Approved => &[Submitted, Canceled, Expired, Rejected],
        Submitted => &[Accepted, PartiallyFilled, PendingCancel, Filled, Canceled, Expired, Rejected],
        Accepted => &[PartiallyFilled, PendingCancel, Filled, Canceled, Expired, Rejected],
        // An order with a fill may end in many ways, but it cannot be rejected.
        PartiallyFilled => &[PartiallyFilled, PendingCancel, Filled, Canceled, Expired],
        // Other reports may come before that of the cancel, and the cancel may be rejected: the order stays open.
        PendingCancel => &[Submitted, Accepted, PartiallyFilled, PendingCancel, Filled, Canceled, Expired, Rejected],
        Filled | Canceled | Expired | Rejected => &[],
    }
}

#[derive(Debug)]
struct TrackedOrder {
    status: OrderStatus,
    quantity: Quantity,
    filled: Quantity,
    /// Whether `OrderSubmitted` has set the status, so that an `OrderStatusChanged` with the same change may follow.
    unsaid: bool,
}

/// The status of an order changes along legal transitions, each from its current status.
///
/// `OrderSubmitted` itself changes the status from approved to submitted; an `OrderStatusChanged` with the same change,
/// before or after it, is no second change.
#[derive(Debug, Default)]
pub(super) struct OrderLifeCycle {
    open: BTreeMap<OrderId, TrackedOrder>,
    finished: BTreeSet<OrderId>,
}

impl Invariant for OrderLifeCycle {
    fn observe(&mut self, recorded: &TapeFact, report: &mut CheckReport) {
        let at = recorded.offset;
        match &recorded.entry.event {
            Event::OrderApproved(event) if !self.finished.contains(&event.order.id) => {
                let (status, quantity) = (OrderStatus::Approved, event.order.quantity);
                let new = TrackedOrder { status, quantity, filled: Quantity::ZERO, unsaid: false };
                self.open.entry(event.order.id).or_insert(new);
            }
            Event::OrderSubmitted(event) => self.submit(event.order.id, at, report),
            Event::OrderStatusChanged(event) => self.change(event, at, report),
            _ => {}
        }
    }
}

impl OrderLifeCycle {
    /// Other rules check that the order was approved, and only once.
    fn submit(&mut self, order: OrderId, at: Offset, report: &mut CheckReport) {
        let Some(open) = self.open.get_mut(&order) else { return };
        let movable = matches!(open.status, OrderStatus::Approved | OrderStatus::Submitted);
        report.check(ID, at, movable, || format!("order {order} is submitted, but it is {}", open.status));
        if open.status == OrderStatus::Approved {
            (open.status, open.unsaid) = (OrderStatus::Submitted, true);
        }
    }

    fn change(&mut self, event: &OrderStatusChanged, at: Offset, report: &mut CheckReport) {
        let OrderStatusChanged { order, from, to, filled, .. } = event;
        let Some(open) = self.open.get_mut(order) else {
            let known = if self.finished.contains(order) { "finished" } else { "unknown" };
            report.check(ID, at, false, || format!("order {order} is {known}, and goes from {from} to {to}"));
            return;
        };
        let unsaid = std::mem::take(&mut open.unsaid);
        if unsaid && (*from, *to) == (OrderStatus::Approved, OrderStatus::Submitted) {
            report.check(ID, at, filled.is_zero(), || format!("order {order} is submitted with {filled} filled"));
            return;
        }
        let legal = *from == open.status && may_become(*from).contains(to);
        report.check(ID, at, legal, || format!("order {order} is {}, and goes from {from} to {to}", open.status));
        let whole = *filled == open.quantity;
        let exact = *filled >= open.filled && *filled <= open.quantity && (*to == OrderStatus::Filled) <= whole;
        report.check(ID, at, exact, || {
            format!("order {order} goes to {to} with {filled} filled, after {} of {}", open.filled, open.quantity)
        });
        (open.status, open.filled) = (*to, *filled);
        if to.is_terminal() {
            self.open.remove(order);
            self.finished.insert(*order);
        }
    }
}
