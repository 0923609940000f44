//! The venue's ids of the events that were accepted: an event that another session or source has published before is
//! recognised by them.
//!
//! An id is an identity, not an order: venues restart their ids, bulk files interleave two ranges, and some ids are no
//! numbers. So an event repeats another if both have the same id, prices and quantities, and times that are close. An
//! id with other values is another event, and so is one of another day. The latest ids are kept, up to a bound of the
//! partition.

use std::hash::Hasher as _;

use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;
use tapedeck_kernel::recent::RecentIds;
use tapedeck_schemas::ids::VenueId;
use tapedeck_schemas::market::BarBody;
use tapedeck_schemas::number::{Price, Quantity};

/// Most ids of a partition that are kept. Beyond it, those of the instruments with the most are dropped, oldest first,
/// until 15 of 16 are left: so a single instrument keeps its latest 983,040, and each of 10,000 its latest 32 of each
/// kind.
pub const VENUE_IDS_MAX: usize = 1 << 20;

/// Ids that are left when the oldest are dropped.
pub(crate) const VENUE_IDS_LEFT: usize = VENUE_IDS_MAX / 16 * 15;

/// Time within which equal events are one event, ns: an hour. Those that are two hours apart are two events, because
/// venues that count anew give an id to another trade. Between, either is possible.
pub const REPETITION_NS: u64 = 60 * 60 * 1_000_000_000;

/// Most ranges of missing trade ids of an instrument. Beyond it, the oldest is forgotten.
pub const HOLES_MAX: usize = 8;

/// Most ids that a gap may skip. A number further ahead is the begin of another count: one wrong number must not hide
/// the gaps that follow.
pub const SKIPPED_MAX: u64 = 1 << 20;

/// An accepted event, by its id, its values and its time: a hash of them.
pub type EventKey = u64;

/// Time after the latest quote with an id from which a quote with a known id is a quote again, ns: one second. A venue
/// sends its quote again while it does not change, and after a reconnect. Within the time, it is that of another
/// publisher.
pub const RESENT_QUOTE_NS: u64 = 1_000_000_000;

/// What makes an event with a venue's id the same as another.
///
/// Hashed with SipHash-1-3 under the key 0. Times are in it only as periods of [`REPETITION_NS`]: two publishers
/// receive an event at different times, and give the venue's time with different precision.
#[derive(Debug, Clone)]
pub struct Identity {
    values: SipHasher13,
    period: u64,
}

impl Identity {
    /// Of a trade. `at` is the venue's time, or that of the receipt if there is none, ns.
    pub fn of_trade(id: &VenueId, price: Price, quantity: Quantity, at: u64) -> Self {
        Self::new(id, [Some(price)], [quantity], at)
    }

    /// Of a quote; of each side price and size. `at` is as of a trade.
    pub fn of_quote(id: &VenueId, bid: (Option<Price>, Quantity), ask: (Option<Price>, Quantity), at: u64) -> Self {
        Self::new(id, [bid.0, ask.0], [bid.1, ask.1], at)
    }

    fn new<const N: usize>(id: &VenueId, prices: [Option<Price>; N], quantities: [Quantity; N], at: u64) -> Self {
        let mut values = SipHasher13::new();
        match id {
            VenueId::Number(number) => {
                values.write(&[0]);
                values.write(&number.to_le_bytes());
            }
            VenueId::Text(text) => {
                values.write(&[1, text.len() as u8]);
                values.write(text.as_bytes());
            }
        }
        for price in prices {
            values.write(&[u8::from(price.is_some())]);
            values.write(&price.map_or(0, Price::units).to_le_bytes());
        }
        for quantity in quantities {
            values.write(&quantity.units().to_le_bytes());
        }
        Self { values, period: at / REPETITION_NS }
    }

    /// The key under which the event is kept.
    pub fn key(&self) -> EventKey {
        self.key_in(self.period)
    }

    /// Whether an event of the same period or of one beside it is kept.
    pub(crate) fn is_in(&self, keys: &EventKeys) -> bool {
        let periods = [Some(self.period), self.period.checked_sub(1), self.period.checked_add(1)];
        periods.into_iter().flatten().any(|period| keys.contains(&self.key_in(period)))
    }

    fn key_in(&self, period: u64) -> EventKey {
        let mut hasher = self.values;
        hasher.write(&period.to_le_bytes());
        hasher.finish()
    }
}

/// The key of a published bar, which has no id: its size and window, and its values. A bar of the same window with
/// other values is a revision, and another event.
pub(crate) fn bar_key(bar: &BarBody) -> EventKey {
    let mut hasher = SipHasher13::new();
    hasher.write(bar.bar.to_string().as_bytes());
    for number in [bar.opened, bar.closed, bar.part, bar.count] {
        hasher.write(&number.to_le_bytes());
    }
    for price in [bar.open, bar.high, bar.low, bar.close] {
        hasher.write(&price.units().to_le_bytes());
    }
    hasher.write(&bar.volume.units().to_le_bytes());
    hasher.finish()
}

/// The keys of one kind of an instrument, latest last.
pub type EventKeys = RecentIds<EventKey, VENUE_IDS_MAX>;

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
    /// The latest number that was due or began anew, and `ts_recv` of its trade, ns.
    last: Option<(u64, u64)>,
    /// Ranges of numbers that were skipped and have not arrived since, oldest first; both ends are included.
    holes: Vec<(u64, u64)>,
}

