//! The merge-join of two ordered cursors: the inputs of a machine by offset, and its recorded events by cause.
//!
//! Recovery, a standby and verification all run it, each with its own closure.

use std::collections::VecDeque;

use tapedeck_schemas::event::{Epoch, Event};
use tapedeck_schemas::offset::{Offset, TapeTime};
use tapedeck_schemas::record::Entry;

use crate::any::AnyMachine;
use crate::machine::Fact;
use crate::tape::TapeRecord;

/// A machine, its waiting inputs, and its events recorded on the tape.
#[derive(Debug)]
pub struct MergeJoin<M: AnyMachine> {
    /// The machine, with its state at `progress`.
    pub machine: M,
    /// Inputs that wait for their recorded events, in order.
    pub inputs: VecDeque<(Offset, M::Input)>,
    /// The epoch of the last own event joined.
    pub epoch: Option<Epoch>,
    /// Cause of the last own event joined: every input up to it is answered.
    pub progress: Offset,
    /// Tape time at the last input joined, ns.
    pub at: TapeTime,
    /// Recorded own events that wait for their input.
    own: VecDeque<Entry>,
    /// Offset of the last input pushed.
    last_pushed: Offset,
}

/// A recorded decision has a cause that is no input: inputs were lost, or the inbox belongs to another tape.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the tape has a decision on {cause}, but no input has that offset: inputs were lost, or the inbox belongs to \
     another tape"
)]
pub struct UnknownCause {
    /// Offset without an input.
    pub cause: Offset,
}

impl<M: AnyMachine> MergeJoin<M> {
    /// A join for a machine in its initial state.
    pub fn new(machine: M) -> Self {
        let (inputs, own) = (VecDeque::new(), VecDeque::new());
        Self { machine, inputs, epoch: None, progress: Offset::START, at: 0, own, last_pushed: Offset::START }
    }

    /// Adds an input.
    ///
    /// # Panics
    ///
    /// If its offset is not above that of the last input added.
    pub fn push_input(&mut self, at: Offset, input: M::Input) {
        assert!(at > self.last_pushed, "input {at} pushed after {}: inputs must be in order", self.last_pushed);
        self.last_pushed = at;
        self.inputs.push_back((at, input));
    }

    /// Adds the facts of a record of a writer that the machine reads. Facts of the driver (`Epoch`, `Progress`) are no
    /// inputs.
    pub fn push_facts(&mut self, record: TapeRecord) {
        let writer = record.header.writer;
        for (index, Entry { at, event, .. }) in (0..).zip(record.entries) {
            if matches!(event, Event::Epoch(_) | Event::Progress(_)) {
                continue;
            }
            if let Some(input) = self.machine.input_of_fact(Fact { writer, at, event }) {
                self.push_input(Offset::new(record.seq, index), input);
            }
        }
    }

    /// Adds the inputs of a message of the inbox.
    pub fn push_message(&mut self, seq: u64, subject: &str, stamp: u64, payload: &[u8]) {
        for (index, entry) in (0..).zip(self.machine.inputs_of_message(subject, stamp, payload)) {
            self.push_input(Offset::new(seq, index), entry);
        }
    }

    /// Adds the events of an own record.
    pub fn push_own(&mut self, entries: Vec<Entry>) {
        self.own.extend(entries);
    }

    /// Number of own events that wait for their input.
    pub fn own_waiting(&self) -> usize {
        self.own.len()
    }

    /// Joins up to the end of either cursor. Calls `each` once for every input up to the last own event, in order, with
    /// the decisions recorded for it and the epoch that they belong to. `each` must apply input and decisions to the
    /// machine, and returns the tape time of the input.
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
                if self.last_pushed >= cause {
                    return Err(UnknownCause { cause }.into());
                }
                return Ok(()); // the input is not pushed yet
            }
            if self.own.front().is_some_and(|next| next.cause <= cause && !matches!(next.event, Event::Epoch(_))) {
                return Err(UnknownCause { cause }.into()); // its cause is joined already: events out of order
            }
        }
        Ok(())
    }

    /// The decisions recorded for `cause`, without the facts of the driver.
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
