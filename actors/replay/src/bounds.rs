//! The ends of a stretch of one tape, both of them in it, once it is known what they are on this tape.

use serde::{Deserialize, Serialize};
use tapedeck_schemas::offset::{Offset, TapeTime};

/// One end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ResolvedBound {
    /// One fact.
    Offset(Offset),
    /// A whole record, by its sequence.
    Sequence(u64),
    /// Every fact at this tape time, ns.
    Time(TapeTime),
}

/// Both ends; none: the tape's own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RangeBounds {
    /// The first that is in it.
    pub from: Option<ResolvedBound>,
    /// The last that is in it.
    pub to: Option<ResolvedBound>,
}

impl RangeBounds {
    /// Whether a fact stands before the stretch; `time` is the tape's time there, which never goes back.
    pub fn is_before(&self, offset: Offset, time: TapeTime) -> bool {
        match self.from {
            None => false,
            Some(ResolvedBound::Offset(first)) => offset < first,
            Some(ResolvedBound::Sequence(first)) => offset.seq < first,
            Some(ResolvedBound::Time(first)) => time < first,
        }
    }

    /// Whether a fact stands behind the stretch, and so all that follow it.
    pub fn is_behind(&self, offset: Offset, time: TapeTime) -> bool {
        match self.to {
            None => false,
            Some(ResolvedBound::Offset(last)) => offset > last,
            Some(ResolvedBound::Sequence(last)) => offset.seq > last,
            Some(ResolvedBound::Time(last)) => time > last,
        }
    }

    /// The last sequence that need be read of a tape that ends at `end`.
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
            (!bounds.is_before(offset, time) && !bounds.is_behind(offset, time)).then_some((seq, index))
        };
        facts.iter().filter_map(within).collect()
    }

    #[test]
    fn both_ends_are_in_the_stretch() {
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
    fn no_more_is_read_than_the_end_asks_for() {
        let until = |to| RangeBounds { from: None, to }.last_sequence(9);
        assert_eq!(until(Some(ResolvedBound::Offset(Offset::new(4, 1)))), 4);
        assert_eq!(until(Some(ResolvedBound::Sequence(12))), 9);
        assert_eq!((until(Some(ResolvedBound::Time(1))), until(None)), (9, 9));
    }
}
