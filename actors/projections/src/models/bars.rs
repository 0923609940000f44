//! Bars, built by ingest or published.

use tapedeck_schemas::event::Event;

use super::{key, table, text};
use crate::{ProjectedFact, Projection, RowOp, Table};

pub(super) struct BarHistory;

table!("bars_v1", append: true,
    partition BigInt Key, generation BigInt Key, seq BigInt Key, index BigInt Key,
    instrument Text Keep, bar Text Keep, opened Numeric Keep, closed Numeric Keep,
    open Numeric Keep, high Numeric Keep, low Numeric Keep, close Numeric Keep,
    volume Numeric Keep, count Numeric Keep, late Numeric Keep, source Text Keep, part Numeric Keep,
);

impl Projection for BarHistory {
    fn name(&self) -> &'static str {
        TABLE.name
    }
    fn table(&self) -> &'static Table {
        &TABLE
    }
    fn project(&self, event: &ProjectedFact<'_>, ops: &mut Vec<RowOp>) {
        let Event::Bar(bar) = &event.entry.event else { return };
        let values = vec![
            text(bar.instrument),
            text(bar.bar),
            text(bar.opened),
            text(bar.closed),
            text(bar.open),
            text(bar.high),
            text(bar.low),
            text(bar.close),
            text(bar.volume),
            text(bar.count),
            text(bar.late),
            bar.source.and_then(text),
            text(bar.part),
        ];
        ops.push(RowOp { table: &TABLE, row: [key(event), values].concat() });
    }
}
