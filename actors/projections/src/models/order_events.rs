//! Every fact about an order, by any writer.

use tapedeck_schemas::event::Event;

use super::{key, table, text, timing};
use crate::{ProjectedFact, Projection, RowOp, Table};

pub(super) struct OrderEvents;

table!("order_events_v1", append: true,
    partition BigInt Key, seq BigInt Key, index BigInt Key,
    cause_seq BigInt Keep, cause_index BigInt Keep, at BigInt Keep, stamp BigInt Keep,
    order_id Text Keep, writer Text Keep, kind Text Keep, detail Text Keep,
);

impl Projection for OrderEvents {
    fn name(&self) -> &'static str {
        TABLE.name
    }
    fn table(&self) -> &'static Table {
        &TABLE
    }
    fn project(&self, event: &ProjectedFact<'_>, ops: &mut Vec<RowOp>) {
        let (order, detail) = match &event.entry.event {
            Event::OrderApproved(approved) => (approved.order.id, String::new()),
            Event::OrderDenied(denied) => (denied.order.id, denied.check.clone()),
            Event::OrderSubmitted(submitted) => (submitted.order.id, String::new()),
            Event::CancelSubmitted(cancel) => (cancel.order, cancel.reason.to_string()),
            Event::OrderStatusChanged(moved) => {
                (moved.order, format!("{} to {}: {}", moved.from, moved.to, moved.reason))
            }
            Event::LateReport(late) => (late.order, late.report.clone()),
            Event::OrderAccepted(accepted) => (accepted.order, String::new()),
            Event::OrderRejected(rejected) => (rejected.order, rejected.reason.clone()),
            Event::OrderFilled(fill) => (fill.order, format!("{} at {}", fill.quantity, fill.price)),
            Event::OrderClosed(closed) => (closed.order, closed.reason.to_string()),
            Event::CancelRejected(rejected) => (rejected.order, rejected.reason.clone()),
            Event::CancelRequested(requested) => (requested.order, requested.by.clone()),
            _ => return,
        };
        let values = vec![text(order), text(event.writer), text(event.entry.event.kind().name()), text(detail)];
        ops.push(RowOp { table: &TABLE, row: [key(event), timing(event), values].concat() });
    }
}
