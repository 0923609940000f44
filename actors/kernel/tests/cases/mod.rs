//! What is established about the driver, by theme, and the bench that directed cases stand on.

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

/// One driver, told everything by hand.
struct Bench<M: Toy> {
    tape: Tape,
    driver: Driver<M>,
    read: u64,
}

/// An append that the driver asked for.
#[derive(Debug, Clone, PartialEq)]
struct Asked {
    attempt: u64,
    failures: u32,
    expected: u64,
    payload: Arc<[u8]>,
}

impl Asked {
    fn entries(&self) -> Vec<Entry> {
        record::decode(&self.payload).unwrap().1
    }
}

impl Bench<Echo> {
    /// An owner whose epoch is on the tape, at rest.
    fn owner() -> Self {
        let mut bench = Self::claiming(Tape::new());
        let epoch = bench.read_asked();
        bench.commit(&epoch);
        bench
    }

    /// An owner with one decision on its way.
    fn asking() -> (Self, Asked) {
        let mut bench = Self::owner();
        bench.price(1);
        let asked = bench.read_asked();
        (bench, asked)
    }
}

impl<M: Toy> Bench<M> {
    /// A driver that has read nothing yet.
    fn following(tape: Tape) -> Self {
        let driver = Driver::follow(M::fresh(), TAPE, Owner { nonce: 1, build: "bench".into() });
        Self { tape, driver, read: 0 }
    }

    /// A driver that has read nothing yet and takes over behind what a leader's read gives.
    fn claiming(tape: Tape) -> Self {
        let mut bench = Self::following(tape);
        bench.driver.take_over(bench.tape.last_on(M::WRITER));
        bench
    }

    fn poll(&mut self) -> Vec<Output> {
        std::iter::from_fn(|| self.driver.poll()).collect()
    }

    fn tell(&mut self, input: Input<'_>) -> Vec<Output> {
        self.driver.handle(input);
        self.poll()
    }

    fn answer(&mut self, attempt: u64, answer: Answer) -> Vec<Output> {
        self.tell(Input::Answer { attempt, answer })
    }

    /// An answer after which the driver must ask again.
    fn asks_after(&mut self, attempt: u64, answer: Answer) -> Asked {
        only_append(self.answer(attempt, answer))
    }

    /// Hands on what the driver wants of the tape, and gives what it then says.
    fn read(&mut self) -> Vec<Output> {
        let mut outputs = self.poll();
        while self.read < self.tape.last() && self.driver.wants_tape() {
            self.read += 1;
            let message = self.tape.at(self.read).clone();
            outputs.extend(self.tell(Input::Tape {
                seq: self.read,
                writer: message.subject,
                payload: &message.payload,
            }));
        }
        outputs
    }

    fn read_asked(&mut self) -> Asked {
        only_append(self.read())
    }

    /// The stop that reading on leads to.
    fn read_stop(&mut self) -> Stop {
        match self.read().pop() {
            Some(Output::Stopped(stop)) => stop,
            other => panic!("should have stopped, says {other:?}"),
        }
    }

    /// A price from ingest lands on the tape.
    fn price(&mut self, value: u8) -> u64 {
        write_values(&mut self.tape, &[value])
    }

    /// The broker takes what was asked.
    fn store(&mut self, asked: &Asked) -> u64 {
        match self.tape.append(1, M::WRITER, asked.expected, &asked.payload) {
            Answer::Committed(seq) => seq,
            other => panic!("{asked:?} met {other:?}"),
        }
    }

    /// The broker takes what was asked and says so.
    fn commit(&mut self, asked: &Asked) -> u64 {
        let seq = self.store(asked);
        let events = asked.entries().len();
        assert_eq!(self.answer(asked.attempt, Answer::Committed(seq)), [Output::Committed { seq, events }]);
        seq
    }

    /// Whatever it hears from here on, it says nothing.
    fn assert_silent_for_good(&mut self) {
        for value in [1, 3, 5] {
            self.price(value);
        }
        while self.read < self.tape.last() {
            self.read += 1;
            let message = self.tape.at(self.read).clone();
            let input = Input::Tape { seq: self.read, writer: message.subject, payload: &message.payload };
            assert_eq!(self.tell(input), []);
        }
        for attempt in 0..9 {
            assert_eq!(self.answer(attempt, Answer::Unknown), []);
            assert_eq!(self.answer(attempt, Answer::Committed(self.tape.last())), []);
        }
        assert_eq!(self.tell(Input::Drain), []);
        assert!(!self.driver.wants_tape() && !self.driver.wants_inbox() && !self.driver.is_owner());
    }
}

/// A record of ingest with these values.
fn write_values(tape: &mut Tape, values: &[u8]) -> u64 {
    let time = 10 * tape.last();
    let events = values.iter().map(|&value| (Offset::new(time, 0), time, fact_of(value, time))).collect();
    tape.write(Writer::Ingest, 1, events)
}

fn only_append(outputs: Vec<Output>) -> Asked {
    let mut asked = outputs.into_iter().filter_map(|output| match output {
        Output::Append { attempt, failures, expected, payload } => Some(Asked { attempt, failures, expected, payload }),
        Output::InvalidRecord { .. } | Output::Committed { .. } => None,
        Output::Stopped(stop) => panic!("stopped: {stop}"),
    });
    let first = asked.next().expect("an append");
    assert_eq!(asked.next(), None, "two appends in flight");
    first
}

fn fenced_at(outputs: &[Output]) -> Option<u64> {
    match outputs.last() {
        Some(Output::Stopped(Stop::Fenced { seq, .. })) => Some(*seq),
        _ => None,
    }
}
