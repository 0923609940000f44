//! A driver and a minimal shell: it performs the outputs of the driver, and checks that they are allowed.

use std::sync::Arc;

use tapedeck_kernel::driver::{FencedBy, Input, Output, Owner, Stop};
use tapedeck_kernel::{Answer, Driver, Reads};
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::{self, Writer};

use super::toys::Toy;
use super::{TAPE, Tape};

/// An append in transit to JetStream.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) node: u64,
    pub(crate) attempt: u64,
    pub(crate) expected: u64,
    pub(crate) payload: Arc<[u8]>,
}

/// A process with one driver.
pub(crate) struct Node<M: Toy> {
    pub(crate) uid: u64,
    pub(crate) driver: Driver<M>,
    pub(crate) paused: bool,
    pub(crate) draining: bool,
    pub(crate) claims: bool,
    /// Answers in transit: (attempt, answer).
    pub(crate) answers: Vec<(u64, Answer)>,
    /// The append that is not known to be committed.
    pub(crate) outstanding: Option<Request>,
    /// The last attempt whose ack was passed on.
    pub(crate) told: Option<u64>,
    pub(crate) stopped: Option<Stop>,
    /// Offset of the last input passed on.
    pub(crate) fed: Offset,
    /// The last attempt at an append; 0 if it never was the owner.
    pub(crate) attempt_last: u64,
    /// The epoch of its appends; 0 if it never was the owner.
    epoch: u64,
    tape_next: u64,
    inbox_next: u64,
}

fn epoch_of(payload: &[u8]) -> u64 {
    record::decode(payload).unwrap().0.epoch
}

impl<M: Toy> Node<M> {
    pub(crate) fn new(uid: u64) -> Self {
        let owner = Owner { nonce: uid, build: "test".into() };
        Self {
            uid,
            driver: Driver::follow(M::fresh(), TAPE, owner),
            paused: false,
            draining: false,
            claims: false,
            answers: Vec::new(),
            outstanding: None,
            told: None,
            stopped: None,
            fed: Offset::START,
            attempt_last: 0,
            epoch: 0,
            tape_next: 1,
            inbox_next: 1,
        }
    }

    /// Passes on the next tape message, if it is wanted and there is one.
    pub(crate) fn feed_tape(&mut self, tape: &Tape) -> bool {
        let seq = self.tape_next;
        if seq > tape.last() || !self.driver.wants_tape() {
            return false;
        }
        self.tape_next += 1;
        let message = tape.at(seq);
        self.driver.handle(Input::Tape { seq, writer: message.subject, payload: &message.payload });
        if let (Some(Writer::Ingest), Reads::Tape(_)) = (message.subject, M::reads()) {
            let entries = record::decode(&message.payload).map_or(0, |(_, entries)| entries.len());
            self.fed = Offset::new(seq, entries.saturating_sub(1) as u32);
        }
        true
    }

    /// Passes on the next inbox message, if it is wanted and there is one.
    pub(crate) fn feed_inbox(&mut self, inbox: &[Vec<u8>]) -> bool {
        let seq = self.inbox_next;
        let Some(payload) = inbox.get(seq as usize - 1).filter(|_| self.driver.wants_inbox()) else { return false };
        self.inbox_next += 1;
        self.driver.handle(Input::Inbox { seq, subject: "md.binance.BTCUSDT.trade", stamp: seq * 10, payload });
        self.fed = Offset::new(seq, payload.len() as u32 - 1);
        true
    }

    /// Performs an output; returns the request to be sent. `tape` is only read to check the output.
    pub(crate) fn perform(&mut self, output: Output, tape: &Tape) -> Option<Request> {
        assert!(self.stopped.is_none(), "{output:?} after it had stopped: {:?}", self.stopped);
        match output {
            Output::Append { attempt, expected, payload, failures } => {
                assert!(attempt > self.attempt_last, "attempt {attempt} after {}", self.attempt_last);
                self.attempt_last = attempt;
                if let Some(before) = &self.outstanding {
                    assert_eq!(before.expected, expected, "renumbered while the outcome is unknown");
                    assert_eq!(before.payload, payload, "other bytes while the outcome is unknown");
                }
                assert_eq!(failures > 0, self.outstanding.is_some(), "{failures} failures");
                self.epoch = epoch_of(&payload);
                let request = Request { node: self.uid, attempt, expected, payload };
                self.outstanding = Some(request.clone());
                return Some(request);
            }
            Output::Committed { seq, events } => {
                let request = self.outstanding.take().expect("committed what was never sent");
                assert_eq!(tape.at(seq).payload, request.payload, "{seq} holds something else");
                assert_eq!(tape.at(seq).author, Some(self.uid), "{seq} is another's");
                assert_eq!(record::decode(&request.payload).unwrap().1.len(), events);
            }
            Output::InvalidRecord { seq, .. } => {
                assert_eq!(tape.at(seq).author, None, "a driver wrote a invalid record at {seq}")
            }
            Output::Stopped(stop) => {
                match stop {
                    Stop::Fenced { seq, by } => {
                        let theirs = tape.at(seq).author.map(|_| epoch_of(&tape.at(seq).payload));
                        let told = match theirs {
                            None => FencedBy::InvalidRecord,
                            Some(theirs) if theirs < self.epoch => FencedBy::Former,
                            Some(_) => FencedBy::Owner,
                        };
                        assert_eq!(by, told, "by what it was fenced at {seq}");
                        assert_ne!(tape.at(seq).author, Some(self.uid), "fenced by its own record at {seq}");
                        assert_eq!(tape.at(seq).subject, Some(M::WRITER));
                    }
                    Stop::Drained => assert!(self.draining, "drained unasked"),
                    _ => {}
                }
                self.stopped = Some(stop);
            }
        }
        None
    }
}
