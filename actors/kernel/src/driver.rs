//! The driver: appends the decisions of a machine to the tape exactly once, fenced, without leases. Sans-IO.
//!
//! The contract: after every [`Driver::handle`], and at [`Driver::deadline`] after [`Driver::advance`], call
//! [`Driver::poll`] until it returns `None`, and perform each output. At most one append is in flight. If its outcome
//! is unknown, the driver retries the same bytes with the same expected sequence until it reads the result from the
//! tape.

mod state;

use std::collections::VecDeque;

use tapedeck_schemas::event::{Epoch, Event, Progress};
use tapedeck_schemas::generation::{Generation, Lineage};
use tapedeck_schemas::offset::{Offset, TapeTime};
use tapedeck_schemas::record::{Entry, Header, RecordHash};
use tapedeck_schemas::subject::TapeSubject;

use crate::any::{AnyMachine, MachineInfo};
use crate::builder::{Builder, InFlight};
use crate::guard::Guard;
use crate::inbox::InboxMessage;
use crate::liveness::Liveness;
use crate::machine::Reads;
use crate::merge::MergeJoin;
use crate::tape::{TapeRead, TapeReader, TapeRecord};

pub use crate::protocol::{Answer, FencedBy, Input, Output, ProcessIdentity, Stop};

/// Most inputs that wait in the driver; at this number the shell stops pulling.
pub const QUEUED_INPUTS_MAX: usize = 8192;
/// Unanswered inputs since the last own fact, after which the driver appends `Progress`.
pub const UNANSWERED_INPUTS_MAX: u32 = 4096;
/// Unanswered clock inputs since the last own fact, after which the driver appends `Progress`.
pub const UNANSWERED_CLOCKS_MAX: u32 = 10;

#[derive(Debug)]
enum Phase {
    /// Follows the tape without deciding.
    Following {
        /// Sequence of the own record after which to become the owner; 0 for none. `None`: stay a follower.
        take_over_after: Option<u64>,
    },
    /// Decides and appends.
    Owner,
    Stopped,
}

/// Drives one machine.
#[derive(Debug)]
pub struct Driver<M: AnyMachine> {
    info: MachineInfo,
    merge: MergeJoin<M>,
    reader: TapeReader,
    phase: Phase,
    /// Whether it never becomes the owner.
    only_follows: bool,
    identity: ProcessIdentity,
    /// The fence: sequence of the last message on the own subject.
    own_last: u64,
    own_hash: RecordHash,
    epoch: u64,
    building: Builder,
    in_flight: Option<InFlight>,
    attempt: u64,
    /// The time at which JetStream stored the last message read of the tape.
    tape_stamp: u64,
    /// Generation and sequence of the last message of the inbox.
    inbox_last: Option<(Generation, u64)>,
    liveness: Liveness,
    guard: Guard,
    draining: bool,
    outputs: VecDeque<Output>,
}

impl<M: AnyMachine> Driver<M> {
    /// A driver that follows the tape without deciding. It asks the owner, and takes over if the owner is gone.
    pub fn follow(machine: M, tape: impl Into<Lineage>, identity: ProcessIdentity) -> Self {
        Self {
            info: machine.info(),
            merge: MergeJoin::new(machine),
            reader: TapeReader::new(tape),
            phase: Phase::Following { take_over_after: None },
            only_follows: false,
            identity,
            own_last: 0,
            own_hash: RecordHash::default(),
            epoch: 0,
            building: Builder::default(),
            in_flight: None,
            attempt: 0,
            tape_stamp: 0,
            inbox_last: None,
            liveness: Liveness::new(),
            guard: Guard::new(),
            draining: false,
            outputs: VecDeque::new(),
        }
    }

    /// A driver that follows the tape and never appends, whatever becomes of the owner.
    pub fn only_follow(machine: M, tape: impl Into<Lineage>, identity: ProcessIdentity) -> Self {
        Self { only_follows: true, ..Self::follow(machine, tape, identity) }
    }

    /// Requests ownership also from a live owner. One that has stopped for a loss keeps it.
    pub fn claim(&mut self) {
        self.liveness.claim();
    }

    /// Makes the driver wait for the witness as long as it does not answer, instead of continuing without one.
    pub fn require_witness(&mut self) {
        self.guard.require_witness();
    }

    /// Hands the driver the time: ns of a monotonic clock, with any origin.
    pub fn advance(&mut self, now: u64) {
        self.liveness.advance(now);
    }

    /// The time at which the driver has something to do without any input; `None` if it waits for one.
    pub fn deadline(&self) -> Option<u64> {
        let check = self.guard.due().filter(|_| !matches!(self.phase, Phase::Stopped));
        self.work_due().into_iter().chain(check).min()
    }

    fn work_due(&self) -> Option<u64> {
        match self.phase {
            // Inputs wait only if the record is full: then the driver waits for the append in flight.
            Phase::Owner if self.merge.cursor.unanswered_inputs > 0 && self.merge.inputs.is_empty() => {
                Some(self.liveness.heartbeat_at())
            }
            Phase::Following { take_over_after: None } if !self.only_follows => self.liveness.step_at(),
            Phase::Owner | Phase::Following { .. } | Phase::Stopped => None,
        }
    }

