//! The merge-join of two ordered cursors: the inputs of a machine by offset, and its recorded events by cause.
//!
//! Recovery, a standby and verification all run it, each with its own closure.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use tapedeck_schemas::event::{Epoch, Event};
use tapedeck_schemas::offset::{Offset, TapeTime};
use tapedeck_schemas::record::{Entry, InboxPrefix, Writer};

use crate::any::{AnyMachine, Decided, MachineInfo};
use crate::guard::LastMessage;
use crate::inbox::{InboxCheck, InboxMessage, InboxMismatch};
use crate::machine::{Cause, Fact, Reads};
use crate::state::{self, BadState};
use crate::tape::TapeRecord;

/// A machine, its waiting inputs, and its events recorded on the tape.
#[derive(Debug)]
pub struct MergeJoin<M: AnyMachine> {
    /// The machine, with its state after `cursor.input`.
    pub machine: M,
    /// Inputs that wait for their recorded events, in order.
    pub inputs: VecDeque<(Offset, M::Input)>,
    /// What the machine has handled.
    pub cursor: Cursor,
    info: MachineInfo,
    /// Recorded own events that wait for their input.
    own: VecDeque<Entry>,
    inbox: InboxCheck,
    /// Cause of the last own event pushed.
    last_cause: Offset,
    /// Offset of the last input pushed.
    last_pushed: Offset,
    /// Offset of the last input handled before the state was restored. Inputs up to it may be pushed again.
    restored: Offset,
    /// Tape time, ns, of the tape as read so far; see [`Clock::Tape`].
    read: TapeTime,
}

