//! Checks of a tape after a run with any faults: on the messages alone, and against a plain fold of the inputs.

use std::collections::BTreeMap;

use tapedeck_kernel::driver::{Stop, UNANSWERED_CLOCKS_MAX, UNANSWERED_INPUTS_MAX};
use tapedeck_kernel::machine::{Fact, MachineInput as _, Reads, step};
use tapedeck_kernel::{TapeRead, TapeReader, Verifier};
use tapedeck_schemas::event::Event;
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::{Entry, Writer, encode_entry};

use super::toys::Toy;
use super::world::World;
use super::{TAPE, Valid};

/// Every check on the tape of an idle run.
pub(crate) fn all<M: Toy>(world: &World<M>) {
    let records = world.tape.valid_of(M::WRITER);
    every_record_of_a_driver_chains(world, &records);
    epochs_increase::<M>(&records);
    causes_never_go_back(&records);
    times_are_those_of_the_causes(world, &records);
    decisions_equal_a_plain_fold(world, &records);
    silence_is_answered(world, &records);
    verification_finds_no_difference(world);
}

/// A machine's inputs, in order.
pub(crate) fn inputs<M: Toy>(world: &World<M>) -> Vec<(Offset, M::Input)> {
    let mut inputs = Vec::new();
    match M::reads() {
        Reads::Inbox(_) => {
            for (seq, payload) in (1..).zip(&world.inbox) {
                let entries = M::Input::from_message("", seq * 10, payload);
                inputs.extend((0..).zip(entries).map(|(index, entry)| (Offset::new(seq, index), entry)));
            }
        }
        Reads::Tape(_) => {
            for record in world.tape.valid_of(Writer::Ingest) {
                for (index, entry) in (0..).zip(record.entries) {
                    if is_drivers(&entry) {
                        continue;
                    }
                    let Entry { at, event, .. } = entry;
                    let fact = Fact { writer: Writer::Ingest, at, event };
                    inputs.push((Offset::new(record.seq, index), M::Input::from_fact(fact).unwrap()));
                }
            }
        }
    }
    inputs
}

/// The decisions of a plain fold of all inputs, and the machine at its end.
pub(crate) fn plain_fold<M: Toy>(world: &World<M>) -> (Vec<Entry>, M) {
    let mut machine = M::fresh();
    let mut entries = Vec::new();
    for (cause, input) in inputs(world) {
        let events = step(&mut machine, cause, &input);
        let at = machine.time(&input);
        entries.extend((0..).zip(events).map(|(index, event)| Entry { cause, index, at, event }));
    }
    (entries, machine)
}

fn is_drivers(entry: &Entry) -> bool {
    matches!(entry.event, Event::Epoch(_) | Event::Progress(_))
}

fn bytes(entry: &Entry) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_entry(entry, &mut bytes);
    bytes
}

fn every_record_of_a_driver_chains<M: Toy>(world: &World<M>, records: &[Valid]) {
    for (seq, message) in (1..).zip(&world.tape.messages) {
        let valid = records.iter().any(|record| record.seq == seq);
        assert!(message.author.is_none() || valid, "{seq} is a driver's, but does not chain");
    }
}

fn epochs_increase<M: Toy>(records: &[Valid]) {
    let mut number = 0;
    for Valid { seq, header, entries } in records {
        assert!(!entries.is_empty(), "{seq} is empty");
        for (at, entry) in entries.iter().enumerate() {
            let Event::Epoch(epoch) = &entry.event else { continue };
            assert_eq!(at, 0, "{seq} begins an epoch in its middle");
            assert!(epoch.number > number, "{seq} begins epoch {} after {number}", epoch.number);
            assert_eq!(epoch.logic, M::LOGIC);
            number = epoch.number;
        }
        assert_eq!(header.epoch, number, "{seq} is of another epoch than the one that runs: a fenced owner wrote it");
    }
}

fn causes_never_go_back(records: &[Valid]) {
    let mut last = Offset::START;
    for record in records {
        for entry in &record.entries {
            assert!(entry.cause >= last, "{} has the cause {} after {last}", record.seq, entry.cause);
            last = entry.cause;
        }
    }
}

fn times_are_those_of_the_causes<M: Toy>(world: &World<M>, records: &[Valid]) {
    let mut machine = M::fresh();
    let mut times = BTreeMap::from([(Offset::START, 0)]);
    for (cause, input) in inputs(world) {
        machine.observe(cause, &input);
        times.insert(cause, machine.time(&input));
    }
    for entry in records.iter().flat_map(|record| &record.entries) {
        assert_eq!(Some(&entry.at), times.get(&entry.cause), "time of {entry:?}, and of its cause");
    }
}

