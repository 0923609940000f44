//! From approval to submission: the orders that may be submitted. Their later life is not checked here.

use std::collections::{BTreeMap, BTreeSet};

use tapedeck_schemas::event::{Event, Order};
use tapedeck_schemas::ids::OrderId;

use super::{CheckReport, Invariant, InvariantId, TapeFact};

/// No order is approved twice or submitted twice.
#[derive(Debug, Default)]
pub(super) struct OrderIdsUnique {
    approved: BTreeSet<OrderId>,
    submitted: BTreeSet<OrderId>,
}

impl Invariant for OrderIdsUnique {
    fn observe(&mut self, recorded: &TapeFact, report: &mut CheckReport) {
        let (new, order, verb) = match &recorded.entry.event {
            Event::OrderApproved(event) => (self.approved.insert(event.order.id), event.order.id, "approved"),
            Event::OrderSubmitted(event) => (self.submitted.insert(event.order.id), event.order.id, "submitted"),
            _ => return,
        };
        let id = InvariantId::OrderIdsUnique;
        report.check(id, recorded.offset, new, || format!("order {order} is {verb} again"));
    }
}

/// Every submitted order was approved before, on the same terms.
#[derive(Debug, Default)]
pub(super) struct SubmittedAsApproved {
    /// Orders that are approved and not finished.
    approved: BTreeMap<OrderId, Order>,
}

impl Invariant for SubmittedAsApproved {
    fn observe(&mut self, recorded: &TapeFact, report: &mut CheckReport) {
        match &recorded.entry.event {
            Event::OrderApproved(event) => {
                self.approved.insert(event.order.id, event.order.clone());
            }
            Event::OrderStatusChanged(event) if event.to.is_terminal() => {
                self.approved.remove(&event.order);
            }
            Event::OrderSubmitted(event) => {
                let approved = self.approved.get(&event.order.id);
                let same = approved == Some(&event.order);
                report.check(InvariantId::SubmittedAsApproved, recorded.offset, same, || match approved {
                    Some(approved) => format!("approved as {approved:?}, submitted as {:?}", event.order),
                    None => format!("order {} is submitted but not approved, or finished", event.order.id),
                });
            }
            _ => {}
        }
    }
}

/// A denied order is never submitted.
#[derive(Debug, Default)]
pub(super) struct DeniedNeverSubmitted {
    denied: BTreeSet<OrderId>,
}

impl Invariant for DeniedNeverSubmitted {
    fn observe(&mut self, recorded: &TapeFact, report: &mut CheckReport) {
        match &recorded.entry.event {
            Event::OrderDenied(event) => {
                self.denied.insert(event.order.id);
            }
            Event::OrderSubmitted(event) => {
                let order = event.order.id;
                report.check(InvariantId::DeniedNeverSubmitted, recorded.offset, !self.denied.contains(&order), || {
                    format!("order {order} was denied and is submitted")
                });
            }
            _ => {}
        }
    }
}
