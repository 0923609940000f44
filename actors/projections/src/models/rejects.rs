//! Market events that ingest rejected, singly or as a sum, and gaps in numbers and in the venue's ids.

use tapedeck_schemas::event::{Event, REJECTED_MANY_CODE};
use tapedeck_schemas::ids::InstrumentId;

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
            Event::TradeIdGap(gap) => of_ids("trade_id_gap", gap.instrument, gap.expected, gap.got),
            Event::TradeIdsRestarted(fact) => {
                of_ids("trade_ids_restarted", fact.instrument, fact.last.saturating_add(1), fact.got)
            }
            _ => return,
        };
        ops.push(RowOp { table: &TABLE, row: [key(event), values].concat() });
    }
}

/// The values of a row about the venue's ids.
fn of_ids(reason: &str, instrument: InstrumentId, expected: u64, got: u64) -> Vec<Option<String>> {
    let detail = format!("expected {expected}, got {got}");
    vec![text(reason), None, text(detail), None, None, text(instrument), text(1)]
}