/// What a machine has handled. Together with the machine's own state it is a function of the tape, and of the inbox,
/// up to `input`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// Offset of the last input handled.
    pub input: Offset,
    /// The messages of the inbox up to `input`; see [`Header::inbox`](tapedeck_schemas::record::Header::inbox).
    pub inbox: Option<InboxPrefix>,
    /// Cause of the last own event: every input up to it is decided on the tape.
    pub progress: Offset,
    /// Tape time, ns; see [`Cause::now`].
    pub now: TapeTime,
    /// Inputs without a decision since the last own event.
    pub unanswered_inputs: u32,
    /// Clock inputs without a decision since the last own event.
    pub unanswered_clocks: u32,
    /// The epoch of the last own event.
    pub epoch: Option<Epoch>,
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
        Self {
            info: machine.info(),
            machine,
            inputs: VecDeque::new(),
            cursor: Cursor::default(),
            own: VecDeque::new(),
            inbox: InboxCheck::default(),
            last_cause: Offset::START,
            last_pushed: Offset::START,
            restored: Offset::START,
            read: 0,
        }
    }

    /// The state after `cursor.input`: the version of its encoding, the cursor, and the state of the machine.
    pub fn save(&self) -> Vec<u8> {
        state::encode(&(self.info.state, &self.cursor, serde_bytes::Bytes::new(&self.machine.save())))
    }

    /// Replaces the machine and the cursor by saved ones. What waits is kept. In a new join, the tape and the inbox are
    /// read on from the record and the message that hold `cursor.input`.
    pub fn restore(&mut self, saved: &[u8]) -> Result<(), BadState> {
        let (version, cursor, machine): (u32, Cursor, serde_bytes::ByteBuf) = state::decode(saved)?;
        if version != self.info.state {
            return Err(BadState(format!("state version {version}; this build has {}", self.info.state)));
        }
        self.machine = self.machine.restore(&machine)?;
        self.restored = cursor.input;
        self.last_pushed = self.last_pushed.max(cursor.input);
        self.inbox.restore(cursor.input, cursor.inbox);
        self.cursor = cursor;
        Ok(())
    }

    /// Reads the tape time of a record, for a machine that reads an inbox beside the tape. It has no effect on other
    /// machines, whose tape time follows from their inputs or decisions.
    pub fn read_time(&mut self, record: &TapeRecord) {
        if self.clock() == Clock::Tape {
            self.read = self.read.max(record.tape_time());
        }
    }

    /// Tape time, ns: that of the cursor, or of the tape as read so far, for a machine that reads an inbox beside it.
    pub fn now(&self) -> TapeTime {
        self.cursor.now.max(self.read)
    }

    /// What tape time follows from.
    pub(crate) fn clock(&self) -> Clock {
        match self.info {
            MachineInfo { writer: Writer::Ingest, .. } => Clock::Decisions,
            MachineInfo { reads: Reads::Inbox(_), .. } => Clock::Tape,
            MachineInfo { reads: Reads::Tape(_), .. } => Clock::Inputs,
        }
    }

    /// Begins to handle an input; `recorded` are the decisions on it if they are on the tape already.
    fn begin(&mut self, offset: Offset, input: &M::Input, recorded: &[Entry]) -> Cause {
        let now = match self.clock() {
            Clock::Inputs => self.cursor.now.max(self.machine.advances(input).unwrap_or_default()),
            Clock::Decisions => self.cursor.now,
            Clock::Tape => recorded.first().map_or(self.now(), |entry| entry.at),
        };
        self.cursor.now = self.cursor.now.max(now);
        self.cursor.input = offset;
        self.inbox.handle(offset, &mut self.cursor.inbox);
        Cause { offset, now }
    }

    /// Ends the handling of an input: `at` is the tape time of the decisions on it, if any, and `is_answered` whether
    /// the tape has or will have an own event on it.
    fn end(&mut self, input: &M::Input, at: Option<TapeTime>, is_answered: bool) {
        if self.clock() == Clock::Decisions {
            self.cursor.now = self.cursor.now.max(at.unwrap_or_default());
        }
        if is_answered {
            return self.answered();
        }
        self.cursor.unanswered_inputs = self.cursor.unanswered_inputs.saturating_add(1);
        let clocks = u32::from(self.machine.is_clock(input));
        self.cursor.unanswered_clocks = self.cursor.unanswered_clocks.saturating_add(clocks);
    }

    /// Every input up to `cursor.input` has an own event, which may be a `Progress`.
    pub fn answered(&mut self) {
        self.cursor.progress = self.cursor.input;
        (self.cursor.unanswered_inputs, self.cursor.unanswered_clocks) = (0, 0);
    }

    /// Decides on the next waiting input; `None` if none waits.
    pub fn decide_next(&mut self) -> Option<(Offset, Decided)> {
        let (offset, input) = self.inputs.pop_front()?;
        let cause = self.begin(offset, &input, &[]);
        let decided = self.machine.run(cause, &input);
        let is_answered = !decided.events.is_empty();
        self.end(&input, is_answered.then_some(decided.at), is_answered);
        Some((offset, decided))
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
            let offset = Offset::new(record.seq, index);
            if offset > self.restored
                && let Some(input) = self.machine.input_of_fact(Fact { writer, at, event })
            {
                self.push_input(offset, input);
            }
        }
    }

    /// Adds the inputs of a message of the inbox.
    pub fn push_message(&mut self, message: &InboxMessage<'_>) {
        let &InboxMessage { seq, subject, stamp, payload, .. } = message;
        self.inbox.read(message);
        for (index, entry) in (0..).zip(self.machine.inputs_of_message(subject, stamp, payload)) {
            let offset = Offset::new(seq, index);
            if offset > self.restored {
                self.push_input(offset, entry);
            }
        }
    }

    /// Adds the events of an own record, and the inbox that it carries.
    pub fn push_own(&mut self, inbox: Option<InboxPrefix>, entries: Vec<Entry>) {
        if let Some(last) = entries.last() {
            self.inbox.record(last.cause, inbox);
            self.last_cause = last.cause;
        }
        self.own.extend(entries);
    }

    /// What is known of the inbox: its last message read, and the last cause recorded.
    pub(crate) fn known_inbox(&self) -> (Option<LastMessage>, Offset) {
        (self.inbox.last(), self.last_cause)
    }

    /// Number of own events that wait for their input.
    pub fn own_waiting(&self) -> usize {
        self.own.len()
    }

    /// Joins up to the end of either cursor. Calls `each` once for every input up to the last own event, in order, with
    /// the decisions recorded for it and the epoch that they belong to. `each` must apply input and decisions to the
    /// machine.
    pub fn join<E: From<UnknownCause> + From<InboxMismatch>>(
        &mut self,
        mut each: impl FnMut(&mut M, Cause, &M::Input, &[Entry], Option<&Epoch>) -> Result<(), E>,
    ) -> Result<(), E> {
        while let Some(first) = self.own.front() {
            if let Event::Epoch(epoch) = &first.event {
                self.cursor.epoch = Some(epoch.clone());
                self.own.pop_front();
                self.inbox.compare(self.cursor.input, self.cursor.inbox)?;
                continue;
            }
            let cause = first.cause;
            while let Some((at, input)) = self.inputs.pop_front_if(|(at, _)| *at <= cause) {
                let answers = if at == cause { self.take_answers(cause) } else { Vec::new() };
                let handled = self.begin(at, &input, &answers);
                self.inbox.compare(self.cursor.input, self.cursor.inbox)?;
                each(&mut self.machine, handled, &input, &answers, self.cursor.epoch.as_ref())?;
                self.end(&input, answers.last().map(|entry| entry.at), at == cause);
            }
            if self.cursor.progress < cause {
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

/// What tape time follows from, for a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clock {
    /// The facts of ingest among its inputs.
    Inputs,
    /// Its own decisions: the machine is ingest.
    Decisions,
    /// The tape as read so far, beside its inputs.
    Tape,
}

fn is_epoch(entry: &Entry) -> bool {
    matches!(entry.event, Event::Epoch(_))
}
