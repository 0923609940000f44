//! The venue's ids of the events that were accepted: an event that another session or source has published before is
//! recognised by them.
//!
//! An id is an identity, not an order: venues restart their ids, bulk files interleave two ranges, and some ids are no
//! numbers. So an event repeats another if both have the same id, prices and quantities. An id with other values is
//! another event. The latest ids are kept, up to a bound of the partition.

use std::hash::Hasher as _;

use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;
use tapedeck_kernel::recent::RecentIds;
use tapedeck_schemas::ids::VenueId;
use tapedeck_schemas::number::{Price, Quantity};

/// Most ids of a partition that are kept. Beyond it, those of the instruments with the most are dropped, oldest first,
/// until three quarters are left: so each of 10,000 instruments keeps its latest 39 of each kind.
pub const VENUE_IDS_MAX: usize = 1 << 20;

/// Most ranges of missing trade ids of an instrument. Beyond it, the oldest is forgotten.
pub const HOLES_MAX: usize = 8;

/// An accepted event, by its id and its values: a hash of them.
pub type EventKey = u64;

/// The key of an event with this id: SipHash-1-3 under the key 0 of the id, the prices and the quantities. An absent
/// price is one of 0. Times are not in it: two publishers receive an event at different times, and give the venue's
/// time with different precision.
pub fn event_key<const N: usize>(id: &VenueId, prices: [Option<Price>; N], quantities: [Quantity; N]) -> EventKey {
    let mut hasher = SipHasher13::new();
    match id {
        VenueId::Number(number) => hasher.write(&number.to_le_bytes()),
        VenueId::Text(text) => {
            hasher.write(&[text.len() as u8]);
            hasher.write(text.as_bytes());
        }
    }
    for price in prices {
        hasher.write(&price.map_or(0, Price::units).to_le_bytes());
    }
    for quantity in quantities {
        hasher.write(&quantity.units().to_le_bytes());
    }
    hasher.finish()
}

/// The keys of one kind of an instrument, latest last.
pub type EventKeys = RecentIds<EventKey>;

/// The length to which every window must be cut so that at most `most` keys are left: those of the shortest windows
/// stay.
pub(crate) fn cut_to(mut lengths: Vec<usize>, most: usize) -> usize {
    lengths.sort_unstable();
    let mut left = most;
    for (at, length) in lengths.iter().enumerate() {
        let share = left / (lengths.len() - at);
        if *length > share {
            return share;
        }
        left -= length;
    }
    usize::MAX
}

/// The trade ids of an instrument whose definition says that they are consecutive numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsecutiveIds {
    /// The latest number that was due or began anew.
    last: Option<u64>,
    /// Ranges of numbers that were skipped and have not arrived since, oldest first; both ends are included.
    holes: Vec<(u64, u64)>,
}

/// What the number of a trade means to those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdStep {
    /// It was due, or was skipped before.
    Expected,
    /// Numbers from `expected` to the one before it were skipped.
    Skipped {
        /// The number that was due.
        expected: u64,
    },
    /// It is not above the last one, and was not skipped: the venue counts anew.
    Restarted {
        /// The last number before it.
        last: u64,
    },
}

impl ConsecutiveIds {
    /// Compares the number of a trade that is not a repetition.
    pub fn step(&self, number: u64) -> IdStep {
        match self.last {
            None => IdStep::Expected,
            Some(last) if last.checked_add(1) == Some(number) => IdStep::Expected,
            Some(last) if number > last => IdStep::Skipped { expected: last + 1 },
            Some(_) if self.holes.iter().any(|(first, last)| (*first..=*last).contains(&number)) => IdStep::Expected,
            Some(last) => IdStep::Restarted { last },
        }
    }

    /// Records the number of an accepted trade.
    pub fn accept(&mut self, number: u64) {
        match self.step(number) {
            IdStep::Skipped { expected } => self.add_hole(expected, number - 1),
            IdStep::Restarted { .. } => self.holes.clear(),
            IdStep::Expected if self.last.is_some_and(|last| number < last) => return self.fill_hole(number),
            IdStep::Expected => {}
        }
        self.last = Some(number);
    }

    fn add_hole(&mut self, first: u64, last: u64) {
        if self.holes.len() == HOLES_MAX {
            self.holes.remove(0);
        }
        self.holes.push((first, last));
    }

    /// Splits the hole with the number in what is before it and after it.
    fn fill_hole(&mut self, number: u64) {
        let Some(at) = self.holes.iter().position(|(first, last)| (*first..=*last).contains(&number)) else { return };
        let (first, last) = self.holes.remove(at);
        if number < last {
            self.holes.insert(at, (number + 1, last));
        }
        if first < number && self.holes.len() < HOLES_MAX {
            self.holes.insert(at, (first, number - 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_windows_are_cut() {
        assert_eq!(cut_to(vec![10, 2, 30], 42), usize::MAX);
        assert_eq!(cut_to(vec![10, 2, 30], 41), 29);
        assert_eq!(cut_to(vec![10, 2, 30], 12), 5, "2 + 5 + 5");
        assert_eq!(cut_to(vec![7; 3], 3), 1);
    }

    #[test]
    fn numbers_are_due_missing_or_begin_anew() {
        let mut ids = ConsecutiveIds::default();
        for (number, step) in [
            (10, IdStep::Expected),
            (11, IdStep::Expected),
            (15, IdStep::Skipped { expected: 12 }),
            (13, IdStep::Expected),
            (12, IdStep::Expected),
            (16, IdStep::Expected),
            (14, IdStep::Expected),
            (14, IdStep::Restarted { last: 16 }),
            (15, IdStep::Expected),
            (3, IdStep::Restarted { last: 15 }),
            (u64::MAX, IdStep::Skipped { expected: 4 }),
            (4, IdStep::Expected),
            (0, IdStep::Restarted { last: u64::MAX }),
        ] {
            assert_eq!(ids.step(number), step, "{number}");
            ids.accept(number);
        }
    }

    #[test]
    fn the_oldest_hole_is_forgotten() {
        let mut ids = ConsecutiveIds::default();
        (0..=HOLES_MAX as u64 + 1).for_each(|n| ids.accept(n * 10));
        assert_eq!(ids.holes.len(), HOLES_MAX);
        assert_eq!(ids.step(5), IdStep::Restarted { last: 90 });
        assert_eq!(ids.step(15), IdStep::Expected);
        (0..4).for_each(|n| ids.accept(12 + 2 * n));
        assert!(ids.holes.len() <= HOLES_MAX);
    }
}
