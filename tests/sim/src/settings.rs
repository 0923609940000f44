//! What a run is made of: drawn from its seed, a different mixture each time, so that no fault hides another.

use std::collections::BTreeMap;

use crate::broker::Replicas;
use crate::faults::Fault;
use crate::random::Random;

/// The settings of one run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The seed.
    pub seed: u64,
    /// On how many nodes the streams are.
    pub replicas: Replicas,
    /// Random steps before everything is healed.
    pub steps: u64,
    /// Market events that the publishers mean to publish.
    pub items: u64,
    /// Each fault comes once in so many chances; 0 is never.
    rates: BTreeMap<Fault, u64>,
}

impl Settings {
    /// Those of a seed: each fault is off in one run of three, and rare, usual or frequent in the others.
    pub fn of(seed: u64) -> Self {
        let mut random = Random::of(seed, "settings");
        let replicas = if random.one_in(2) { Replicas::Three } else { Replicas::One };
        let steps = [400, 1_000, 2_000, 3_000][random.index(4)];
        let items = random.between(20, 160);
        let mut rates = BTreeMap::new();
        for fault in Fault::ALL {
            let rate = if random.one_in(3) { 0 } else { [4, 12, 40][random.index(3)] };
            rates.insert(*fault, rate);
        }
        Self { seed, replicas, steps, items, rates }
    }

    /// The rate of a fault.
    pub fn rate(&self, fault: Fault) -> u64 {
        self.rates.get(&fault).copied().unwrap_or(0)
    }

    /// Without a fault.
    pub fn without(mut self, fault: Fault) -> Self {
        self.rates.insert(fault, 0);
        self
    }

    /// The faults that are on.
    pub fn faults(&self) -> impl Iterator<Item = Fault> {
        self.rates.iter().filter(|(_, rate)| **rate > 0).map(|(fault, _)| *fault)
    }
}
