//! Fills, as the exchange reported them.

use tapedeck_schemas::event::Event;

use super::{key, table, text, timing};
use crate::{ProjectedFact, Projection, RowOp, Table};

pub(super) struct Fills;

table!("fills_v1", append: true,
    partition BigInt Key, generation BigInt Key, seq BigInt Key, index BigInt Key,
    cause_seq BigInt Keep, cause_index BigInt Keep, at BigInt Keep, stamp BigInt Keep,
    fill_id Text Keep, order_id Text Keep, account Text Keep, strategy Text Keep, instrument Text Keep,
    side Text Keep, price Numeric Keep, quantity Numeric Keep, leaves Numeric Keep,
    fee Numeric Keep, fee_currency Text Keep, liquidity Text Keep,
);

impl Projection for Fills {
    fn name(&self) -> &'static str {
        TABLE.name
    }
    fn table(&self) -> &'static Table {
        &TABLE
    }
    fn project(&self, event: &ProjectedFact<'_>, ops: &mut Vec<RowOp>) {
        let Event::OrderFilled(fill) = &event.entry.event else { return };
        let values = vec![
            text(fill.fill),
            text(fill.order),
            text(fill.account),
            text(fill.strategy),
            text(fill.instrument),
            text(fill.side),
            text(fill.price),
            text(fill.quantity),
            text(fill.leaves),
            text(fill.fee),
            text(fill.fee_currency),
            text(fill.liquidity),
        ];
        ops.push(RowOp { table: &TABLE, row: [key(event), timing(event), values].concat() });
    }
}
