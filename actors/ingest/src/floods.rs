//! How many rejections of a source become facts of their own within a minute, and the sums of those beyond. No rule is
//! checked here.
//!
//! A minute is one of the stamps of JetStream, because rejected events do not move tape time. The sums of a minute are
//! due at the first entry of another one, of any source.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tapedeck_schemas::event::{Event, Gap, RejectReason, Rejected, RejectedMany};
use tapedeck_schemas::ids::SourceId;
use tapedeck_schemas::market::accepted_at;

use crate::sessions::Numberings;

/// Most rejections of a source within a minute that have a fact of their own.
pub const SINGLE_REJECTIONS_MAX: u32 = 100;

/// Most sources without numbers whose rejections are counted by name within a minute. Those of further ones count with
/// those of unreadable sources.
pub const UNNUMBERED_SOURCES_MAX: usize = 8;

/// Length of a minute, ns.
const MINUTE_NS: u64 = 60_000_000_000;

/// A rejection without a fact of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SummedRejection {
    /// The fact that it would have.
    pub rejected: Rejected,
    /// Source under which it counts.
    pub source: Option<SourceId>,
    /// The gap before the event, which has no fact either.
    pub gap: Option<Gap>,
}

impl SummedRejection {
    fn key(&self) -> (Option<SourceId>, RejectReason) {
        (self.source, self.rejected.reason)
    }

    fn sum(&self) -> Sum {
        let seq = self.rejected.seq;
        Sum { count: 1, first_seq: seq, last_seq: seq, gaps: u64::from(self.gap.is_some()) }
    }
}

/// Rejections by source and reason.
type Sums = BTreeMap<(Option<SourceId>, RejectReason), Sum>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Sum {
    count: u64,
    first_seq: Option<u64>,
    last_seq: Option<u64>,
    gaps: u64,
}

/// The rejections of this minute, and the sums that are not on the tape yet.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Floods {
    /// Number of the minute of the last stamp.
    minute: u64,
    /// Rejections of this minute with a fact of their own.
    singles: BTreeMap<Option<SourceId>, u32>,
    /// The other ones of this minute.
    sums: Sums,
    /// Those of earlier minutes.
    due: Sums,
    /// That of the last entry, unless a fact has answered it.
    last: Option<SummedRejection>,
}

impl Floods {
    /// Begins with the next entry.
    pub(crate) fn begin(&mut self, stamp: u64) {
        if let Some(one) = self.last.take() {
            add(&mut self.sums, one.key(), one.sum());
        }
        // The entry before has answered all that was due. A fact of another `LOGIC` may have had another reason.
        self.due.clear();
        let minute = stamp / MINUTE_NS;
        // Stamps step back where another server leads the stream, or a clock was corrected.
        if minute != self.minute {
            self.minute = minute;
            self.singles.clear();
            for (key, sum) in std::mem::take(&mut self.sums) {
                add(&mut self.due, key, sum);
            }
        }
    }

    /// The source under which a rejection counts.
    pub(crate) fn counted(&self, source: Option<SourceId>, numberings: &Numberings) -> Option<SourceId> {
        source.filter(|source| {
            numberings.knows(source) || self.singles.contains_key(&Some(*source)) || {
                let unnumbered = |known: &&Option<SourceId>| known.is_some_and(|known| !numberings.knows(&known));
                self.singles.keys().filter(unnumbered).count() < UNNUMBERED_SOURCES_MAX
            }
        })
    }

    /// Whether a further rejection of the source has no fact of its own.
    pub(crate) fn is_full(&self, source: Option<SourceId>) -> bool {
        self.singles.get(&source).is_some_and(|singles| *singles >= SINGLE_REJECTIONS_MAX)
    }

    /// The entry is rejected without a fact of its own.
    pub(crate) fn sum(&mut self, rejection: SummedRejection) {
        self.last = Some(rejection);
    }

    /// Applies a fact on an entry whose rejection counts under `source`.
    pub(crate) fn apply(&mut self, source: Option<SourceId>, fact: &Event) {
        match fact {
            Event::RejectedMany(fact) => drop(self.due.remove(&(fact.source, fact.reason))),
            Event::Rejected(_) => {
                let singles = self.singles.entry(source).or_default();
                *singles = singles.saturating_add(1);
                self.last = None;
            }
            _ if accepted_at(fact).is_some() => self.last = None,
            _ => {}
        }
    }

    /// The rejection of the last entry, if it has no fact of its own.
    pub(crate) fn last(&self) -> Option<&SummedRejection> {
        self.last.as_ref()
    }

    /// The facts that are due.
    pub(crate) fn due(&self) -> impl Iterator<Item = RejectedMany> {
        self.due.iter().map(fact)
    }

    /// The rejections that no fact on the tape counts.
    pub(crate) fn unwritten(&self) -> impl Iterator<Item = RejectedMany> {
        let last = self.last.iter().map(|one| fact((&one.key(), &one.sum())));
        self.due().chain(self.sums.iter().map(fact)).chain(last)
    }
}

/// Adds later rejections to those of a source and reason.
fn add(sums: &mut Sums, key: (Option<SourceId>, RejectReason), later: Sum) {
    let add = |sum: &mut Sum| {
        let (count, gaps) = (sum.count + later.count, sum.gaps + later.gaps);
        *sum = Sum { count, last_seq: later.last_seq, gaps, ..*sum };
    };
    sums.entry(key).and_modify(add).or_insert(later);
}

fn fact((&(source, reason), sum): (&(Option<SourceId>, RejectReason), &Sum)) -> RejectedMany {
    let Sum { count, first_seq, last_seq, gaps } = *sum;
    RejectedMany { source, reason, count, first_seq, last_seq, gaps }
}
