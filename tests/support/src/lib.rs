//! What the tests of each machine do alike: decide a script, pin the decisions by their digest, recover from them.
#![forbid(unsafe_code)]

use std::fmt::Debug;

use tapedeck_kernel::{Machine, step};
use tapedeck_schemas::event::Event;
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::{Entry, encode_entry};

/// The decisions on inputs at the offsets 1.0, 2.0 and so on, as the driver appends them.
pub fn decide_all<'a, M: Machine>(machine: &mut M, inputs: impl IntoIterator<Item = &'a M::Input>) -> Vec<Entry> {
    decide_each(machine, inputs, |_, _, _, _| ())
}

/// As [`decide_all`], beside a second new machine that observes the inputs and applies the decisions, as recovery does.
///
/// # Panics
/// If the two machines differ in state or time after any input.
pub fn assert_recovers<'a, M: Machine + Debug>(
    new: impl Fn() -> M,
    inputs: impl IntoIterator<Item = &'a M::Input>,
) -> Vec<Entry> {
    let mut recovers = new();
    decide_each(&mut new(), inputs, |decides, cause, input, events| {
        recovers.observe(cause, input);
        events.iter().for_each(|event| recovers.apply(cause, event));
        assert_eq!(decides.time(input), recovers.time(input), "time after {cause}: {input:?}");
        assert_eq!(format!("{decides:?}"), format!("{recovers:?}"), "state after {cause}: {input:?}");
    })
}

fn decide_each<'a, M: Machine>(
    machine: &mut M,
    inputs: impl IntoIterator<Item = &'a M::Input>,
    mut after_each: impl FnMut(&M, Offset, &M::Input, &[Event]),
) -> Vec<Entry> {
    let mut entries = Vec::new();
    for (seq, input) in (1..).zip(inputs) {
        let cause = Offset::new(seq, 0);
        let events = step(machine, cause, input);
        after_each(machine, cause, input, &events);
        let at = machine.time(input);
        entries.extend((0..).zip(events).map(|(index, event)| Entry { cause, index, at, event }));
    }
    entries
}

/// Asserts that the BLAKE3 hash of the decisions' bytes is the one that a test has pinned.
#[track_caller]
pub fn assert_pinned(decisions: &[Entry], digest: &str) {
    let mut bytes = Vec::new();
    decisions.iter().for_each(|entry| encode_entry(entry, &mut bytes));
    let found = blake3::hash(&bytes).to_hex();
    assert_eq!(found.as_str(), digest, "the decisions differ: raise LOGIC and pin the new digest");
}
