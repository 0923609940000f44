//! The message ids that a stream remembers for its duplicate window.

use std::collections::{BTreeMap, VecDeque};

#[derive(Debug, Clone, Default)]
pub(super) struct Dedup {
    known: BTreeMap<String, u64>,
    by_age: VecDeque<(u64, String)>,
}

impl Dedup {
    /// The sequence stored under an id.
    pub(super) fn get(&self, id: &str) -> Option<u64> {
        self.known.get(id).copied()
    }

    pub(super) fn insert(&mut self, stamp: u64, id: &str, seq: u64) {
        self.known.insert(id.into(), seq);
        self.by_age.push_back((stamp, id.into()));
    }

    /// Removes the ids that were stored a window ago or earlier.
    pub(super) fn forget(&mut self, now: u64, window: u64) {
        while self.by_age.front().is_some_and(|(stamp, _)| stamp + window <= now) {
            let (_, id) = self.by_age.pop_front().expect("just seen");
            self.known.remove(&id);
        }
    }
}
