//! The history of signals.

use tapedeck_schemas::event::Event;

use super::{key, table, text, timing};
use crate::{ProjectedFact, Projection, RowOp, Table};

pub(super) struct Signals;

table!("signals_v1", append: true,
    partition BigInt Key, generation BigInt Key, seq BigInt Key, index BigInt Key,
    cause_seq BigInt Keep, cause_index BigInt Keep, at BigInt Keep, stamp BigInt Keep,
    account Text Keep, strategy Text Keep, instrument Text Keep,
    target Numeric Keep, confidence Numeric Keep,
);

impl Projection for Signals {
    fn name(&self) -> &'static str {
        TABLE.name
    }
    fn table(&self) -> &'static Table {
        &TABLE
    }
    fn project(&self, event: &ProjectedFact<'_>, ops: &mut Vec<RowOp>) {
        let Event::SignalRaised(signal) = &event.entry.event else { return };
        let values = vec![
            text(signal.account),
            text(signal.strategy),
            text(signal.instrument),
            text(signal.target),
            text(signal.confidence),
        ];
        ops.push(RowOp { table: &TABLE, row: [key(event), timing(event), values].concat() });
    }
}
