//! What the tests of every machine share. Nothing here runs in production.

use std::fmt::Debug;

use tapedeck_schemas::event::Event;
use tapedeck_schemas::offset::Offset;

use crate::machine::{Machine, step};

/// Steps a machine through inputs beside one that only folds what the first decided, as a group that recovers does.
/// `check` is handed each input and the decisions on it.
///
/// # Panics
///
/// Where the two are not in the same state after an input.
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
