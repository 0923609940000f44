//! The numbers that sources give their events, by (source, session, instrument), and those that are missing;
//! [`crate::checks`] has the rules.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tapedeck_schemas::ids::{InstrumentId, SourceId, Token};
use tapedeck_schemas::offset::Offset;

/// Most numberings kept at once. Beyond it the one that was idle longest is dropped: its next event then counts as the
/// first of a new session (a gap from 1 if the numbers continue, and only natural keys detect duplicates of old ones).
pub const NUMBERINGS_MAX: usize = 1024;

/// Most ranges of missing numbers kept for one numbering. Beyond it the oldest range is dropped: its numbers then count
/// as used, so that an event that has one of them is a duplicate.
pub const MISSING_RANGES_MAX: usize = 8;

/// Source, session and instrument: every new session numbers from 1.
pub type NumberingKey = (SourceId, Token, InstrumentId);

/// The first and the last of some consecutive numbers.
pub type NumberRange = (u64, u64);

/// One numbering, of one session of a source for one instrument.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Numbering {
    /// Greatest number.
    pub last_seq: u64,
    /// Offset of the last event.
    at: Offset,
    /// Stamp of the last event, ns.
    pub stamp: u64,
    /// Numbers that were skipped and have not arrived since, in order.
    pub missing: Vec<NumberRange>,
}

/// What the number of an event meant, compared with those before it in its numbering.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RecordedNumber {
    /// Greatest number before it; 0 for none.
    pub last_seq: u64,
    /// Whether it was missing: a gap had skipped it.
    pub was_missing: bool,
}

/// Every numbering.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Numberings {
    numberings: BTreeMap<NumberingKey, Numbering>,
}

impl Numberings {
    /// Records the number of the event at offset `at`, which JetStream stored at `stamp`. From here on the number is
    /// used, and no longer missing.
    pub fn record(&mut self, key: NumberingKey, seq: u64, at: Offset, stamp: u64) -> RecordedNumber {
        let is_known = self.numberings.contains_key(&key);
        if !is_known && self.numberings.len() >= NUMBERINGS_MAX {
            let idle_longest = self.numberings.iter().min_by_key(|(_, one)| one.at).map(|(key, _)| *key);
            idle_longest.and_then(|key| self.numberings.remove(&key));
        }
        let unused = Numbering { last_seq: 0, at, stamp, missing: Vec::new() };
        let numbering = self.numberings.entry(key).or_insert(unused);
        (numbering.at, numbering.stamp) = (at, stamp);
        numbering.record(seq)
    }

    /// Every numbering, with its key.
    pub fn iter(&self) -> impl Iterator<Item = (&NumberingKey, &Numbering)> {
        self.numberings.iter()
    }

    /// Number of numberings that are kept.
    pub fn len(&self) -> usize {
        self.numberings.len()
    }

    /// Whether no number was recorded yet.
    pub fn is_empty(&self) -> bool {
        self.numberings.is_empty()
    }
}

impl Numbering {
    fn record(&mut self, seq: u64) -> RecordedNumber {
        let last_seq = self.last_seq;
        if seq > last_seq {
            if seq - last_seq > 1 {
                self.missing.push((last_seq + 1, seq - 1));
            }
            self.last_seq = seq;
        }
        let was_missing = seq < last_seq && self.fill(seq);
        if self.missing.len() > MISSING_RANGES_MAX {
            self.missing.remove(0);
        }
        RecordedNumber { last_seq, was_missing }
    }

    /// Takes a number out of the missing ones; whether it was one.
    fn fill(&mut self, seq: u64) -> bool {
        let Some(at) = self.missing.iter().position(|(first, last)| (*first..=*last).contains(&seq)) else {
            return false;
        };
        let (first, last) = self.missing[at];
        let before = (first < seq).then(|| (first, seq - 1));
        let after = (seq < last).then(|| (seq + 1, last));
        self.missing.splice(at..=at, before.into_iter().chain(after));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(session: usize) -> NumberingKey {
        ("s".parse().unwrap(), format!("n{session}").parse().unwrap(), "v.A".parse().unwrap())
    }

    /// Records a number of session 1 at the start; the greatest number before it, and whether it was missing.
    fn record(numberings: &mut Numberings, seq: u64) -> (u64, bool) {
        let recorded = numberings.record(key(1), seq, Offset::START, 0);
        (recorded.last_seq, recorded.was_missing)
    }

    fn missing(numberings: &Numberings) -> &[NumberRange] {
        &numberings.numberings[&key(1)].missing
    }

    #[test]
    fn the_greatest_number_stays_and_sessions_are_numbered_apart() {
        let mut numberings = Numberings::default();
        let previous = [(1, 5), (1, 3), (1, 6), (2, 1)]
            .map(|(session, seq)| numberings.record(key(session), seq, Offset::START, 0).last_seq);
        assert_eq!(previous, [0, 5, 5, 0]);
        assert_eq!(record(&mut numberings, 9), (6, false));
    }

    #[test]
    fn a_skipped_number_is_missing_until_it_arrives_once() {
        let mut numberings = Numberings::default();
        assert_eq!(record(&mut numberings, 4), (0, false));
        assert_eq!(missing(&numberings), [(1, 3)], "a session begins at 1");
        for seq in [5, 10, u64::MAX] {
            record(&mut numberings, seq);
        }
        assert_eq!(missing(&numberings), [(1, 3), (6, 9), (11, u64::MAX - 1)]);
        // (number, whether it was missing, what is missing then below 11)
        let rows: [(u64, bool, &[NumberRange]); 9] = [
            (7, true, &[(1, 3), (6, 6), (8, 9)]), // splits its range
            (7, false, &[(1, 3), (6, 6), (8, 9)]),
            (1, true, &[(2, 3), (6, 6), (8, 9)]),
            (3, true, &[(2, 2), (6, 6), (8, 9)]),
            (6, true, &[(2, 2), (8, 9)]),
            (4, false, &[(2, 2), (8, 9)]),
            (2, true, &[(8, 9)]),
            (10, false, &[(8, 9)]),
            (u64::MAX, false, &[(8, 9)]),
        ];
        for (seq, was_missing, then) in rows {
            assert_eq!(record(&mut numberings, seq), (u64::MAX, was_missing), "{seq}");
            assert_eq!(missing(&numberings).split_last().unwrap().1, then, "{seq}");
        }
    }

    #[test]
    fn beyond_the_bound_the_oldest_range_is_dropped_after_a_gap_and_after_a_split() {
        let mut numberings = Numberings::default();
        for n in 1..=MISSING_RANGES_MAX as u64 {
            record(&mut numberings, n * 10);
        }
        assert_eq!((missing(&numberings).len(), missing(&numberings)[0]), (MISSING_RANGES_MAX, (1, 9)));
        record(&mut numberings, 1000); // one more gap
        assert_eq!((missing(&numberings).len(), missing(&numberings)[0]), (MISSING_RANGES_MAX, (11, 19)));
        assert_eq!(record(&mut numberings, 5), (1000, false), "it can not be filled any more");
        assert_eq!(record(&mut numberings, 500), (1000, true)); // one more range by a split
        assert_eq!((missing(&numberings).len(), missing(&numberings)[0]), (MISSING_RANGES_MAX, (21, 29)));
        assert_eq!(record(&mut numberings, 21), (1000, true));
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
        assert_eq!(numberings.record(key(0), 9, Offset::new(5002, 0), 0).last_seq, 8);
        assert_eq!(numberings.record(key(1), 9, Offset::new(5003, 0), 0).last_seq, 0);
    }
}
