//! A test helper that the tests of every machine use. Nothing here runs in production.

use std::fmt::Debug;

use tapedeck_schemas::event::{ClockAdvanced, Event, HaltLevel, LimitsSet, Scope, TradingHalted, TradingResumed};
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::{self, Elements, Entry, Header, Writer, encode_entry};

use crate::machine::{Fact, Machine, step};

/// A millisecond, ns.
pub const MS: u64 = 1_000_000;

/// A fact at a tape time in milliseconds.
pub fn fact(writer: Writer, at_ms: u64, event: impl Into<Event>) -> Fact {
    Fact { writer, at: at_ms * MS, event: event.into() }
}

/// A `ClockAdvanced` to `at_ms`.
pub fn clock(at_ms: u64) -> Fact {
    fact(Writer::Ingest, at_ms, ClockAdvanced { time: at_ms * MS })
}

/// A fact of control. Its `at` is a stamp of JetStream, far from the tape time of the tests.
pub fn control(event: impl Into<Event>) -> Fact {
    fact(Writer::Control, 1_700_000_000_000, event)
}

/// A halt by control.
pub fn halt(scope: Scope, level: HaltLevel) -> Fact {
    control(TradingHalted { scope, level, by: "ann".into(), reason: "storm".into() })
}

/// A resume by control.
pub fn resume(scope: Scope) -> Fact {
    control(TradingResumed { scope, by: "ann".into(), reason: "calm".into() })
}

/// One parameter, set for all instruments.
///
/// # Panics
///
/// If the value is not a number.
pub fn limit(name: &str, value: &str) -> Fact {
    let values = vec![(name.into(), value.parse().expect("a number"))];
    control(LimitsSet { scope: Scope::All, values, by: "ann".into(), reason: "t".into() })
}

/// Steps a machine through the inputs and compares the digest of its recorded decisions.
///
/// # Panics
///
/// If the digest is another one: the decisions changed.
pub fn assert_decisions<M: Machine>(machine: &mut M, inputs: &[M::Input], pinned: &str) {
    let mut bytes = Vec::new();
    for (seq, input) in (1..).zip(inputs) {
        let cause = Offset::new(seq, 0);
        let events = step(machine, cause, input);
        let at = machine.time(input);
        for (index, event) in (0..).zip(events) {
            encode_entry(&Entry { cause, index, at, event }, &mut bytes);
        }
    }
    let digest = blake3::hash(&bytes).to_hex();
    assert_eq!(digest.as_str(), pinned, "decide() changed meaning: bump LOGIC and this digest");
}

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

/// Records with this header that a later build could write, each with the part that this build does not know.
pub fn records_of_a_newer_build(header: &Header) -> Vec<(&'static str, Vec<u8>)> {
    let elements = |elements: &[&[u8]]| Elements { count: elements.len(), bytes: elements.concat() };
    let record = |shared: &[&[u8]], events: &[&[u8]]| record::assemble(header, &elements(shared), &elements(events));
    let with = |event: &[u8]| record(&[], &[event]);
    let head = |kind: u16, version: u16| {
        let [high, low] = ((version - 1) << 10 | kind << 2).to_be_bytes();
        [0xcd, high, low]
    };
    let clock = [0x93, 23 << 2, 0, 5]; // [head, at, time]
    let first_bytes = |bytes: [u8; 2], after: &[u8]| {
        let mut record = [with(&clock), after.to_vec()].concat();
        record[..2].copy_from_slice(&bytes);
        record
    };
    let mut many_events = with(&clock);
    many_events.truncate(many_events.len() - clock.len() - 1);
    many_events.extend([0xdc, 0x10, 0x01]); // an array of 4,097
    (0..=record::RECORD_EVENTS_MAX).for_each(|_| many_events.extend(clock));
    let (sim_x, id): (&[u8], Vec<u8>) = (b"\xa5sim.X", [&[0xc4, 16][..], &[7; 16]].concat());
    let cancel = |reason: u8| [&[0x95][..], &head(101, 1), &[0, 0, 1, reason]].concat();
    assert!(record::decode(&record(&[&id, sim_x], &[&cancel(1)])).is_ok(), "one value is new, not more");
    vec![
        ("format", first_bytes([0x97, 99], &[])),
        ("part", first_bytes([0x98, record::FORMAT], &[0xc0])),
        ("kind", with(&[&[0x93][..], &head(99, 1), &[0, 5]].concat())),
        ("version", with(&[&[0x93][..], &head(23, 2), &[0, 5]].concat())),
        ("field", with(&[&[0x94], &clock[1..], &[6]].concat())),
        ("value of an enum", record(&[&id, sim_x], &[&cancel(99)])),
        ("type of a field", with(&[&clock[..3], &[0xc2]].concat())),
        ("text without a number", with(&[0x93, 23 << 2, 0, 0xa1, b'5'])),
        ("text that no event has", record(&[sim_x], &[&clock])),
        ("bytes after the end", [with(&clock), vec![0xc1]].concat()),
        ("more bytes", [with(&clock), vec![0; record::RECORD_BYTES_MAX]].concat()),
        ("more events", many_events),
    ]
}
