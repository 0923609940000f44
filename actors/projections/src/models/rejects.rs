//! Market events that ingest rejected, singly or as a sum, and gaps.

use tapedeck_schemas::event::{Event, REJECTED_MANY_CODE};

use super::{json, key, table, text};
use crate::{ProjectedFact, Projection, RowOp, Table};

pub(super) struct Rejects;

table!("rejects_v1", append: true,
    partition BigInt Key, generation BigInt Key, seq BigInt Key, index BigInt Key,
    reason Text Keep, code Text Keep, detail Text Keep, subject Text Keep, source Text Keep, instrument Text Keep,
    count BigInt Keep,
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
                text(1),
            ],
            Event::RejectedMany(many) => vec![
                text(many.reason),
                text(REJECTED_MANY_CODE),
                text(json(many)),
                None,
                many.source.map(|source| source.to_string()),
                None,
                text(many.count),
            ],
            Event::Gap(gap) => vec![
                text("gap"),
                None,
                text(format!("expected {}, got {}", gap.expected, gap.got)),
                None,
                text(gap.source),
                text(gap.instrument),
                text(1),
            ],
            _ => return,
        };
        ops.push(RowOp { table: &TABLE, row: [key(event), values].concat() });
    }
}