    /// Handles a message of the shell.
    pub fn handle(&mut self, input: Input<'_>) {
        if matches!(self.phase, Phase::Stopped) {
            return;
        }
        match input {
            Input::Tape { seq, stamp, subject, payload } => {
                self.tape_stamp = stamp;
                self.on_tape(seq, subject, payload)
            }
            Input::Inbox(message) => self.on_inbox(&message),
            Input::Answer { attempt, answer } if attempt == self.attempt => self.on_answer(answer),
            Input::Answer { .. } => {}
            Input::OwnerAnswer { question, answer } => self.liveness.answered(question, answer),
            Input::OwnLast(None) => self.liveness.last_unknown(),
            Input::OwnLast(Some(_)) if self.liveness.is_last_outdated() => self.liveness.last_unknown(),
            Input::OwnLast(Some(own_last)) => {
                if let (Phase::Following { take_over_after }, false) = (&mut self.phase, self.only_follows) {
                    *take_over_after = Some(own_last);
                    self.try_own();
                }
            }
            Input::Interrupted => {
                self.guard.interrupted(self.liveness.now);
                // The subject may end elsewhere now.
                if let Phase::Following { take_over_after } = &mut self.phase {
                    let was_known = take_over_after.take().is_some();
                    self.liveness.interrupted(was_known);
                }
            }
            Input::Streams { number, answer } => {
                match self.guard.answered(number, answer.as_deref(), self.liveness.now) {
                    Ok(()) => self.try_own(),
                    Err(loss) => self.stop(Stop::StreamLoss(loss)),
                }
            }
            Input::Drain => self.draining = true,
        }
    }

    /// The next output to perform; call until `None`.
    pub fn poll(&mut self) -> Option<Output> {
        if !matches!(self.phase, Phase::Stopped) && self.guard.is_due(self.liveness.now) {
            let question = self.guard.ask(self.known_streams());
            self.outputs.push_back(Output::CheckStreams(question));
        }
        match self.phase {
            Phase::Owner => {
                self.decide_waiting();
                self.send_or_repeat();
            }
            Phase::Following { take_over_after: None } if !self.draining && !self.only_follows => {
                self.outputs.extend(self.liveness.step());
            }
            Phase::Following { .. } | Phase::Stopped => {}
        }
        if self.draining && self.outputs.is_empty() {
            let done = match self.phase {
                // What an unconfirmed owner has not appended, the next owner decides again.
                Phase::Owner if !self.guard.is_confirmed() => true,
                Phase::Owner => self.in_flight.is_none() && self.building.is_empty(),
                Phase::Following { .. } => true,
                Phase::Stopped => false,
            };
            if done {
                self.stop(Stop::Drained);
            }
        }
        self.outputs.pop_front()
    }

    fn on_inbox(&mut self, message: &InboxMessage<'_>) {
        let &InboxMessage { generation, seq, .. } = message;
        if self.reader.lineage().is_lost(self.info.writer, generation, seq) {
            return;
        }
        let expected = (self.inbox_last.map_or(generation, |(generation, _)| generation), self.inbox_next());
        if (generation, seq) != expected {
            return self.stop(Stop::Inbox { expected, got: (generation, seq) });
        }
        self.inbox_last = Some((generation, seq));
        self.merge.push_message(message);
        self.follow_on();
    }

    fn on_tape(&mut self, seq: u64, subject: TapeSubject<'_>, payload: &[u8]) {
        let own = subject.writer() == Some(self.info.writer);
        match self.reader.read(seq, subject, payload) {
            Err(fault) => return self.stop(Stop::Tape(fault)),
            Ok(TapeRead::Invalid { why, .. }) => {
                self.outputs.push_back(Output::InvalidRecord { seq, why });
                if own {
                    self.on_own(seq, None);
                }
            }
            Ok(TapeRead::Record(record)) if own => self.on_own(seq, Some(record)),
            Ok(TapeRead::Record(record)) if self.info.reads_facts_of(record.header.writer) => {
                self.merge.push_facts(record)
            }
            Ok(TapeRead::Record(record)) => {
                self.merge.read_time(&record);
                self.merge.machine.read_beside(&record);
            }
        }
        self.follow_on();
    }

    /// Handles a message on the own subject: a record, own or not, or an invalid one (`None`).
    fn on_own(&mut self, seq: u64, record: Option<TapeRecord>) {
        if matches!(self.phase, Phase::Following { .. }) {
            self.own_last = seq;
            if let Some(record) = record {
                self.own_hash = record.hash;
                self.epoch = record.header.epoch;
                self.merge.push_own(record.header.inbox, record.entries);
            }
            return;
        }
        if seq <= self.own_last {
            return; // committed by its ack before it was read
        }
        match (&self.in_flight, record) {
            (Some(in_flight), Some(record)) if in_flight.hash == record.hash => self.commit(seq),
            (_, record) => {
                let by = match record {
                    None => FencedBy::InvalidRecord,
                    Some(record) if record.header.epoch < self.epoch => FencedBy::Former,
                    Some(_) => FencedBy::Owner,
                };
                self.stop(Stop::Fenced { seq, by });
            }
        }
    }

