//! The tests of the driver, by theme, and the bench that runs one driver.

mod bounds;
mod crashes;
mod outcomes;
mod random;
mod reading;
mod verifying;

use std::sync::Arc;

use tapedeck_kernel::driver::{Input, Output, Owner, Stop};
use tapedeck_kernel::{Answer, Driver};
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::{self, Entry, Writer};

use crate::model::toys::{Echo, Toy, fact_of};
use crate::model::{TAPE, Tape};

/// One driver with a tape; the test performs its outputs.
struct Bench<M: Toy> {
    tape: Tape,
    driver: Driver<M>,
    read: u64,
}

/// An append that the driver has requested.
#[derive(Debug, Clone, PartialEq)]
struct RequestedAppend {
    attempt: u64,
    failures: u32,
    expected: u64,
    payload: Arc<[u8]>,
}

impl RequestedAppend {
    fn entries(&self) -> Vec<Entry> {
        record::decode(&self.payload).unwrap().1
    }
}

impl Bench<Echo> {
    /// An idle owner whose epoch is on the tape.
    fn owner() -> Self {
        let mut bench = Self::claiming(Tape::new());
        let epoch = bench.read_append();
        bench.commit(&epoch);
        bench
    }

    /// An owner with one append in flight.
    fn with_append_in_flight() -> (Self, RequestedAppend) {
        let mut bench = Self::owner();
        bench.price(1);
        let append = bench.read_append();
        (bench, append)
    }
}

impl<M: Toy> Bench<M> {
    /// A driver that has read nothing yet.
    fn following(tape: Tape) -> Self {
        let driver = Driver::follow(M::fresh(), TAPE, Owner { nonce: 1, build: "bench".into() });
        Self { tape, driver, read: 0 }
    }

    /// A driver that has read nothing yet and takes over after the last record on its subject.
    fn claiming(tape: Tape) -> Self {
        let mut bench = Self::following(tape);
        bench.driver.take_over(bench.tape.last_on(M::WRITER));
        bench
    }

    fn poll(&mut self) -> Vec<Output> {
        std::iter::from_fn(|| self.driver.poll()).collect()
    }

    fn handle(&mut self, input: Input<'_>) -> Vec<Output> {
        self.driver.handle(input);
        self.poll()
    }

    fn answer(&mut self, attempt: u64, answer: Answer) -> Vec<Output> {
        self.handle(Input::Answer { attempt, answer })
    }

    /// The append that the driver requests after an answer.
    fn append_after(&mut self, attempt: u64, answer: Answer) -> RequestedAppend {
        only_append(self.answer(attempt, answer))
    }

    /// Passes on tape messages while the driver wants them; returns its outputs.
    fn read(&mut self) -> Vec<Output> {
        let mut outputs = self.poll();
        while self.read < self.tape.last() && self.driver.wants_tape() {
            self.read += 1;
            let message = self.tape.at(self.read).clone();
            outputs.extend(self.handle(Input::Tape {
                seq: self.read,
                writer: message.subject,
                payload: &message.payload,
            }));
        }
        outputs
    }

    fn read_append(&mut self) -> RequestedAppend {
        only_append(self.read())
    }

    /// The stop after reading the tape.
    fn read_stop(&mut self) -> Stop {
        match self.read().pop() {
            Some(Output::Stopped(stop)) => stop,
            other => panic!("expected a stop, got {other:?}"),
        }
    }

    /// Writes a price of ingest to the tape.
    fn price(&mut self, value: u8) -> u64 {
        write_values(&mut self.tape, &[value])
    }

    /// Stores a requested append on the tape.
    fn store(&mut self, append: &RequestedAppend) -> u64 {
        match self.tape.append(1, M::WRITER, append.expected, &append.payload) {
            Answer::Committed(seq) => seq,
            other => panic!("{append:?} is answered by {other:?}"),
        }
    }

    /// Stores a requested append and acknowledges it.
    fn commit(&mut self, append: &RequestedAppend) -> u64 {
        let seq = self.store(append);
        let events = append.entries().len();
        assert_eq!(self.answer(append.attempt, Answer::Committed(seq)), [Output::Committed { seq, events }]);
        seq
    }

    /// Asserts that the driver has no output for any further input.
    fn assert_stopped_for_good(&mut self) {
        for value in [1, 3, 5] {
            self.price(value);
        }
        while self.read < self.tape.last() {
            self.read += 1;
            let message = self.tape.at(self.read).clone();
            let input = Input::Tape { seq: self.read, writer: message.subject, payload: &message.payload };
            assert_eq!(self.handle(input), []);
        }
        for attempt in 0..9 {
            assert_eq!(self.answer(attempt, Answer::Unknown), []);
            assert_eq!(self.answer(attempt, Answer::Committed(self.tape.last())), []);
        }
        assert_eq!(self.handle(Input::Drain), []);
        assert!(!self.driver.wants_tape() && !self.driver.wants_inbox() && !self.driver.is_owner());
    }
}

/// A record of ingest with these values.
fn write_values(tape: &mut Tape, values: &[u8]) -> u64 {
    let time = 10 * tape.last();
    let events = values.iter().map(|&value| (Offset::new(time, 0), time, fact_of(value, time))).collect();
    tape.write(Writer::Ingest, 1, events)
}

fn only_append(outputs: Vec<Output>) -> RequestedAppend {
    let mut append = outputs.into_iter().filter_map(|output| match output {
        Output::Append { attempt, failures, expected, payload } => {
            Some(RequestedAppend { attempt, failures, expected, payload })
        }
        Output::InvalidRecord { .. } | Output::Committed { .. } => None,
        Output::Stopped(stop) => panic!("stopped: {stop}"),
    });
    let first = append.next().expect("an append");
    assert_eq!(append.next(), None, "two appends in flight");
    first
}

fn fenced_at(outputs: &[Output]) -> Option<u64> {
    match outputs.last() {
        Some(Output::Stopped(Stop::Fenced { seq, .. })) => Some(*seq),
        _ => None,
    }
}
