//! The settings of a run, drawn from its seed: a different mixture of faults each time, so that none hides another.

use std::collections::BTreeMap;

use crate::broker::Replicas;
use crate::faults::Fault;
use crate::random::Random;

/// The settings of one run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The seed of everything that is drawn in the run.
    pub seed: u64,
    /// The number of servers that hold each stream.
    pub replicas: Replicas,
    /// Random steps before all faults are repaired.
    pub steps: u64,
    /// Market events during the random steps.
    pub items: u64,
    /// Each fault occurs once in this many opportunities; 0 for never.
    rates: BTreeMap<Fault, u64>,
}

impl Settings {
    /// The settings of a seed: each fault is off in one run of three, and rare, usual or frequent in the others.
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

    /// A fault occurs once in this many opportunities; 0 for never.
    pub fn rate(&self, fault: Fault) -> u64 {
        self.rates.get(&fault).copied().unwrap_or(0)
    }

    /// The same settings without a fault.
    pub fn without(mut self, fault: Fault) -> Self {
        self.rates.insert(fault, 0);
        self
    }

    /// The faults that may occur.
    pub fn faults(&self) -> impl Iterator<Item = Fault> {
        self.rates.iter().filter(|(_, rate)| **rate > 0).map(|(fault, _)| *fault)
    }
}
