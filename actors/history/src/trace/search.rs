//! Finds the first fact of a chain: from the traced fact back, cause by cause. Pure.

use std::collections::BTreeMap;

use tapedeck_schemas::about::About;
use tapedeck_schemas::event::{Event, Kind};
use tapedeck_schemas::ids::OrderId;
use tapedeck_schemas::market::accepted_at;
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::Writer;

use super::TraceQuery;
use crate::fact::StoredFact;

/// Searches a tape for the traced fact and the first fact of its chain. It must be given every fact, in order.
#[derive(Debug, Default)]
pub struct RootSearch {
    /// The fact that approved or denied each order.
    orders: BTreeMap<OrderId, Offset>,
    /// Causes of signals and of facts about orders and fills: only through these does a chain go back.
    causes: BTreeMap<Offset, Offset>,
    found: Option<(Offset, Option<OrderId>)>,
}

impl RootSearch {
    /// Takes the next fact of the tape. Returns true once the traced fact is found.
    pub fn take(&mut self, query: TraceQuery, fact: &StoredFact) -> bool {
        let About { order, fill, .. } = fact.event.about();
        if matches!(fact.event.kind(), Kind::OrderApproved | Kind::OrderDenied)
            && let Some(order) = order
        {
            self.orders.insert(order, fact.offset);
        }
        let follows = fact.event.kind() == Kind::SignalRaised || order.is_some() || fill.is_some();
        if follows && fact.inbox().is_none() {
            self.causes.insert(fact.offset, fact.cause);
        }
        let of_order = |wanted| order == Some(wanted);
        let of_fill = |wanted| fill == Some(wanted);
        let is_it = match query {
            TraceQuery::At(offset) => fact.offset == offset,
            TraceQuery::Inbox(writer, generation, offset) => {
                let is_there = generation.is_none() || generation == fact.inbox_generation;
                is_there && fact.writer == writer && fact.cause == offset && answers(writer, &fact.event)
            }
            TraceQuery::Order(wanted) => of_order(wanted),
            TraceQuery::Fill(wanted) => of_fill(wanted),
            TraceQuery::Id(an_order, a_fill) => of_order(an_order) || of_fill(a_fill),
        };
        if is_it && self.found.is_none() {
            self.found = Some((fact.offset, order));
        }
        self.found.is_some()
    }

    /// Offsets of the traced fact and of the first fact of its chain; `None` if the traced fact was not found.
    pub fn found(&self) -> Option<(Offset, Offset)> {
        let (asked, order) = self.found?;
        let decided = order.and_then(|order| self.orders.get(&order)).copied().unwrap_or(asked);
        let mut first = decided;
        while let Some(cause) = self.causes.get(&first) {
            first = *cause;
        }
        Some((asked, first))
    }
}

/// Whether a fact of ingest or control records its inbox entry, and not only the clock, a gap, a bar or earlier
/// rejections that the entry brought about.
fn answers(writer: Writer, event: &Event) -> bool {
    writer != Writer::Ingest || accepted_at(event).is_some() || matches!(event, Event::Rejected(_))
}
