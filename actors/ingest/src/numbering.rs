//! The numbers that sources give their events, per (source, session, instrument); what a number means is not here.

use std::collections::BTreeMap;

use tapedeck_schemas::ids::{InstrumentId, SourceId, Token};
use tapedeck_schemas::offset::Offset;

/// Most numberings remembered at once. Beyond it the one that was silent longest is forgotten: should it speak again,
/// it counts as a new session (a gap from 1 if it goes on, and old numbers are let through to the natural keys).
pub const NUMBERINGS_MAX: usize = 1024;

/// Who numbers what: a numbering begins at 1 with every new session.
pub type NumberingKey = (SourceId, Token, InstrumentId);

#[derive(Debug, Clone, Copy)]
struct LastNumber {
    seq: u64,
    /// Where it last spoke.
    at: Offset,
    /// The broker's stamp there, ns.
    stamp: u64,
}

/// The greatest number taken in each numbering.
#[derive(Debug, Clone, Default)]
pub struct Numberings {
    last: BTreeMap<NumberingKey, LastNumber>,
}

impl Numberings {
    /// Takes the number of the event at `at`, which the broker stored at `stamp`; gives the greatest number taken
    /// before it, 0 for none.
    pub fn take(&mut self, key: NumberingKey, seq: u64, at: Offset, stamp: u64) -> u64 {
        if let Some(last) = self.last.get_mut(&key) {
            let before = last.seq;
            *last = LastNumber { seq: before.max(seq), at, stamp };
            return before;
        }
        if self.last.len() >= NUMBERINGS_MAX {
            let silent_longest = self.last.iter().min_by_key(|(_, last)| last.at).map(|(key, _)| *key);
            silent_longest.and_then(|key| self.last.remove(&key));
        }
        self.last.insert(key, LastNumber { seq, at, stamp });
        0
    }

    /// Every numbering: its key, the greatest number taken, and the broker's stamp of what came last, ns.
    pub fn iter(&self) -> impl Iterator<Item = (&NumberingKey, u64, u64)> {
        self.last.iter().map(|(key, last)| (key, last.seq, last.stamp))
    }

    /// How many numberings are remembered.
    pub fn len(&self) -> usize {
        self.last.len()
    }

    /// Whether no event was numbered yet.
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
    fn the_greatest_number_stays_and_sessions_number_apart() {
        let mut numberings = Numberings::default();
        let taken =
            [(1, 5), (1, 3), (1, 6), (2, 1)].map(|(session, seq)| numberings.take(key(session), seq, Offset::START, 0));
        assert_eq!(taken, [0, 5, 5, 0]);
        assert_eq!(numberings.take(key(1), 9, Offset::START, 0), 6);
    }

    #[test]
    fn beyond_the_bound_the_one_silent_longest_is_forgotten() {
        let mut numberings = Numberings::default();
        for n in 0..NUMBERINGS_MAX {
            numberings.take(key(n), 7, Offset::new(n as u64 + 1, 0), 0);
        }
        numberings.take(key(0), 8, Offset::new(5000, 0), 0); // speaks again, so that 1 is now silent longest
        numberings.take(key(NUMBERINGS_MAX), 1, Offset::new(5001, 0), 0);
        assert_eq!(numberings.len(), NUMBERINGS_MAX);
        assert_eq!(numberings.take(key(0), 9, Offset::new(5002, 0), 0), 8);
        assert_eq!(numberings.take(key(1), 9, Offset::new(5003, 0), 0), 0);
    }
}
