//! A crash at every step: before and after each output of the driver is performed, and after each of its inputs.

use crate::model::toys::{Echo, Gate, Toy};
use crate::model::world::World;

const STEPS: usize = 250;

fn crash_at_every_step<M: Toy>(seed: u64) -> u64 {
    for step in 0.. {
        let mut world = World::<M>::new(seed);
        world.faults = false;
        world.crash_in = Some(step);
        let no_crash = world.run(STEPS).crash_in.is_some_and(|left| left < u64::MAX / 2);
        if no_crash {
            return step;
        }
    }
    unreachable!("a run has an end")
}

#[test]
fn a_crash_at_any_step_loses_and_repeats_no_decision() {
    for seed in 0..8 {
        let (echo, gate) = (crash_at_every_step::<Echo>(seed), crash_at_every_step::<Gate>(seed));
        assert!(echo > 50 && gate > 50, "only {echo} and {gate} steps: the runs are too short");
    }
}
