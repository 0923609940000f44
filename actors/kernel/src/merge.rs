//! The merge-join of two ordered cursors: a machine's inputs by offset, its own recorded events by cause.
//!
//! Recovery, following as a standby and verification are this one act, with another closure.

use std::collections::VecDeque;

use tapedeck_schemas::event::{Epoch, Event};
use tapedeck_schemas::offset::{Offset, TapeTime};
use tapedeck_schemas::record::Entry;

use crate::any::AnyMachine;
use crate::machine::Fact;
use crate::tape::TapeRecord;

/// A machine, what it has yet to take in, and what its tape says it decided.
#[derive(Debug)]
pub struct MergeJoin<M: AnyMachine> {
    /// The machine, up to `progress`.
    pub machine: M,
    /// Inputs not yet taken in, in order.
    pub inputs: VecDeque<(Offset, M::Input)>,
    /// The last epoch passed.
    pub epoch: Option<Epoch>,
    /// Cause of the last own event passed: everything up to it is answered.
    pub progress: Offset,
    /// Tape time at the last input taken in.
    pub at: TapeTime,
    own: VecDeque<Entry>,
    fed: Offset,
}

/// An own event names a cause that is no input: the tape is not this machine's, or inputs were lost.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an own event has the cause {cause}, but no input stands there")]
pub struct UnknownCause {
    /// The cause that is missing.
    pub cause: Offset,
}

impl<M: AnyMachine> MergeJoin<M> {
    /// Around a machine in its first state.
    pub fn new(machine: M) -> Self {
        let (inputs, own) = (VecDeque::new(), VecDeque::new());
        Self { machine, inputs, epoch: None, progress: Offset::START, at: 0, own, fed: Offset::START }
    }

    /// Takes an input; they must come in order of offset.
    pub fn push_input(&mut self, at: Offset, input: M::Input) {
        assert!(at > self.fed, "inputs come in order: {at} after {}", self.fed);
        self.fed = at;
        self.inputs.push_back((at, input));
    }

    /// Takes the facts of a record of a writer that the machine reads. The drivers' own facts are never handed on.
    pub fn push_facts(&mut self, record: TapeRecord) {
        let writer = record.header.writer;
        for (index, Entry { at, event, .. }) in (0..).zip(record.entries) {
            if matches!(event, Event::Epoch(_) | Event::Progress(_)) {
                continue;
            }
            if let Some(input) = self.machine.from_fact(Fact { writer, at, event }) {
                self.push_input(Offset::new(record.seq, index), input);
            }
        }
    }

    /// Takes a message of the inbox.
    pub fn push_message(&mut self, seq: u64, subject: &str, stamp: u64, payload: &[u8]) {
        for (index, entry) in (0..).zip(self.machine.from_message(subject, stamp, payload)) {
            self.push_input(Offset::new(seq, index), entry);
        }
    }

    /// Takes the events of an own record, whole.
    pub fn push_own(&mut self, entries: Vec<Entry>) {
        self.own.extend(entries);
    }

    /// Own events that wait for their input.
    pub fn own_waiting(&self) -> usize {
        self.own.len()
    }

    /// Joins as far as both cursors reach. `each` is called once for every input up to the last own event, in order,
    /// with what the machine is recorded to have decided on it; it must leave the machine with both folded in, and
    /// gives the tape time of the input.
    pub fn join<E: From<UnknownCause>>(
        &mut self,
        mut each: impl FnMut(&mut M, Offset, &M::Input, &[Entry], Option<&Epoch>) -> Result<TapeTime, E>,
    ) -> Result<(), E> {
        while let Some(first) = self.own.front() {
            if let Event::Epoch(epoch) = &first.event {
                self.epoch = Some(epoch.clone());
                self.own.pop_front();
                continue;
            }
            let cause = first.cause;
            while let Some((at, input)) = self.inputs.pop_front_if(|(at, _)| *at <= cause) {
                let answers = if at == cause { self.take_answers(cause) } else { Vec::new() };
                self.at = each(&mut self.machine, at, &input, &answers, self.epoch.as_ref())?;
                if at == cause {
                    self.progress = cause;
                }
            }
            if self.progress < cause {
                if self.fed >= cause {
                    return Err(UnknownCause { cause }.into());
                }
                return Ok(()); // the input is yet to come
            }
            if self.own.front().is_some_and(|next| next.cause <= cause && !matches!(next.event, Event::Epoch(_))) {
                return Err(UnknownCause { cause }.into()); // its cause was passed: events out of order
            }
        }
        Ok(())
    }

    /// The decisions recorded for `cause`, without the driver's own facts.
    fn take_answers(&mut self, cause: Offset) -> Vec<Entry> {
        let mut answers = Vec::new();
        while let Some(entry) = self.own.pop_front_if(|entry| entry.cause == cause && !is_epoch(entry)) {
            if !matches!(entry.event, Event::Progress(_)) {
                answers.push(entry);
            }
        }
        answers
    }
}

fn is_epoch(entry: &Entry) -> bool {
    matches!(entry.event, Event::Epoch(_))
}
