//! Commands and their outcome, and changes of the risk state.

use tapedeck_schemas::event::Event;

use super::reasons::ReasonColumns;
use super::{json, key, table, text};
use crate::{ProjectedFact, Projection, RowOp, Table};

pub(super) struct Controls;

table!("controls_v1", append: true,
    partition BigInt Key, generation BigInt Key, seq BigInt Key, index BigInt Key,
    kind Text Keep, scope Text Keep, by Text Keep, detail Text Keep,
    reason Text Keep, measured Numeric Keep, limit_value Numeric Keep,
);

impl Projection for Controls {
    fn name(&self) -> &'static str {
        TABLE.name
    }
    fn table(&self) -> &'static Table {
        &TABLE
    }
    fn project(&self, event: &ProjectedFact<'_>, ops: &mut Vec<RowOp>) {
        let kind = event.entry.event.kind().name();
        let (scope, by, detail) = match &event.entry.event {
            Event::LimitsSet(set) => (text(set.scope), &set.by, format!("{:?}: {}", set.values, set.reason)),
            Event::WeightsSet(set) => (None, &set.by, format!("{:?}: {}", set.weights, set.reason)),
            Event::TradingHalted(halt) => (text(halt.scope), &halt.by, format!("{}: {}", halt.level, halt.reason)),
            Event::TradingResumed(resumed) => (text(resumed.scope), &resumed.by, resumed.reason.clone()),
            Event::CancelRequested(cancel) => (text(cancel.order), &cancel.by, cancel.reason.clone()),
            Event::AccountFunded(fund) => (text(fund.account), &fund.by, format!("{} {}", fund.amount, fund.currency)),
            Event::CommandRefused(refused) => (None, &refused.by, json(&refused.reason)),
            Event::RiskStateChanged(moved) => {
                (text(moved.account), &"risk".to_string(), format!("{} to {}", moved.from, moved.to))
            }
            _ => return,
        };
        let reason = match &event.entry.event {
            Event::RiskStateChanged(moved) => ReasonColumns::from(&moved.reason).values(),
            Event::CommandRefused(refused) => ReasonColumns::plain(refused.reason.code()).values(),
            _ => Default::default(),
        };
        let row = [&key(event)[..], &[text(kind), scope, text(by), text(detail)], &reason].concat();
        ops.push(RowOp { table: &TABLE, row });
    }
}
