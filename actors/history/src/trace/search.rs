//! Where a chain begins: the fact that is asked for, and from it cause by cause to the first. Pure.

use std::collections::BTreeMap;

use tapedeck_schemas::about::About;
use tapedeck_schemas::event::{Event, Kind};
use tapedeck_schemas::ids::OrderId;
use tapedeck_schemas::offset::Offset;

use super::TraceQuery;
use crate::fact::StoredFact;

/// Searches a tape for the fact that is asked for and the first of its chain. It must be shown every fact in order.
#[derive(Debug, Default)]
pub struct RootSearch {
    /// Where each order was approved or denied.
    orders: BTreeMap<OrderId, Offset>,
    causes: BTreeMap<Offset, Offset>,
    found: Option<(Offset, Option<OrderId>)>,
}

impl RootSearch {
    /// Takes the next fact; true once the search is over.
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
            TraceQuery::Inbox(writer, offset) => fact.writer == writer && fact.cause == offset && answers(&fact.event),
            TraceQuery::Order(wanted) => of_order(wanted),
            TraceQuery::Fill(wanted) => of_fill(wanted),
            TraceQuery::Id(an_order, a_fill) => of_order(an_order) || of_fill(a_fill),
        };
        if is_it && self.found.is_none() {
            self.found = Some((fact.offset, order));
        }
        self.found.is_some()
    }

    /// Offsets of the fact that was asked for and of the first of its chain; `None` if there is no such fact.
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

/// Whether a fact of ingest or control answers its inbox entry itself, and not only the time that the entry brought.
fn answers(event: &Event) -> bool {
    match event {
        Event::ClockAdvanced(_) | Event::Gap(_) => false,
        Event::Bar(bar) => bar.source.is_some(),
        _ => true,
    }
}
