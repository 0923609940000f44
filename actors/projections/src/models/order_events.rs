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
        let Some(order) = event.entry.event.about().order else { return };
        let detail = match &event.entry.event {
            Event::OrderDenied(denied) => denied.check.clone(),
            Event::CancelSubmitted(cancel) => cancel.reason.to_string(),
            Event::OrderStatusChanged(moved) => format!("{} to {}: {}", moved.from, moved.to, moved.reason),
            Event::LateReport(late) => late.report.clone(),
            Event::OrderRejected(rejected) => rejected.reason.clone(),
            Event::OrderFilled(fill) => format!("{} at {}", fill.quantity, fill.price),
            Event::OrderClosed(closed) => closed.reason.to_string(),
            Event::CancelRejected(rejected) => rejected.reason.clone(),
            Event::CancelRequested(requested) => requested.by.clone(),
            _ => String::new(),
        };
        let values = vec![text(order), text(event.writer), text(event.entry.event.kind().name()), text(detail)];
        ops.push(RowOp { table: &TABLE, row: [key(event), timing(event), values].concat() });
    }
}
