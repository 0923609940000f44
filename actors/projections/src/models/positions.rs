//! The current positions.

use tapedeck_schemas::event::Event;

use super::{table, text};
use crate::{ProjectedFact, Projection, RowOp, Table};

pub(super) struct Positions;

table!("positions_v1", append: false,
    partition BigInt Key, account Text Key, strategy Text Key, instrument Text Key,
    quantity Numeric Replace, cost Numeric Replace, average_price Numeric Replace,
    realised Numeric Replace, fees Numeric Replace, seq BigInt Replace, index BigInt Replace,
);

impl Projection for Positions {
    fn name(&self) -> &'static str {
        TABLE.name
    }
    fn table(&self) -> &'static Table {
        &TABLE
    }
    fn project(&self, event: &ProjectedFact<'_>, ops: &mut Vec<RowOp>) {
        let Event::PositionChanged(position) = &event.entry.event else { return };
        let row = vec![
            text(event.partition),
            text(position.account),
            text(position.strategy),
            text(position.instrument),
            text(position.quantity),
            text(position.cost),
            text(position.average_price),
            text(position.realised),
            text(position.fees),
            text(event.offset.seq),
            text(event.offset.index),
        ];
        ops.push(RowOp { table: &TABLE, row });
    }
}
