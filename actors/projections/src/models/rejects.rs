//! Market events that ingest rejected, and gaps.

use tapedeck_schemas::event::Event;

use super::{json, key, table, text};
use crate::{ProjectedFact, Projection, RowOp, Table};

pub(super) struct Rejects;

table!("rejects_v1", append: true,
    partition BigInt Key, generation BigInt Key, seq BigInt Key, index BigInt Key,
    reason Text Keep, code Text Keep, detail Text Keep, subject Text Keep, source Text Keep, instrument Text Keep,
);

impl Projection for Rejects {
    fn name(&self) -> &'static str {
        TABLE.name
    }
    fn table(&self) -> &'static Table {
        &TABLE
    }
    fn project(&self, event: &ProjectedFact<'_>, ops: &mut Vec<RowOp>) {
        let values = match &event.entry.event {
            Event::Rejected(rejected) => vec![
                text(rejected.reason),
                text(rejected.detail.rule()),
                text(json(&rejected.detail)),
                text(&rejected.subject),
                rejected.source.map(|source| source.to_string()),
                rejected.instrument.map(|instrument| instrument.to_string()),
            ],
            Event::Gap(gap) => vec![
                text("gap"),
                None,
                text(format!("expected {}, got {}", gap.expected, gap.got)),
                None,
                text(gap.source),
                text(gap.instrument),
            ],
            _ => return,
        };
        ops.push(RowOp { table: &TABLE, row: [key(event), values].concat() });
    }
}
