//! A map for the few keys that most records have.

use std::borrow::Borrow;
use std::collections::BTreeMap;

use arrayvec::ArrayVec;

/// Number of keys that are searched in order, without a tree.
const FEW: usize = 4;

/// A map that allocates only for more than [`FEW`] keys.
#[derive(Debug)]
pub(super) struct SmallMap<K, V> {
    few: ArrayVec<(K, V), FEW>,
    many: BTreeMap<K, V>,
}

impl<K, V> Default for SmallMap<K, V> {
    fn default() -> Self {
        Self { few: ArrayVec::new(), many: BTreeMap::new() }
    }
}

impl<K: Ord, V: Copy> SmallMap<K, V> {
    /// Removes all keys.
    pub(super) fn clear(&mut self) {
        self.few.clear();
        self.many.clear();
    }

    /// The value of a key.
    pub(super) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let found = self.few.iter().find(|(one, _)| one.borrow() == key).map(|(_, value)| *value);
        found.or_else(|| self.many.get(key).copied())
    }

    /// Adds a key that the map does not hold.
    pub(super) fn insert(&mut self, key: K, value: V) {
        match self.few.is_full() {
            false => self.few.push((key, value)),
            true => drop(self.many.insert(key, value)),
        }
    }
}
