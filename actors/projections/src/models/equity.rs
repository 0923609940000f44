//! The equity of accounts over time.

use tapedeck_schemas::event::Event;

use super::{key, table, text};
use crate::{ProjectedFact, Projection, RowOp, Table};

pub(super) struct Equity;

table!("equity_v1", append: true,
    partition BigInt Key, generation BigInt Key, seq BigInt Key, index BigInt Key,
    at BigInt Keep, account Text Keep, currency Text Keep, cash Numeric Keep, position_value Numeric Keep,
    realised Numeric Keep, unrealised Numeric Keep, fees Numeric Keep, equity Numeric Keep,
    marked_at BigInt Keep,
);

impl Projection for Equity {
    fn name(&self) -> &'static str {
        TABLE.name
    }
    fn table(&self) -> &'static Table {
        &TABLE
    }
    fn project(&self, event: &ProjectedFact<'_>, ops: &mut Vec<RowOp>) {
        let Event::EquityMarked(mark) = &event.entry.event else { return };
        let values = vec![
            text(event.entry.at),
            text(mark.account),
            text(mark.currency),
            text(mark.cash),
            text(mark.position_value),
            text(mark.realised),
            text(mark.unrealised),
            text(mark.fees),
            text(mark.equity),
            mark.marked_at.and_then(text),
        ];
        ops.push(RowOp { table: &TABLE, row: [key(event), values].concat() });
    }
}
