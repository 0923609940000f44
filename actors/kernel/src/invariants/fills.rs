//! The reports of an exchange on submitted orders. Booking is not checked here.

use std::collections::{BTreeMap, BTreeSet};

use tapedeck_schemas::event::{Event, Order, OrderClosed, OrderFilled, Side};
use tapedeck_schemas::ids::{FillId, OrderId};
use tapedeck_schemas::number::Quantity;

use super::{CheckReport, Invariant, InvariantId, TapeFact};

/// No fill is reported twice.
#[derive(Debug, Default)]
pub(super) struct FillIdsUnique {
    seen: BTreeSet<FillId>,
}

impl Invariant for FillIdsUnique {
    fn observe(&mut self, recorded: &TapeFact, report: &mut CheckReport) {
        if let Event::OrderFilled(fill) = &recorded.entry.event {
            let new = self.seen.insert(fill.fill);
            let id = InvariantId::FillIdsUnique;
            report.check(id, recorded.offset, new, || format!("fill {} is reported again", fill.fill));
        }
    }
}

/// Only a submitted order is filled.
#[derive(Debug, Default)]
pub(super) struct FillsOfSubmitted {
    submitted: BTreeSet<OrderId>,
}

impl Invariant for FillsOfSubmitted {
    fn observe(&mut self, recorded: &TapeFact, report: &mut CheckReport) {
        match &recorded.entry.event {
            Event::OrderSubmitted(event) => {
                self.submitted.insert(event.order.id);
            }
            Event::OrderFilled(fill) => {
                let known = self.submitted.contains(&fill.order);
                report.check(InvariantId::FillsOfSubmitted, recorded.offset, known, || {
                    format!("fill {} is of order {}, which was never submitted", fill.fill, fill.order)
                });
            }
            _ => {}
        }
    }
}

/// Fills have the terms of the order and never exceed it, their `leaves` is exact, and none follows the order's end.
#[derive(Debug, Default)]
pub(super) struct FillsWithinOrder {
    working: BTreeMap<OrderId, (Order, Quantity)>,
    done: BTreeSet<OrderId>,
}

impl Invariant for FillsWithinOrder {
    fn observe(&mut self, recorded: &TapeFact, report: &mut CheckReport) {
        match &recorded.entry.event {
            Event::OrderSubmitted(event) if !self.done.contains(&event.order.id) => {
                self.working.entry(event.order.id).or_insert_with(|| (event.order.clone(), Quantity::ZERO));
            }
            Event::OrderFilled(fill) => self.fill(fill, recorded, report),
            Event::OrderClosed(closed) => self.close(closed, recorded, report),
            Event::OrderRejected(rejected) => {
                self.end(rejected.order);
            }
            _ => {}
        }
    }
}

impl FillsWithinOrder {
    fn end(&mut self, order: OrderId) {
        if self.working.remove(&order).is_some() {
            self.done.insert(order);
        }
    }

    fn fill(&mut self, fill: &OrderFilled, recorded: &TapeFact, report: &mut CheckReport) {
        let mut check = |holds, detail: &dyn Fn() -> String| {
            report.check(InvariantId::FillsWithinOrder, recorded.offset, holds, || {
                format!("fill {} of order {}: {}", fill.fill, fill.order, detail())
            })
        };
        let Some((order, filled)) = self.working.get_mut(&fill.order) else {
            if self.done.contains(&fill.order) {
                check(false, &|| "the exchange has finished the order".into());
            }
            return; // never submitted: another rule reports it
        };
        let terms = (order.account, order.strategy, order.instrument, order.side);
        let found = (fill.account, fill.strategy, fill.instrument, fill.side);
        check(terms == found, &|| format!("its terms are {found:?}, those of the order {terms:?}"));
        let within_limit = match order.side {
            Side::Buy => fill.price <= order.price,
            Side::Sell => fill.price >= order.price,
        };
        check(within_limit, &|| format!("{} at {}, the limit is {}", order.side, fill.price, order.price));
        *filled += fill.quantity;
        let leaves = order.quantity - *filled;
        let exact = fill.quantity.is_positive() && !leaves.is_negative() && fill.leaves == leaves;
        check(exact, &|| {
            format!("{} of {} leaves {leaves}, the fill says {}", fill.quantity, order.quantity, fill.leaves)
        });
        if !leaves.is_positive() {
            self.end(fill.order);
        }
    }

    fn close(&mut self, closed: &OrderClosed, recorded: &TapeFact, report: &mut CheckReport) {
        let Some((order, filled)) = self.working.get(&closed.order) else { return };
        let leaves = order.quantity - *filled;
        report.check(InvariantId::FillsWithinOrder, recorded.offset, closed.leaves == leaves, || {
            format!("order {} closes with {} left, its fills leave {leaves}", closed.order, closed.leaves)
        });
        self.end(closed.order);
    }
}
