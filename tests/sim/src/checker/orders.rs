//! Orders, fills and fundings that must be finished when the run is at rest. The kernel's invariants check them before.

use std::collections::{BTreeMap, BTreeSet};

use tapedeck_schemas::event::Event;
use tapedeck_schemas::ids::{FillId, OrderId};
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::Entry;

use super::rules::{Checks, Rule, Violation};

/// What is not finished.
#[derive(Debug, Default)]
pub(super) struct Orders {
    /// Approved, and neither submitted nor finished.
    approved: BTreeMap<OrderId, Offset>,
    fills: BTreeSet<FillId>,
    fundings: BTreeSet<Offset>,
}

impl Orders {
    /// A fact at its offset.
    pub(super) fn fact(&mut self, at: Offset, entry: &Entry) {
        match &entry.event {
            Event::OrderApproved(fact) => {
                self.approved.insert(fact.order.id, at);
            }
            Event::OrderSubmitted(fact) => {
                self.approved.remove(&fact.order.id);
            }
            Event::OrderStatusChanged(fact) if fact.to.is_terminal() => {
                self.approved.remove(&fact.order);
            }
            Event::OrderFilled(fact) => {
                self.fills.insert(fact.fill);
            }
            Event::AccountFunded(_) => {
                self.fundings.insert(at);
            }
            Event::LedgerPosted(fact) => match fact.fill {
                Some(fill) => _ = self.fills.remove(&fill),
                None => _ = self.fundings.remove(&entry.cause),
            },
            _ => {}
        }
    }

    /// At rest all is finished.
    pub(super) fn finish(&self, checks: &mut Checks) -> Result<(), Violation> {
        checks.check(Rule::ApprovedIsFinished, self.approved.is_empty(), || {
            format!("approved, but never submitted or finished: {:?}", self.approved)
        })?;
        checks.check(Rule::FillsAreBooked, self.fills.is_empty() && self.fundings.is_empty(), || {
            format!("never booked: fills {:?}, fundings {:?}", self.fills, self.fundings)
        })
    }
}