    fn follow_on(&mut self) {
        if !matches!(self.phase, Phase::Following { .. }) {
            return;
        }
        match self.merge.join(|machine, cause, input, recorded, _| {
            machine.follow(cause, input, recorded);
            Ok::<_, Stop>(())
        }) {
            Err(stop) => self.stop(stop),
            Ok(()) => self.try_own(),
        }
    }

    fn try_own(&mut self) {
        let Phase::Following { take_over_after: Some(after) } = self.phase else { return };
        if !self.guard.is_confirmed() {
            return;
        }
        // `after` may be 0. Before the first record is read, the driver cannot tell an empty subject from a tape that
        // lost its beginning.
        if self.reader.last() == 0 || self.own_last < after || self.merge.own_waiting() > 0 {
            return;
        }
        let build_logic = self.info.logic;
        let tape_logic = self.merge.cursor.epoch.as_ref().map_or(0, |epoch| epoch.logic);
        if tape_logic > build_logic {
            return self.stop(Stop::OlderLogic { build_logic, tape_logic });
        }
        self.epoch += 1; // the epochs on a tape count without a gap
        let ProcessIdentity { nonce, build } = self.identity.clone();
        let epoch = Epoch { number: self.epoch, owner: nonce, logic: build_logic, build };
        self.merge.cursor.epoch = Some(epoch.clone());
        self.push_entry(self.merge.cursor.progress, 0, self.merge.now(), epoch.into());
        self.phase = Phase::Owner;
        self.liveness.own_record();
    }

    fn on_answer(&mut self, answer: Answer) {
        let Some(in_flight) = &mut self.in_flight else { return };
        match answer {
            // An own record that was read is committed already.
            Answer::Committed(seq) if seq <= self.reader.last() => {
                return self.stop(Stop::WentBackwards { known: self.reader.last(), last: seq });
            }
            Answer::Committed(seq) => return self.commit(seq),
            Answer::WrongLast(Some(last)) if last < self.own_last => {
                return self.stop(Stop::WentBackwards { known: self.own_last, last });
            }
            // The tape will show the record at that sequence; until then the same bytes are retried.
            Answer::WrongLast(_) | Answer::Unknown => in_flight.in_doubt = true,
            Answer::Sealed => return self.stop(Stop::Sealed),
            Answer::Rejected(_) => {}
        }
        in_flight.failures = in_flight.failures.saturating_add(1);
        in_flight.repeat = true;
    }

    fn commit(&mut self, seq: u64) {
        let Some(in_flight) = self.in_flight.take() else { return };
        if seq <= self.own_last {
            return self.stop(Stop::WentBackwards { known: self.own_last, last: seq });
        }
        self.own_last = seq;
        self.liveness.own_record();
        self.own_hash = in_flight.hash;
        self.outputs.push_back(Output::Committed { seq, events: in_flight.events });
    }

    /// Decides the waiting inputs while the record being built has room.
    fn decide_waiting(&mut self) {
        while !self.building.is_full() {
            let Some((cause, decided)) = self.merge.decide_next() else { break };
            for (index, event) in (0..).zip(decided.events) {
                self.push_entry(cause, index, decided.at, event);
            }
            let cursor = &self.merge.cursor;
            if cursor.unanswered_inputs >= UNANSWERED_INPUTS_MAX || cursor.unanswered_clocks >= UNANSWERED_CLOCKS_MAX {
                self.push_progress();
            }
        }
        let is_due = self.draining || self.liveness.now >= self.liveness.heartbeat_at();
        if is_due && self.merge.inputs.is_empty() && self.merge.cursor.unanswered_inputs > 0 {
            self.push_progress();
            self.liveness.own_record();
        }
    }

    fn push_progress(&mut self) {
        self.merge.answered();
        self.push_entry(self.merge.cursor.input, 0, self.merge.now(), Progress {}.into());
    }

    fn push_entry(&mut self, cause: Offset, index: u32, at: TapeTime, event: Event) {
        self.building.push(&Entry { cause, index, at, event }, self.merge.cursor.inbox);
    }

    fn send_or_repeat(&mut self) {
        if self.in_flight.is_none() && !self.building.is_empty() {
            let (writer, inbox) = (self.info.writer, self.building.inbox);
            let header = Header { writer, epoch: self.epoch, prev_hash: self.own_hash, inbox };
            let (events, payload) = self.building.finish(&header);
            self.in_flight = Some(InFlight::new(payload, events));
        }
        if !self.guard.is_confirmed() {
            return;
        }
        let Some(in_flight) = self.in_flight.as_mut().filter(|in_flight| in_flight.repeat) else { return };
        in_flight.repeat = false;
        self.attempt += 1;
        self.outputs.push_back(Output::Append {
            attempt: self.attempt,
            failures: in_flight.failures,
            expected: self.own_last,
            payload: in_flight.payload.clone(),
        });
    }

    fn stop(&mut self, stop: Stop) {
        self.phase = Phase::Stopped;
        self.in_flight = None;
        self.outputs.push_back(Output::Stopped(stop));
    }
}
