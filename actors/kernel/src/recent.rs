//! The latest ids that a machine has observed, up to a bound: an exchange may report a fill twice, a command may arrive
//! twice, and two publishers may send the same trade.

use std::collections::{BTreeSet, VecDeque};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Most ids of fills or commands that are kept. An exchange repeats a fill soon, or after a reconnect. One that is
/// repeated after 65,536 other fills would count twice.
pub const SEEN_MAX: usize = 65_536;

/// The latest ids, at most `MOST`.
#[derive(Debug, Clone)]
pub struct RecentIds<T, const MOST: usize = SEEN_MAX> {
    ids: BTreeSet<T>,
    /// In order of insertion, oldest first.
    queue: VecDeque<T>,
}

impl<T, const MOST: usize> Default for RecentIds<T, MOST> {
    fn default() -> Self {
        Self { ids: BTreeSet::new(), queue: VecDeque::new() }
    }
}

impl<T: Serialize, const MOST: usize> Serialize for RecentIds<T, MOST> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.queue.serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de> + Ord + Clone, const MOST: usize> Deserialize<'de> for RecentIds<T, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let queue = VecDeque::deserialize(deserializer)?;
        Ok(Self { ids: queue.iter().cloned().collect(), queue })
    }
}

impl<T: Ord + Clone, const MOST: usize> RecentIds<T, MOST> {
    /// Returns whether the id is one of the latest.
    pub fn contains(&self, id: &T) -> bool {
        self.ids.contains(id)
    }

    /// Number of ids that are kept.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Drops all but the latest `most` ids.
    pub fn keep_latest(&mut self, most: usize) {
        let dropped = self.queue.len().saturating_sub(most);
        for id in self.queue.drain(..dropped) {
            self.ids.remove(&id);
        }
        self.queue.shrink_to_fit();
    }

    /// Adds an id and returns whether it is new.
    pub fn insert(&mut self, id: T) -> bool {
        if !self.ids.insert(id.clone()) {
            return false;
        }
        self.queue.push_back(id);
        if self.queue.len() > MOST
            && let Some(oldest) = self.queue.pop_front()
        {
            self.ids.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use tapedeck_schemas::ids::FillId;

    use super::*;

    #[test]
    fn an_id_is_new_once_while_it_is_kept() {
        let id = |n: usize| {
            let mut id = [0; 16];
            id[..8].copy_from_slice(&(n as u64).to_be_bytes());
            FillId(id)
        };
        let mut seen = RecentIds::<FillId>::default();
        for n in 0..SEEN_MAX {
            assert!(seen.insert(id(n)));
        }
        assert!(!seen.insert(id(0)));
        assert!(seen.insert(id(SEEN_MAX)));
        assert!(!seen.insert(id(1)));
        assert!(seen.insert(id(0)), "the oldest was dropped");
        assert_eq!((seen.ids.len(), seen.queue.len()), (SEEN_MAX, SEEN_MAX));
    }
}
