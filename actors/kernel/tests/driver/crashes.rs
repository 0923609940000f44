//! A process crashes at each step of a small run, and the append that it had in flight arrives at each later step or
//! never, or its successor crashes, too: no input is lost, decided twice or decided out of order.

use std::sync::Arc;

use tapedeck_kernel::driver::{Input, Output, ProcessIdentity, Stop};
use tapedeck_kernel::guard::WitnessAnswer;
use tapedeck_kernel::testing::Stepper;
use tapedeck_kernel::{Decided, Driver, InboxMessage};
use tapedeck_schemas::event::Event;
use tapedeck_schemas::generation::Generation;
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::Entry;

use crate::tape::{TAPE, Tape};
use crate::toys::{CLOCK, Echo, Gate, Toy};

/// The values of each input message, in order.
const MESSAGES: [&[u8]; 5] = [&[3], &[5, 2], &[CLOCK], &[7, 4, 1], &[2]];
/// Steps after which a run that is not at rest has failed.
const STEPS_MAX: usize = 10_000;
/// A step that no run reaches.
const NEVER: usize = usize::MAX;

/// What goes wrong, and at which step.
#[derive(Debug, Clone, Copy)]
struct Faults {
    crashes: [usize; 2],
    /// When the append arrives that the first crash left in flight.
    arrival: usize,
    /// Whether all input is there at the start, or comes when a process has nothing else to do.
    backlog: bool,
}

struct Run<M: Toy> {
    faults: Faults,
    steps: usize,
    tape: Tape,
    inbox: Vec<Vec<u8>>,
    messages: std::slice::Iter<'static, &'static [u8]>,
    inputs: Vec<(Offset, M::Input)>,
    /// The append that a crash left in flight: the expected sequence, and the record.
    in_flight: Option<(u64, Arc<[u8]>)>,
}

impl<M: Toy> Run<M> {
    fn new(faults: Faults) -> Self {
        let (tape, inbox, inputs) = (Tape::new(), Vec::new(), Vec::new());
        let mut run = Self { faults, steps: 0, tape, inbox, messages: MESSAGES.iter(), inputs, in_flight: None };
        while faults.backlog && run.write_next() {}
        run
    }

    /// Runs one process after another until one has answered all input.
    fn finish(mut self) -> Self {
        let owner = (1..10).find_map(|nonce| self.process(nonce)).expect("the processes come to an end");
        self.check(&owner);
        self
    }

    fn write_next(&mut self) -> bool {
        let Some(values) = self.messages.next() else { return false };
        self.inputs.extend(M::write(&mut self.tape, &mut self.inbox, values));
        true
    }

    /// Counts a step; `None` if the process crashes there.
    fn step(&mut self) -> Option<()> {
        self.steps += 1;
        assert!(self.steps < STEPS_MAX, "{:?}: does not come to rest", self.faults);
        if self.steps == self.faults.arrival
            && let Some((expected, payload)) = self.in_flight.take()
        {
            self.tape.append(M::WRITER, expected, &payload);
        }
        (!self.faults.crashes.contains(&self.steps)).then_some(())
    }

    /// A process, from its start until it is at rest; `None` if it crashed or was fenced.
    fn process(&mut self, nonce: u64) -> Option<Driver<M>> {
        let mut driver = Driver::follow(M::default(), TAPE, ProcessIdentity { nonce, build: "test".into() });
        driver.handle(Input::OwnLast(Some(self.tape.last_on(M::WRITER))));
        let (mut tape_next, mut inbox_next) = (1, 1);
        let (mut answer, mut reads_first) = (None, false);
        loop {
            reads_first = !reads_first;
            while let Some(output) = driver.poll() {
                self.step()?;
                match output {
                    Output::Append { attempt, expected, payload, .. } => {
                        if self.step().is_none() {
                            self.in_flight = Some((expected, payload));
                            return None;
                        }
                        let stored = self.tape.append(M::WRITER, expected, &payload);
                        answer = Some(Input::Answer { attempt, answer: stored });
                        self.step()?;
                    }
                    Output::Committed { .. } => {}
                    Output::CheckStreams(question) => {
                        let states = self.tape.streams(question, WitnessAnswer::Agrees);
                        driver.handle(Input::Streams { number: question.number, answer: Some(Box::new(states)) });
                    }
                    Output::Stopped(Stop::Fenced { .. }) => return None,
                    other => panic!("{other:?}"),
                }
            }
            self.step()?;
            if tape_next <= self.tape.last() && driver.wants_tape() && (answer.is_none() || reads_first) {
                let message = self.tape.at(tape_next);
                driver.handle(Input::Tape {
                    stamp: 0,
                    seq: tape_next,
                    subject: message.tape_subject(),
                    payload: &message.payload,
                });
                tape_next += 1;
            } else if let Some(answer) = answer.take() {
                driver.handle(answer);
            } else if inbox_next <= self.inbox.len() && driver.wants_inbox() {
                let (seq, payload) = (inbox_next as u64, &self.inbox[inbox_next - 1]);
                let (generation, stamp) = (Generation::FIRST, 10 * seq);
                driver.handle(Input::Inbox(InboxMessage { generation, seq, subject: "", stamp, payload }));
                inbox_next += 1;
            } else if !self.write_next() {
                assert!(driver.is_idle(), "{:?}: not at rest after {} steps", self.faults, self.steps);
                return Some(driver);
            }
        }
    }

    /// Compares the decisions on the tape with those of a machine that is given each input once.
    fn check(&self, owner: &Driver<M>) {
        let mut machine = Stepper::new(M::default());
        let mut expected = Vec::new();
        for (cause, input) in &self.inputs {
            let Decided { events, at } = machine.step(*cause, input);
            expected.extend((0..).zip(events).map(|(index, event)| Entry { cause: *cause, index, at, event }));
        }
        let mut recorded: Vec<Entry> = Vec::new();
        let mut epoch = 0;
        for record in self.tape.records().into_iter().filter(|record| record.header.writer == M::WRITER) {
            let last_cause = recorded.last().map(|entry| entry.cause);
            for entry in record.entries {
                match &entry.event {
                    Event::Epoch(begun) => epoch = (begun.number > epoch).then_some(begun.number).expect("a new epoch"),
                    Event::Progress(_) => {}
                    _ => {
                        assert_ne!(Some(entry.cause), last_cause, "{:?}: a cause in two records", self.faults);
                        recorded.push(entry);
                    }
                }
            }
            assert_eq!(record.header.epoch, epoch, "{:?}", self.faults);
        }
        assert_eq!(recorded, expected, "{:?}", self.faults);
        assert_eq!(owner.machine().fold(), machine.machine.fold(), "{:?}", self.faults);
    }
}

/// Tries each pair of steps: the second is the arrival, and then a second crash.
fn each_crash<M: Toy>(backlog: bool) {
    for first in 1.. {
        let run = |faults: Faults| Run::<M>::new(faults).finish();
        let alone = run(Faults { crashes: [first, NEVER], arrival: NEVER, backlog });
        if alone.steps < first {
            assert!(first > 15, "only {first} steps");
            return;
        }
        for second in first + 1..=alone.steps {
            run(Faults { crashes: [first, NEVER], arrival: second, backlog });
            run(Faults { crashes: [first, second], arrival: NEVER, backlog });
        }
    }
}

#[test]
fn a_crash_at_any_step_loses_and_repeats_no_decision() {
    for backlog in [false, true] {
        each_crash::<Echo>(backlog);
        each_crash::<Gate>(backlog);
    }
}
