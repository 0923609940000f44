//! What a machine has taken in already: a bounded memory of ids, since a venue may report an execution twice, and an
//! operator's request may come twice.

use std::collections::{BTreeSet, VecDeque};

/// How many ids are remembered, the last to come. A venue repeats an execution soon or after a reconnect, not 65,536
/// executions later; one that did would count twice.
pub const SEEN_MAX: usize = 65_536;

/// The last ids taken in.
#[derive(Debug, Clone)]
pub struct RecentIds<T> {
    ids: BTreeSet<T>,
    /// The oldest in front.
    queue: VecDeque<T>,
}

impl<T> Default for RecentIds<T> {
    fn default() -> Self {
        Self { ids: BTreeSet::new(), queue: VecDeque::new() }
    }
}

impl<T: Ord + Clone> RecentIds<T> {
    /// Remembers an id; whether it was new.
    pub fn insert(&mut self, id: T) -> bool {
        if !self.ids.insert(id.clone()) {
            return false;
        }
        self.queue.push_back(id);
        if self.queue.len() > SEEN_MAX
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
    fn a_fill_is_new_once_while_it_is_among_the_last() {
        let id = |n: usize| {
            let mut id = [0; 16];
            id[..8].copy_from_slice(&(n as u64).to_be_bytes());
            FillId(id)
        };
        let mut seen = RecentIds::default();
        for n in 0..SEEN_MAX {
            assert!(seen.insert(id(n)));
        }
        assert!(!seen.insert(id(0)));
        assert!(seen.insert(id(SEEN_MAX)));
        assert!(!seen.insert(id(1)));
        assert!(seen.insert(id(0)), "the oldest was forgotten");
        assert_eq!((seen.ids.len(), seen.queue.len()), (SEEN_MAX, SEEN_MAX));
    }
}
