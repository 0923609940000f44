//! The state of a driver, for its shell.

use tapedeck_schemas::generation::Generation;

use super::{AnyMachine, Driver, Phase, QUEUED_INPUTS_MAX, Reads};
use crate::guard::KnownStreams;

impl<M: AnyMachine> Driver<M> {
    /// The machine, in its state after the last input decided or followed.
    pub fn machine(&self) -> &M {
        &self.merge.machine
    }
    /// Whether the driver decides and appends.
    pub fn is_owner(&self) -> bool {
        matches!(self.phase, Phase::Owner)
    }
    /// Whether recorded decisions wait for their inputs, which are not read yet or not there.
    pub fn lacks_input(&self) -> bool {
        self.merge.own_waiting() > 0
    }
    /// Whether the driver is the owner, no input waits, and every append is acknowledged.
    pub fn is_idle(&self) -> bool {
        self.is_owner() && self.merge.inputs.is_empty() && self.in_flight.is_none() && self.building.is_empty()
    }
    /// Whether the streams were checked since the last interruption: if not, the driver appends nothing.
    pub fn is_confirmed(&self) -> bool {
        self.guard.is_confirmed()
    }
    /// Whether the witness has agreed since the last interruption.
    pub fn is_witnessed(&self) -> bool {
        self.guard.is_witnessed()
    }
    /// Whether the driver does nothing because a required witness does not answer.
    pub fn lacks_witness(&self) -> bool {
        self.guard.lacks_witness(self.liveness.now)
    }
    /// Epoch of the writer: the own one of an owner, else that of the last record read.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }
    /// Tape time, ns, at the last input decided or followed.
    pub fn now(&self) -> u64 {
        self.merge.now()
    }
    /// Whether the shell should pass on the next tape message.
    pub fn wants_tape(&self) -> bool {
        match (&self.phase, self.info.reads) {
            (Phase::Stopped, _) => false,
            _ if !self.guard.may_read() => false,
            // Only the tape shows the outcome of an append in doubt: read on, even if the queue is full.
            (Phase::Owner, Reads::Tape(_)) => {
                self.wants_input() || self.in_flight.as_ref().is_some_and(|one| one.in_doubt)
            }
            (Phase::Following { .. }, Reads::Inbox(_)) => self.merge.own_waiting() < QUEUED_INPUTS_MAX,
            (Phase::Owner, Reads::Inbox(_)) | (Phase::Following { .. }, Reads::Tape(_)) => true,
        }
    }
    /// Whether the shell should pass on the next inbox message.
    pub fn wants_inbox(&self) -> bool {
        matches!(self.info.reads, Reads::Inbox(_)) && self.wants_input()
    }
    fn wants_input(&self) -> bool {
        let room = self.merge.inputs.len() < QUEUED_INPUTS_MAX;
        room && self.guard.may_read() && !self.draining && !matches!(self.phase, Phase::Stopped)
    }
    /// The sequence of the next message of the inbox to read: those before it are read, or known to be lost.
    pub fn inbox_next(&self) -> u64 {
        self.message_after(self.inbox_last.map_or(0, |(_, last)| last))
    }
    /// The last sequence of the inbox up to which every input is decided: by this driver, or on the tape, as far as
    /// both are read.
    pub fn inbox_decided(&self) -> u64 {
        let last = self.merge.cursor.input.seq;
        let is_partly_decided = self.merge.inputs.front().is_some_and(|(next, _)| next.seq == last);
        last.saturating_sub(u64::from(is_partly_decided))
    }
    /// The last tape sequence read.
    pub fn tape_last(&self) -> u64 {
        self.reader.last()
    }
    /// The last known sequence of the own subject.
    pub fn own_last(&self) -> u64 {
        self.own_last
    }
    /// Failed attempts of the append in flight.
    pub fn failures(&self) -> u32 {
        self.in_flight.as_ref().map_or(0, |in_flight| in_flight.failures)
    }
    /// What the driver knows of its streams.
    pub(super) fn known_streams(&self) -> KnownStreams {
        let (inbox, decided) = self.merge.known_inbox();
        // An own record that is acknowledged may not be read yet.
        let (tape, tape_stamp) = match self.own_last > self.reader.last() {
            true => ((self.own_last, self.own_hash), None),
            false => (self.reader.last_message(), Some(self.tape_stamp)),
        };
        let tape_next = self.reader.last() + 1;
        let (inbox_first, inbox_next) = (self.message_after(0), self.inbox_next());
        let has_inbox = matches!(self.info.reads, Reads::Inbox(_));
        let inbox_lost = self.reader.lineage().lost_messages(self.info.writer);
        KnownStreams { tape, tape_stamp, tape_next, has_inbox, inbox, inbox_first, inbox_next, inbox_lost, decided }
    }
    /// The sequence of the message of the inbox that follows the message `seq`, without those known to be lost.
    fn message_after(&self, seq: u64) -> u64 {
        let generation = self.inbox_last.map_or(Generation::FIRST, |(generation, _)| generation);
        self.reader.lineage().next_message(self.info.writer, generation, seq)
    }
}
