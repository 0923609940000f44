//! What each source sent and what became of it, for whoever asks; no rule looks here.

use std::collections::BTreeMap;

use tapedeck_schemas::event::{Event, RejectReason};
use tapedeck_schemas::ids::SourceId;

/// Most sources remembered; what a further one does is counted under no name.
pub const SOURCES_MAX: usize = 256;

/// SourceCounts of one source, over all of its sessions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceCounts {
    /// Events that became facts (a heartbeat becomes none).
    pub accepted: u64,
    /// Events that were refused, by the reason.
    pub rejects: BTreeMap<RejectReason, u64>,
    /// Times that numbers were skipped.
    pub gaps: u64,
}

/// The counts of every source.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    counts: BTreeMap<Option<SourceId>, SourceCounts>,
}

impl Sources {
    /// SourceCounts a fact of ingest's that answers an event of `source`, as far as that could be read.
    pub fn apply(&mut self, source: Option<SourceId>, fact: &Event) {
        match fact {
            Event::Rejected(fact) => {
                *self.of(fact.source).rejects.entry(fact.reason).or_default() += 1;
            }
            Event::Gap(fact) => self.of(Some(fact.source)).gaps += 1,
            Event::Bar(fact) if fact.source.is_none() => {}
            Event::InstrumentDefined(_) | Event::Quote(_) | Event::Trade(_) | Event::Bar(_) => {
                self.of(source).accepted += 1;
            }
            _ => {}
        }
    }

    /// Every source's counts; under none what nobody's name could be read on.
    pub fn iter(&self) -> impl Iterator<Item = (Option<SourceId>, &SourceCounts)> {
        self.counts.iter().map(|(source, counts)| (*source, counts))
    }

    fn of(&mut self, source: Option<SourceId>) -> &mut SourceCounts {
        let known = self.counts.contains_key(&source) || self.counts.len() < SOURCES_MAX;
        self.counts.entry(if known { source } else { None }).or_default()
    }
}
