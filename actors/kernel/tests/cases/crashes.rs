//! A crash at every step: between each thing the driver says and its being done, after it was done, and after
//! each thing that it is told.

use crate::model::toys::{Echo, Gate, Toy};
use crate::model::world::World;

const STEPS: usize = 250;

fn crash_at_every_step<M: Toy>(seed: u64) -> u64 {
    for step in 0.. {
        let mut world = World::<M>::new(seed);
        world.faults = false;
        world.crash_in = Some(step);
        let never_came = world.run(STEPS).crash_in.is_some_and(|left| left < u64::MAX / 2);
        if never_came {
            return step;
        }
    }
    unreachable!("a run has an end")
}

#[test]
fn a_crash_at_any_step_loses_and_doubles_nothing() {
    for seed in 0..8 {
        let (echo, gate) = (crash_at_every_step::<Echo>(seed), crash_at_every_step::<Gate>(seed));
        assert!(echo > 50 && gate > 50, "only {echo} and {gate} steps: the runs say little");
    }
}