/// What the number of a trade means to those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdStep {
    /// It follows the last one.
    Due,
    /// It belongs before the last one: it was skipped, or its trade was received earlier.
    Earlier,
    /// Numbers from `expected` to the one before it were skipped.
    Skipped {
        /// The number that was due.
        expected: u64,
    },
    /// The venue counts anew: it was received no earlier than the last one, is not above that, and was not skipped; or
    /// it is more than [`SKIPPED_MAX`] above it.
    Restarted {
        /// The last number before it.
        last: u64,
    },
}

impl ConsecutiveIds {
    /// Compares the number of a trade that is not a repetition; `ts_recv` is that of the trade, ns.
    pub fn step(&self, number: u64, ts_recv: u64) -> IdStep {
        let Some((last, at)) = self.last else { return IdStep::Due };
        match number.checked_sub(last) {
            Some(1) => IdStep::Due,
            Some(2..=SKIPPED_MAX) => IdStep::Skipped { expected: last + 1 },
            None if ts_recv < at || self.holes.iter().any(|(first, last)| (*first..=*last).contains(&number)) => {
                IdStep::Earlier
            }
            _ => IdStep::Restarted { last },
        }
    }

    /// Records the number of an accepted trade.
    pub fn accept(&mut self, number: u64, ts_recv: u64) {
        match self.step(number, ts_recv) {
            IdStep::Due => {}
            IdStep::Earlier => return self.fill_hole(number),
            IdStep::Skipped { expected } => self.add_hole(expected, number - 1),
            IdStep::Restarted { .. } => self.holes.clear(),
        }
        self.last = Some((number, ts_recv));
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
    fn numbers_are_due_skipped_earlier_or_begin_anew() {
        let mut ids = ConsecutiveIds::default();
        for (number, at, step) in [
            (10, 1, IdStep::Due),
            (11, 2, IdStep::Due),
            (15, 3, IdStep::Skipped { expected: 12 }),
            (13, 3, IdStep::Earlier),
            (12, 4, IdStep::Earlier),
            (16, 4, IdStep::Due),
            (14, 5, IdStep::Earlier),
            (14, 5, IdStep::Restarted { last: 16 }),
            (15, 6, IdStep::Due),
            (15, 6, IdStep::Restarted { last: 15 }),
            (3, 7, IdStep::Restarted { last: 15 }),
            (3 + SKIPPED_MAX, 8, IdStep::Skipped { expected: 4 }),
            (4 + 2 * SKIPPED_MAX, 8, IdStep::Restarted { last: 3 + SKIPPED_MAX }),
            (4, 9, IdStep::Restarted { last: 4 + 2 * SKIPPED_MAX }),
            (u64::MAX, 10, IdStep::Restarted { last: 4 }),
            (5, 10, IdStep::Restarted { last: u64::MAX }),
            (6, 11, IdStep::Due),
            (8, 12, IdStep::Skipped { expected: 7 }),
        ] {
            assert_eq!(ids.step(number, at), step, "{number}");
            ids.accept(number, at);
        }
    }

    #[test]
    fn trades_from_before_the_last_one_are_no_restart() {
        let mut ids = ConsecutiveIds::default();
        ids.accept(1000, 1000);
        (1..1000).for_each(|number| ids.accept(number, number));
        assert_eq!(ids.step(1001, 1001), IdStep::Due);
        assert_eq!(ids.step(1002, 900), IdStep::Skipped { expected: 1001 });
    }

    #[test]
    fn the_oldest_hole_is_forgotten() {
        let mut ids = ConsecutiveIds::default();
        (0..=HOLES_MAX as u64 + 1).for_each(|n| ids.accept(n * 10, 1));
        assert_eq!(ids.holes.len(), HOLES_MAX);
        assert_eq!(ids.step(5, 1), IdStep::Restarted { last: 90 });
        assert_eq!(ids.step(15, 1), IdStep::Earlier);
        (0..4).for_each(|n| ids.accept(12 + 2 * n, 1));
        assert!(ids.holes.len() <= HOLES_MAX);
    }

    #[test]
    fn identities_are_apart_by_each_part_and_by_time_beyond_two_periods() {
        let price = |text: &str| text.parse::<Price>().unwrap();
        let one = Quantity::whole(1);
        let trade = |id: &str, at| Identity::of_trade(&id.parse().unwrap(), price("1"), one, at);
        let mut keys = EventKeys::default();
        keys.insert(trade("7", 10 * REPETITION_NS).key());
        for (at, is_in) in [(8, false), (9, true), (10, true), (11, true), (12, false)] {
            assert_eq!(trade("7", at * REPETITION_NS).is_in(&keys), is_in, "{at}");
        }
        assert!(trade("7", 9 * REPETITION_NS + 1).is_in(&keys), "less than a period apart");
        let id: VenueId = "7".parse().unwrap();
        let quote = |bid, ask| Identity::of_quote(&id, (bid, one), (ask, one), 0).key();
        let (zero, two) = (Some(price("0")), Some(price("2")));
        assert_ne!(quote(None, two), quote(zero, two), "no bid is not a bid of 0");
        let eight = VenueId::Number(u64::from_le_bytes(*b"\x07abcdefg"));
        let of = |id: &VenueId| Identity::of_trade(id, price("1"), one, 0).key();
        assert_ne!(of(&eight), of(&"abcdefg".parse().unwrap()), "a text is not a number of the same bytes");
    }
}
