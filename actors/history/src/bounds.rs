//! A range resolved on one tape: its first and last offset, sequence or tape time, both inclusive.

use serde::{Deserialize, Serialize};
use tapedeck_schemas::offset::{Offset, TapeTime};

/// The first or last fact of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ResolvedBound {
    /// The fact at this offset.
    Offset(Offset),
    /// A whole record, by its sequence.
    Sequence(u64),
    /// Every fact at this tape time, ns.
    Time(TapeTime),
}

/// A range of one tape, bounds included; `None` is the beginning or the end of the tape.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RangeBounds {
    /// The first fact in the range.
    pub from: Option<ResolvedBound>,
    /// The last fact in the range.
    pub to: Option<ResolvedBound>,
}

impl RangeBounds {
    /// Whether the fact at `offset` lies before the range; `time` is the tape time at that offset, ns.
    pub fn is_before(&self, offset: Offset, time: TapeTime) -> bool {
        match self.from {
            None => false,
            Some(ResolvedBound::Offset(first)) => offset < first,
            Some(ResolvedBound::Sequence(first)) => offset.seq < first,
            Some(ResolvedBound::Time(first)) => time < first,
        }
    }

    /// Whether the fact at `offset`, and so every later fact, lies after the range; `time` as for
    /// [`RangeBounds::is_before`].
    pub fn is_after(&self, offset: Offset, time: TapeTime) -> bool {
        match self.to {
            None => false,
            Some(ResolvedBound::Offset(last)) => offset > last,
            Some(ResolvedBound::Sequence(last)) => offset.seq > last,
            Some(ResolvedBound::Time(last)) => time > last,
        }
    }

    /// The last sequence to read of a tape whose last sequence is `end`.
    pub fn last_sequence(&self, end: u64) -> u64 {
        match self.to {
            Some(ResolvedBound::Offset(Offset { seq, .. }) | ResolvedBound::Sequence(seq)) => seq.min(end),
            Some(ResolvedBound::Time(_)) | None => end,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inside(from: Option<ResolvedBound>, to: Option<ResolvedBound>) -> Vec<(u64, u32)> {
        // Three records of two facts; time stands still within the second.
        let facts = [(1, 0, 10), (1, 1, 20), (2, 0, 30), (2, 1, 30), (3, 0, 40), (3, 1, 50)];
        let bounds = RangeBounds { from, to };
        let within = |&(seq, index, time): &(u64, u32, u64)| {
            let offset = Offset::new(seq, index);
            (!bounds.is_before(offset, time) && !bounds.is_after(offset, time)).then_some((seq, index))
        };
        facts.iter().filter_map(within).collect()
    }

    #[test]
    fn both_bounds_are_in_the_range() {
        let at = |seq, index| Some(ResolvedBound::Offset(Offset::new(seq, index)));
        assert_eq!(inside(at(1, 1), at(2, 0)), [(1, 1), (2, 0)]);
        assert_eq!(inside(at(2, 1), at(2, 1)), [(2, 1)]);
        assert_eq!(inside(Some(ResolvedBound::Sequence(2)), Some(ResolvedBound::Sequence(2))), [(2, 0), (2, 1)]);
        assert_eq!(inside(Some(ResolvedBound::Time(20)), Some(ResolvedBound::Time(30))), [(1, 1), (2, 0), (2, 1)]);
        assert_eq!(inside(Some(ResolvedBound::Time(21)), Some(ResolvedBound::Time(29))), []);
        assert_eq!(inside(at(3, 0), None), [(3, 0), (3, 1)]);
        assert_eq!(inside(None, at(1, 0)), [(1, 0)]);
        assert_eq!(inside(None, None).len(), 6);
    }

    #[test]
    fn no_more_is_read_than_the_upper_bound_needs() {
        let until = |to| RangeBounds { from: None, to }.last_sequence(9);
        assert_eq!(until(Some(ResolvedBound::Offset(Offset::new(4, 1)))), 4);
        assert_eq!(until(Some(ResolvedBound::Sequence(12))), 9);
        assert_eq!((until(Some(ResolvedBound::Time(1))), until(None)), (9, 9));
    }
}
