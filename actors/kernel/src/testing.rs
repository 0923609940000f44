//! A test helper that the tests of every machine use. Nothing here runs in production.

use std::fmt::Debug;

use tapedeck_schemas::event::Event;
use tapedeck_schemas::offset::Offset;

use crate::machine::{Machine, step};

/// Runs one machine over the inputs, and lets a second one follow it as recovery does: the second observes each input
/// and applies the decisions of the first. Calls `check` with each input and the decisions on it.
///
/// # Panics
///
/// If the two differ in state or tape time after an input.
pub fn run_and_follow<M: Machine + Debug>(
    new: impl Fn() -> M,
    inputs: &[M::Input],
    mut check: impl FnMut(&M::Input, &[Event]),
) {
    let (mut decider, mut follower) = (new(), new());
    for (seq, input) in (1..).zip(inputs) {
        let at = Offset::new(seq, 0);
        let decided = step(&mut decider, at, input);
        check(input, &decided);
        follower.observe(at, input);
        decided.iter().for_each(|own| follower.apply(at, own));
        assert_eq!(decider.time(input), follower.time(input));
        assert_eq!(format!("{decider:?}"), format!("{follower:?}"));
    }
}
