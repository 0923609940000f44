//! Every fact about an order, by any writer, with its reason if it has one.

use tapedeck_schemas::event::Event;

use super::reasons::ReasonColumns;
use super::{key, table, text, timing};
use crate::{ProjectedFact, Projection, RowOp, Table};

pub(super) struct OrderEvents;

table!("order_events_v1", append: true,
    partition BigInt Key, generation BigInt Key, seq BigInt Key, index BigInt Key,
    cause_seq BigInt Keep, cause_index BigInt Keep, at BigInt Keep, stamp BigInt Keep,
    order_id Text Keep, writer Text Keep, kind Text Keep, detail Text Keep,
    reason Text Keep, measured Numeric Keep, limit_value Numeric Keep,
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
            Event::OrderStatusChanged(moved) => format!("{} to {}", moved.from, moved.to),
            Event::LateReport(late) => late.report.to_string(),
            Event::OrderFilled(fill) => format!("{} at {}", fill.quantity, fill.price),
            Event::CancelRequested(requested) => requested.by.clone(),
            _ => String::new(),
        };
        let values = [text(order), text(event.writer), text(event.entry.event.kind().name()), text(detail)];
        let reason = reason(&event.entry.event).map_or_else(Default::default, ReasonColumns::values);
        let row = [&key(event)[..], &timing(event), &values, &reason].concat();
        ops.push(RowOp { table: &TABLE, row });
    }
}

/// The reason of a fact about an order, if its kind has one.
fn reason(event: &Event) -> Option<ReasonColumns> {
    Some(match event {
        Event::OrderDenied(denied) => (&denied.denial).into(),
        Event::CancelSubmitted(cancel) => ReasonColumns::plain(cancel.reason.as_str()),
        Event::OrderStatusChanged(moved) => (&moved.reason).into(),
        Event::OrderRejected(rejected) => (&rejected.reason).into(),
        Event::OrderClosed(closed) => ReasonColumns::plain(closed.reason.as_str()),
        Event::CancelRejected(rejected) => ReasonColumns::plain(rejected.reason.as_str()),
        _ => return None,
    })
}
