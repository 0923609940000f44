//! Orders that risk denied, with the measured value and the limit.

use tapedeck_schemas::event::Event;

use super::{key, table, text, timing};
use crate::{ProjectedFact, Projection, RowOp, Table};

pub(super) struct Denials;

table!("denials_v1", append: true,
    partition BigInt Key, seq BigInt Key, index BigInt Key,
    cause_seq BigInt Keep, cause_index BigInt Keep, at BigInt Keep, stamp BigInt Keep,
    order_id Text Keep, account Text Keep, strategy Text Keep, instrument Text Keep,
    check_name Text Keep, measured Numeric Keep, limit_value Numeric Keep,
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
        let values = vec![
            text(order.id),
            text(order.account),
            text(order.strategy),
            text(order.instrument),
            text(&denied.check),
            text(denied.measured),
            text(denied.limit),
        ];
        ops.push(RowOp { table: &TABLE, row: [key(event), timing(event), values].concat() });
    }
}
