//! Orders that risk denied: the reason, with the measured value and the limit, or the halt.

use tapedeck_schemas::event::{Denial, Event};

use super::reasons::ReasonColumns;
use super::{key, table, text, timing};
use crate::{ProjectedFact, Projection, RowOp, Table};

pub(super) struct Denials;

table!("denials_v1", append: true,
    partition BigInt Key, generation BigInt Key, seq BigInt Key, index BigInt Key,
    cause_seq BigInt Keep, cause_index BigInt Keep, at BigInt Keep, stamp BigInt Keep,
    order_id Text Keep, account Text Keep, strategy Text Keep, instrument Text Keep,
    reason Text Keep, measured Numeric Keep, limit_value Numeric Keep, check_name Text Keep,
    scope Text Keep, level Text Keep,
);

impl Projection for Denials {
    fn name(&self) -> &'static str {
        TABLE.name
    }
    fn table(&self) -> &'static Table {
        &TABLE
    }
    fn project(&self, event: &ProjectedFact<'_>, ops: &mut Vec<RowOp>) {
        let Event::OrderDenied(denied) = &event.entry.event else { return };
        let order = &denied.order;
        let names = [text(order.id), text(order.account), text(order.strategy), text(order.instrument)];
        let reason = ReasonColumns::from(&denied.denial).values();
        let [check, scope, level] = match &denied.denial {
            Denial::OverLimit { check, .. } => [text(check), None, None],
            Denial::Halted { scope, level } => [None, text(scope), text(level)],
            _ => [None, None, None],
        };
        let row = [&key(event)[..], &timing(event), &names, &reason, &[check, scope, level]].concat();
        ops.push(RowOp { table: &TABLE, row });
    }
}
