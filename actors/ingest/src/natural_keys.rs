//! The natural keys of one kind that were accepted for an instrument, and the ranges that gaps may have skipped.
//!
//! A key is new if it is above the greatest accepted one. A gap means that events are missing, whose keys are above the
//! greatest accepted before the gap and below the first accepted after it: a **skipped range**. An event that arrives
//! later under one of the missing numbers may have a key of such a range. Events are sent again in order, so each
//! accepted key raises the low end of its range: no key is accepted twice, even if two sources lost the same events.

use serde::{Deserialize, Serialize};

/// Most skipped ranges kept for each kind of an instrument. Beyond it the oldest is dropped: its keys are then
/// duplicates.
pub const SKIPPED_RANGES_MAX: usize = 4;

/// The natural keys of one kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NaturalKeys {
    last: Option<u64>,
    /// In order. Only the last may have no high end yet; its low end is then the greatest accepted key.
    skipped: Vec<SkippedRange>,
}

/// Keys that a gap may have skipped: those between two ends, neither of them included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct SkippedRange {
    /// `None` if no key was accepted before the gap.
    low: Option<u64>,
    /// `None` if no key was accepted since the gap.
    high: Option<u64>,
}

impl SkippedRange {
    fn contains(&self, key: u64) -> bool {
        Some(key) > self.low && self.high.is_some_and(|high| key < high)
    }

    fn is_empty(&self) -> bool {
        let first = self.low.map_or(0, |low| low.saturating_add(1));
        self.high.is_some_and(|high| first >= high)
    }
}

impl NaturalKeys {
    /// Greatest key accepted.
    pub fn last(&self) -> Option<u64> {
        self.last
    }

    /// Whether a gap may have skipped the key, and it was not accepted since.
    pub fn is_skipped(&self, key: u64) -> bool {
        self.skipped.iter().any(|range| range.contains(key))
    }

    /// Records a gap.
    pub fn open(&mut self) {
        if self.skipped.last().is_some_and(|range| range.high.is_none()) {
            return; // no key was accepted since the last gap
        }
        if self.skipped.len() == SKIPPED_RANGES_MAX {
            self.skipped.remove(0);
        }
        self.skipped.push(SkippedRange { low: self.last, high: None });
    }

    /// Records an accepted key; `was_missing`: a gap had skipped the number of its event.
    pub fn accept(&mut self, key: u64, was_missing: bool) {
        if Some(key) > self.last {
            self.last = Some(key);
            if let Some(open) = self.skipped.last_mut().filter(|range| range.high.is_none()) {
                // A key that was skipped does not end its range: more of it may follow.
                if was_missing { open.low = Some(key) } else { open.high = Some(key) }
            }
        } else if let Some(range) = self.skipped.iter_mut().find(|range| range.contains(key)) {
            range.low = Some(key);
        }
        self.skipped.retain(|range| !range.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The keys up to 200 that an event under a missing number may have, below the greatest accepted one.
    fn skipped(keys: &NaturalKeys) -> Vec<u64> {
        (0..200).filter(|key| keys.is_skipped(*key)).collect()
    }

    /// Keys 1 to `last`, then a gap.
    fn opened(last: u64) -> NaturalKeys {
        let mut keys = NaturalKeys::default();
        (1..=last).for_each(|key| keys.accept(key, false));
        keys.open();
        keys
    }

    #[test]
    fn a_gap_lets_the_keys_between_its_neighbours_be_accepted_once_in_order() {
        let mut keys = opened(4);
        assert!(skipped(&keys).is_empty(), "there is no key after the gap yet");
        keys.accept(8, false);
        assert_eq!((skipped(&keys), keys.last()), (vec![5, 6, 7], Some(8)));
        keys.accept(9, false);
        keys.accept(6, true);
        assert_eq!((skipped(&keys), keys.last()), (vec![7], Some(9)), "what is before 6 comes too late");
        keys.accept(7, true);
        assert_eq!((&keys.skipped[..], keys.last()), (&[][..], Some(9)));
    }

    #[test]
    fn a_range_without_keys_is_not_kept() {
        let mut keys = opened(4);
        keys.accept(5, false);
        assert_eq!(keys.skipped, []);
        let mut first = NaturalKeys::default();
        first.open();
        first.accept(0, false);
        assert_eq!(first.skipped, []);
        let mut max = NaturalKeys::default();
        max.accept(u64::MAX - 1, false);
        max.open();
        max.accept(u64::MAX, false);
        assert_eq!(max.skipped, []);
    }

    #[test]
    fn before_any_key_a_gap_may_skip_them_from_0() {
        let mut keys = NaturalKeys::default();
        keys.open();
        keys.accept(2, false);
        assert_eq!(skipped(&keys), [0, 1]);
        keys.accept(0, true);
        assert_eq!(skipped(&keys), [1]);
    }

    #[test]
    fn two_gaps_without_a_key_between_them_are_one_range() {
        let mut keys = opened(4);
        keys.open();
        assert_eq!(keys.skipped.len(), 1);
        keys.accept(7, false);
        keys.open();
        keys.accept(9, false);
        assert_eq!(skipped(&keys), [5, 6, 8]);
    }

    #[test]
    fn a_missing_event_above_the_greatest_key_does_not_end_the_range() {
        let mut keys = opened(4);
        keys.accept(5, true);
        assert_eq!((skipped(&keys), keys.last()), (vec![], Some(5)));
        keys.accept(8, false);
        assert_eq!(skipped(&keys), [6, 7]);
    }

    #[test]
    fn beyond_the_bound_the_oldest_range_is_dropped() {
        let mut keys = NaturalKeys::default();
        for n in 1..=SKIPPED_RANGES_MAX as u64 {
            keys.open();
            keys.accept(n * 10, false);
        }
        assert!(keys.is_skipped(5) && keys.is_skipped(35));
        keys.open();
        keys.accept(50, false);
        assert!(!keys.is_skipped(5), "it can not be filled any more");
        assert!(keys.is_skipped(15) && keys.is_skipped(45));
        assert_eq!(keys.skipped.len(), SKIPPED_RANGES_MAX);
    }
}
