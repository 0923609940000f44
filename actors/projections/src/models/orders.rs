//! The current state of orders: terms from the approval, status from the facts of execution alone.

use tapedeck_schemas::event::{Event, OrderStatus};

use super::reasons::ReasonColumns;
use super::{table, text};
use crate::{ProjectedFact, Projection, RowOp, Table};

pub(super) struct Orders;

table!("orders_v1", append: false,
    partition BigInt Key, order_id Text Key,
    account Text Keep, strategy Text Keep, instrument Text Keep, side Text Keep, quantity Numeric Keep,
    price Numeric Keep, time_in_force Text Keep, signal_seq BigInt Keep, signal_index BigInt Keep,
    approved_seq BigInt Keep, approved_stamp BigInt Keep, submitted_seq BigInt Keep,
    submitted_stamp BigInt Keep, accepted_stamp BigInt Keep,
    status Text Replace, filled Numeric Replace, reason Text Replace,
);

const COLUMNS: usize = 19;

/// A row with its key and nulls.
fn key_only(event: &ProjectedFact<'_>, order: impl ToString) -> Vec<Option<String>> {
    let mut row = vec![None; COLUMNS];
    row[0] = text(event.partition);
    row[1] = text(order);
    row
}

impl Projection for Orders {
    fn name(&self) -> &'static str {
        TABLE.name
    }
    fn table(&self) -> &'static Table {
        &TABLE
    }
    fn project(&self, event: &ProjectedFact<'_>, ops: &mut Vec<RowOp>) {
        let (seq, stamp) = (text(event.offset.seq), text(event.stamp));
        let row = match &event.entry.event {
            Event::OrderApproved(approved) => {
                let order = &approved.order;
                let mut row = key_only(event, order.id);
                let terms = [
                    text(order.account),
                    text(order.strategy),
                    text(order.instrument),
                    text(order.side.as_str()),
                    text(order.quantity),
                    text(order.price),
                    text(order.time_in_force.as_str()),
                    text(order.signal.seq),
                    text(order.signal.index),
                    seq,
                    stamp,
                ];
                row.splice(2..13, terms);
                row
            }
            Event::OrderSubmitted(submitted) => {
                let mut row = key_only(event, submitted.order.id);
                row.splice(13..15, [seq, stamp]);
                row.splice(16..18, [text(OrderStatus::Submitted), text(0)]);
                row
            }
            Event::OrderAccepted(accepted) => {
                let mut row = key_only(event, accepted.order);
                row[15] = stamp;
                row
            }
            Event::OrderStatusChanged(change) => {
                let mut row = key_only(event, change.order);
                row.splice(
                    16..19,
                    [text(change.to), text(change.filled), text(ReasonColumns::from(&change.reason).code)],
                );
                row
            }
            _ => return,
        };
        ops.push(RowOp { table: &TABLE, row });
    }
}
