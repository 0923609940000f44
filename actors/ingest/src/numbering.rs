//! The numbers of one session of a source for one instrument, and those that are missing. [`crate::sessions`] keeps the
//! numberings of all sources; [`crate::checks`] has the rules.

use serde::{Deserialize, Serialize};
use tapedeck_schemas::ids::Token;
use tapedeck_schemas::offset::TapeTime;

/// Most ranges of missing numbers kept for one numbering. Beyond it the oldest range is dropped: its numbers then count
/// as used, so that an event that has one of them is a duplicate.
pub const MISSING_RANGES_MAX: usize = 8;

/// The first and the last of some consecutive numbers.
pub type NumberRange = (u64, u64);

/// The times at which an event arrived.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    /// Tape time before the event, ns.
    pub now: TapeTime,
    /// Time at which JetStream stored its message, ns.
    pub stamp: u64,
}

/// One numbering, of one session of a source for one instrument.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Numbering {
    /// Name of the session.
    pub session: Token,
    /// Greatest number.
    pub last_seq: u64,
    /// When its first event arrived.
    pub(crate) begun: Arrival,
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

impl Numbering {
    pub(crate) fn new(session: Token, begun: Arrival) -> Self {
        Self { session, last_seq: 0, begun, stamp: begun.stamp, missing: Vec::new() }
    }

    /// Records a number. From here on it is used, and no longer missing. Unless `may_grow`, a new range of missing
    /// numbers replaces the oldest one, and is dropped if there is none.
    pub(crate) fn record(&mut self, seq: u64, may_grow: bool) -> RecordedNumber {
        let (last_seq, ranges) = (self.last_seq, self.missing.len());
        if seq > last_seq {
            if seq - last_seq > 1 {
                self.missing.reserve_exact(1);
                self.missing.push((last_seq + 1, seq - 1));
            }
            self.last_seq = seq;
        }
        let was_missing = seq < last_seq && self.fill(seq);
        let ranges_max = if may_grow { MISSING_RANGES_MAX } else { ranges };
        if self.missing.len() > ranges_max {
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

    fn numbering() -> Numbering {
        Numbering::new("s1".parse().unwrap(), Arrival::default())
    }

    /// Records a number; the greatest number before it, and whether it was missing.
    fn record(numbering: &mut Numbering, seq: u64) -> (u64, bool) {
        let recorded = numbering.record(seq, true);
        (recorded.last_seq, recorded.was_missing)
    }

    #[test]
    fn the_greatest_number_stays() {
        let mut numbering = numbering();
        assert_eq!([5, 3, 6, 9].map(|seq| record(&mut numbering, seq).0), [0, 5, 5, 6]);
    }

    #[test]
    fn a_skipped_number_is_missing_until_it_arrives_once() {
        let mut numbering = numbering();
        assert_eq!(record(&mut numbering, 4), (0, false));
        assert_eq!(numbering.missing, [(1, 3)], "a session begins at 1");
        for seq in [5, 10, u64::MAX] {
            record(&mut numbering, seq);
        }
        assert_eq!(numbering.missing, [(1, 3), (6, 9), (11, u64::MAX - 1)]);
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
            assert_eq!(record(&mut numbering, seq), (u64::MAX, was_missing), "{seq}");
            assert_eq!(numbering.missing.split_last().unwrap().1, then, "{seq}");
        }
    }

    #[test]
    fn beyond_the_bound_the_oldest_range_is_dropped_after_a_gap_and_after_a_split() {
        let mut numbering = numbering();
        for n in 1..=MISSING_RANGES_MAX as u64 {
            record(&mut numbering, n * 10);
        }
        assert_eq!((numbering.missing.len(), numbering.missing[0]), (MISSING_RANGES_MAX, (1, 9)));
        record(&mut numbering, 1000); // one more gap
        assert_eq!((numbering.missing.len(), numbering.missing[0]), (MISSING_RANGES_MAX, (11, 19)));
        assert_eq!(record(&mut numbering, 5), (1000, false), "it can not be filled any more");
        assert_eq!(record(&mut numbering, 500), (1000, true)); // one more range by a split
        assert_eq!((numbering.missing.len(), numbering.missing[0]), (MISSING_RANGES_MAX, (21, 29)));
        assert_eq!(record(&mut numbering, 21), (1000, true));
    }

    #[test]
    fn a_numbering_that_may_not_grow_keeps_its_newest_ranges() {
        let mut numbering = numbering();
        numbering.record(5, false);
        assert_eq!((numbering.last_seq, &numbering.missing[..]), (5, &[][..]), "there was no range to replace");
        numbering.record(8, true);
        numbering.record(12, false);
        assert_eq!(numbering.missing, [(9, 11)]);
        assert!(numbering.record(10, false).was_missing);
        assert_eq!(numbering.missing, [(11, 11)], "a split replaces the older part");
    }
}
