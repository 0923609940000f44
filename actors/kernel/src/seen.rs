//! Which fills a machine has taken in: a bounded memory of ids, since a venue may report an execution twice.

use std::collections::{BTreeSet, VecDeque};

use tapedeck_schemas::ids::FillId;

/// How many fills are remembered, the last to come. A venue repeats an execution soon or after a reconnect, not 65,536
/// executions later; one that did would count twice.
pub const FILLS_MAX: usize = 65_536;

/// The last fills taken in.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    ids: BTreeSet<FillId>,
    /// The oldest in front.
    queue: VecDeque<FillId>,
}

impl Seen {
    /// Remembers a fill; whether it was new.
    pub fn insert(&mut self, fill: FillId) -> bool {
        if !self.ids.insert(fill) {
            return false;
        }
        self.queue.push_back(fill);
        if self.queue.len() > FILLS_MAX
            && let Some(oldest) = self.queue.pop_front()
        {
            self.ids.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fill_is_new_once_while_it_is_among_the_last() {
        let id = |n: usize| {
            let mut id = [0; 16];
            id[..8].copy_from_slice(&(n as u64).to_be_bytes());
            FillId(id)
        };
        let mut seen = Seen::default();
        for n in 0..FILLS_MAX {
            assert!(seen.insert(id(n)));
        }
        assert!(!seen.insert(id(0)));
        assert!(seen.insert(id(FILLS_MAX)));
        assert!(!seen.insert(id(1)));
        assert!(seen.insert(id(0)), "the oldest was forgotten");
        assert_eq!((seen.ids.len(), seen.queue.len()), (FILLS_MAX, FILLS_MAX));
    }
}