fn decisions_equal_a_plain_fold<M: Toy>(world: &World<M>, records: &[Valid]) {
    let (expected, machine) = plain_fold(world);
    let recorded: Vec<(u64, &Entry)> = records
        .iter()
        .flat_map(|record| record.entries.iter().map(|entry| (record.seq, entry)))
        .filter(|(_, entry)| !is_drivers(entry))
        .collect();
    for ((seq, recorded), expected) in recorded.iter().zip(&expected) {
        assert_eq!(bytes(recorded), bytes(expected), "{seq} holds {recorded:?}, a plain fold gives {expected:?}");
    }
    assert_eq!(recorded.len(), expected.len(), "decisions recorded, and those of a plain fold");
    for pair in recorded.windows(2) {
        assert!(pair[0].1.cause != pair[1].1.cause || pair[0].0 == pair[1].0, "one cause in two records: {pair:?}");
    }
    if let Some(owner) = world.nodes.iter().find(|node| node.driver.is_owner()) {
        assert_eq!(owner.driver.machine().fold(), machine.fold(), "the owner's state");
    }
}

fn silence_is_answered<M: Toy>(world: &World<M>, records: &[Valid]) {
    let answers = || records.iter().flat_map(|record| &record.entries).filter(|e| !matches!(e.event, Event::Epoch(_)));
    let (decided, _) = plain_fold(world);
    let mut causes = answers().map(|entry| entry.cause).peekable();
    let (mut unanswered_inputs, mut unanswered_clocks) = (0, 0);
    for (at, input) in inputs(world) {
        (unanswered_inputs, unanswered_clocks) =
            (unanswered_inputs + 1, unanswered_clocks + u32::from(input.is_clock()));
        while causes.next_if(|cause| *cause == at).is_some() {
            (unanswered_inputs, unanswered_clocks) = (0, 0);
        }
        assert!(unanswered_inputs < UNANSWERED_INPUTS_MAX, "{at} is the {unanswered_inputs}th input without an answer");
        assert!(unanswered_clocks < UNANSWERED_CLOCKS_MAX, "{at} is the {unanswered_clocks}th tick without an answer");
    }
    assert_eq!(causes.next(), None, "an answer to no input");
    for entry in answers().filter(|entry| matches!(entry.event, Event::Progress(_))) {
        assert!(decided.iter().all(|decision| decision.cause != entry.cause), "progress beside a decision");
    }
}

fn verification_finds_no_difference<M: Toy>(world: &World<M>) {
    let (mut reader, mut verifier) = (TapeReader::new(TAPE), Verifier::new(M::fresh()));
    let mut inbox = (1..).zip(&world.inbox);
    for (seq, message) in (1..).zip(&world.tape.messages) {
        if let TapeRead::Record(record) = reader.read(seq, message.subject, &message.payload).unwrap() {
            verifier.record(&record).unwrap();
        }
        while verifier.wants_input() {
            let (seq, payload) = inbox.next().expect("an event answers no input");
            verifier.inbox(seq, "", seq * 10, payload).unwrap();
        }
    }
    let (decided, _) = plain_fold(world);
    assert_eq!(verifier.events, decided.len() as u64, "events decided again");
    let answered = inputs(world).iter().filter(|(at, _)| *at <= verifier.progress()).count();
    assert_eq!(verifier.inputs, answered as u64, "inputs decided again");
}

/// A drained owner has answered every input that it received.
pub(crate) fn drained<M: Toy>(world: &World<M>, node: usize) {
    let node = &world.nodes[node];
    if node.stopped != Some(Stop::Drained) || node.attempt_last == 0 {
        return;
    }
    let handed = inputs(world).iter().map(|(at, _)| *at).filter(|at| *at <= node.fed).max();
    let records = world.tape.valid_of(M::WRITER);
    let answered = records.iter().flat_map(|record| &record.entries).map(|entry| entry.cause).max();
    assert!(answered >= handed, "drained at {answered:?}, but was handed {handed:?}");
}

/// Once every input is answered, each standby has the state of a plain fold.
pub(crate) fn followers_agree<M: Toy>(world: &World<M>) {
    let (_, machine) = plain_fold(world);
    for node in &world.nodes {
        assert_eq!(node.driver.machine().fold(), machine.fold(), "state of node {}", node.uid);
    }
}
