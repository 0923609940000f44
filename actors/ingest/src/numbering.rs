//! The numbers that sources give their events, by (source, session, instrument); [`crate::checks`] has the rules.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tapedeck_schemas::ids::{InstrumentId, SourceId, Token};
use tapedeck_schemas::offset::Offset;

/// Most numberings kept at once. Beyond it the one that was idle longest is dropped: its next event then counts as the
/// first of a new session (a gap from 1 if the numbers continue, and only natural keys detect duplicates of old ones).
pub const NUMBERINGS_MAX: usize = 1024;

/// Source, session and instrument: every new session numbers from 1.
pub type NumberingKey = (SourceId, Token, InstrumentId);

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct LastNumber {
    seq: u64,
    /// Offset of the last event.
    at: Offset,
    /// Stamp of the last event, ns.
    stamp: u64,
}

/// The greatest number of each numbering.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Numberings {
    last: BTreeMap<NumberingKey, LastNumber>,
}

impl Numberings {
    /// Records the number of the event at offset `at`, which JetStream stored at `stamp`. Returns the greatest number
    /// before it, 0 for none.
    pub fn record(&mut self, key: NumberingKey, seq: u64, at: Offset, stamp: u64) -> u64 {
        if let Some(last) = self.last.get_mut(&key) {
            let before = last.seq;
            *last = LastNumber { seq: before.max(seq), at, stamp };
            return before;
        }
        if self.last.len() >= NUMBERINGS_MAX {
            let idle_longest = self.last.iter().min_by_key(|(_, last)| last.at).map(|(key, _)| *key);
            idle_longest.and_then(|key| self.last.remove(&key));
        }
        self.last.insert(key, LastNumber { seq, at, stamp });
        0
    }

    /// Every numbering: its key, its greatest number, and the stamp of its last event, ns.
    pub fn iter(&self) -> impl Iterator<Item = (&NumberingKey, u64, u64)> {
        self.last.iter().map(|(key, last)| (key, last.seq, last.stamp))
    }

    /// Number of numberings that are kept.
    pub fn len(&self) -> usize {
        self.last.len()
    }

    /// Whether no number was recorded yet.
    pub fn is_empty(&self) -> bool {
        self.last.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(session: usize) -> NumberingKey {
        ("s".parse().unwrap(), format!("n{session}").parse().unwrap(), "v.A".parse().unwrap())
    }

    #[test]
    fn the_greatest_number_stays_and_sessions_are_numbered_apart() {
        let mut numberings = Numberings::default();
        let previous = [(1, 5), (1, 3), (1, 6), (2, 1)]
            .map(|(session, seq)| numberings.record(key(session), seq, Offset::START, 0));
        assert_eq!(previous, [0, 5, 5, 0]);
        assert_eq!(numberings.record(key(1), 9, Offset::START, 0), 6);
    }

    #[test]
    fn beyond_the_bound_the_numbering_that_was_idle_longest_is_dropped() {
        let mut numberings = Numberings::default();
        for n in 0..NUMBERINGS_MAX {
            numberings.record(key(n), 7, Offset::new(n as u64 + 1, 0), 0);
        }
        numberings.record(key(0), 8, Offset::new(5000, 0), 0); // from here, 1 is idle longest
        numberings.record(key(NUMBERINGS_MAX), 1, Offset::new(5001, 0), 0);
        assert_eq!(numberings.len(), NUMBERINGS_MAX);
        assert_eq!(numberings.record(key(0), 9, Offset::new(5002, 0), 0), 8);
        assert_eq!(numberings.record(key(1), 9, Offset::new(5003, 0), 0), 0);
    }
}
