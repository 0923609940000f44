//! Counts of each source's events, for monitoring. No rule reads them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tapedeck_schemas::event::{Event, RejectReason};
use tapedeck_schemas::ids::SourceId;
use tapedeck_schemas::market::accepted_at;

/// Most sources counted by name; the events of further sources are counted together under `None`.
pub const SOURCES_MAX: usize = 256;

/// The counts of one source, over all of its sessions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceCounts {
    /// Accepted events.
    pub accepted: u64,
    /// Rejected events, by reason.
    pub rejects: BTreeMap<RejectReason, u64>,
    /// Gaps in its numbers.
    pub gaps: u64,
}

/// The counts of every source.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Sources {
    counts: BTreeMap<Option<SourceId>, SourceCounts>,
}

impl Sources {
    /// Counts a fact of ingest that answers an event of `source`; `None` if the source could not be decoded.
    pub fn apply(&mut self, source: Option<SourceId>, fact: &Event) {
        match fact {
            Event::Rejected(fact) => {
                *self.of(fact.source).rejects.entry(fact.reason).or_default() += 1;
            }
            Event::Gap(fact) => self.of(Some(fact.source)).gaps += 1,
            _ if accepted_at(fact).is_some() => self.of(source).accepted += 1,
            _ => {}
        }
    }

    /// The counts of every source. `None` holds events without a readable source, and those beyond [`SOURCES_MAX`].
    pub fn iter(&self) -> impl Iterator<Item = (Option<SourceId>, &SourceCounts)> {
        self.counts.iter().map(|(source, counts)| (*source, counts))
    }

    fn of(&mut self, source: Option<SourceId>) -> &mut SourceCounts {
        let known = self.counts.contains_key(&source) || self.counts.len() < SOURCES_MAX;
        self.counts.entry(if known { source } else { None }).or_default()
    }
}
