//! One driver whose inputs and answers are given one by one.

use std::sync::Arc;

use tapedeck_kernel::driver::{Input, Output, ProcessIdentity, Stop};
use tapedeck_kernel::guard::WitnessAnswer;
use tapedeck_kernel::{Answer, Driver};
use tapedeck_schemas::record::{self, Entry, Header};

use crate::tape::{TAPE, Tape};
use crate::toys::{Echo, Toy};

pub(crate) struct Bench<M: Toy> {
    pub(crate) tape: Tape,
    pub(crate) driver: Driver<M>,
    /// The last sequence that the driver has read.
    pub(crate) read: u64,
    /// Whether the questions of a standby are among the outputs.
    pub(crate) asks: bool,
    /// Whether the checks of the streams are among the outputs. Otherwise the first is answered, and the later ones
    /// are not.
    pub(crate) checks: bool,
}

/// The fields of [`Output::Append`].
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Append {
    pub(crate) attempt: u64,
    pub(crate) failures: u32,
    pub(crate) expected: u64,
    pub(crate) payload: Arc<[u8]>,
}

impl Append {
    pub(crate) fn header(&self) -> Header {
        record::decode(&self.payload).unwrap().0
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        record::decode(&self.payload).unwrap().1
    }
}

impl Bench<Echo> {
    /// An owner whose epoch is on the tape, with nothing in flight.
    pub(crate) fn owner() -> Self {
        let mut bench = Self::claiming(Tape::new());
        let epoch = bench.read_append();
        bench.commit(&epoch);
        bench
    }

    /// An owner with one decision in flight.
    pub(crate) fn appending() -> (Self, Append) {
        let mut bench = Self::owner();
        bench.price(1);
        let append = bench.read_append();
        (bench, append)
    }
}

impl<M: Toy> Bench<M> {
    /// A standby that has read nothing yet.
    pub(crate) fn following(tape: Tape) -> Self {
        let driver = Driver::follow(M::default(), TAPE, ProcessIdentity { nonce: 1, build: "bench".into() });
        Self { tape, driver, read: 0, asks: false, checks: false }
    }

    /// A driver that has read nothing yet and takes over after the last record on its subject.
    pub(crate) fn claiming(tape: Tape) -> Self {
        let mut bench = Self::following(tape);
        bench.poll();
        bench.driver.handle(Input::OwnLast(Some(bench.tape.last_on(M::WRITER))));
        bench
    }

    pub(crate) fn poll(&mut self) -> Vec<Output> {
        let mut outputs = Vec::new();
        while let Some(output) = self.driver.poll() {
            match output {
                Output::CheckStreams(question) if !self.checks => {
                    if question.number == 1 {
                        let answer = Some(Box::new(self.tape.streams(question, WitnessAnswer::Agrees)));
                        self.driver.handle(Input::Streams { number: 1, answer });
                    }
                }
                Output::AskOwner { .. } if !self.asks => {}
                output => outputs.push(output),
            }
        }
        outputs
    }

    pub(crate) fn handle(&mut self, input: Input<'_>) -> Vec<Output> {
        self.driver.handle(input);
        self.poll()
    }

    /// Hands the driver the time.
    pub(crate) fn advance(&mut self, now: u64) -> Vec<Output> {
        self.driver.advance(now);
        self.poll()
    }

    pub(crate) fn answer(&mut self, attempt: u64, answer: Answer) -> Vec<Output> {
        self.handle(Input::Answer { attempt, answer })
    }

    /// The retry that follows an answer.
    pub(crate) fn retry_after(&mut self, attempt: u64, answer: Answer) -> Append {
        only_append(self.answer(attempt, answer))
    }

    /// Reads the next message, wanted or not.
    pub(crate) fn read_next(&mut self) -> Vec<Output> {
        self.read += 1;
        let message = self.tape.at(self.read).clone();
        self.handle(Input::Tape {
            seq: self.read,
            stamp: 0,
            subject: message.tape_subject(),
            payload: &message.payload,
        })
    }

    /// Reads on as long as the driver wants to.
    pub(crate) fn read(&mut self) -> Vec<Output> {
        let mut outputs = self.poll();
        while self.read < self.tape.last() && self.driver.wants_tape() {
            outputs.extend(self.read_next());
        }
        outputs
    }

    pub(crate) fn read_append(&mut self) -> Append {
        only_append(self.read())
    }

    /// Reads on to the stop.
    pub(crate) fn read_stop(&mut self) -> Stop {
        last_stop(self.read())
    }

    /// Writes a record of ingest with one price.
    pub(crate) fn price(&mut self, value: u8) -> u64 {
        self.tape.write_values(&[value])
    }

    /// The broker stores the append, and its answer is lost.
    pub(crate) fn store(&mut self, append: &Append) -> u64 {
        match self.tape.append(M::WRITER, append.expected, &append.payload) {
            Answer::Committed(seq) => seq,
            other => panic!("{append:?}: {other:?}"),
        }
    }

    /// The broker stores the append and acknowledges it.
    pub(crate) fn commit(&mut self, append: &Append) -> u64 {
        let seq = self.store(append);
        let events = append.entries().len();
        assert_eq!(self.answer(append.attempt, Answer::Committed(seq)), [Output::Committed { seq, events }]);
        seq
    }

    /// Asserts that no input leads to an output any more.
    pub(crate) fn assert_stopped(&mut self) {
        for value in [1, 3, 5] {
            self.price(value);
        }
        while self.read < self.tape.last() {
            assert_eq!(self.read_next(), []);
        }
        for attempt in 0..9 {
            assert_eq!(self.answer(attempt, Answer::Unknown), []);
            assert_eq!(self.answer(attempt, Answer::Committed(self.tape.last())), []);
        }
        assert_eq!(self.handle(Input::Drain), []);
        assert!(!self.driver.wants_tape() && !self.driver.wants_inbox() && !self.driver.is_owner());
    }
}

/// The stop that is the last of these outputs.
pub(crate) fn last_stop(mut outputs: Vec<Output>) -> Stop {
    match outputs.pop() {
        Some(Output::Stopped(stop)) => stop,
        other => panic!("expected a stop, not {other:?}"),
    }
}

/// The one append among these outputs.
pub(crate) fn only_append(outputs: Vec<Output>) -> Append {
    let mut appends = outputs.into_iter().filter_map(|output| match output {
        Output::Append { attempt, failures, expected, payload } => {
            Some(Append { attempt, failures, expected, payload })
        }
        Output::InvalidRecord { .. } | Output::Committed { .. } => None,
        Output::AskOwner { .. } | Output::ReadOwnLast | Output::CheckStreams(_) => None,
        Output::Stopped(stop) => panic!("stopped: {stop}"),
    });
    let first = appends.next().expect("an append");
    assert_eq!(appends.next(), None, "two appends in flight");
    first
}

/// The sequence at which the last of these outputs says that the driver was fenced.
pub(crate) fn fenced_at(outputs: &[Output]) -> Option<u64> {
    match outputs.last() {
        Some(Output::Stopped(Stop::Fenced { seq, .. })) => Some(*seq),
        _ => None,
    }
}
