//! The driver: makes a machine's decisions happen exactly once on the tape, fenced, without leases. Sans-IO.
//!
//! The contract: after every [`Driver::handle`], call [`Driver::poll`] until it returns `None` and do what it
//! says. At most one append is in flight; it is repeated with the same bytes and the same expectation until the
//! tape itself shows what became of it. Nothing is ever renumbered.

use std::collections::VecDeque;
use std::sync::Arc;

use tapedeck_schemas::event::{Epoch, Event, Progress};
use tapedeck_schemas::ids::TapeId;
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::{self, Entry, Header, RecordHash, Writer};

use crate::any::{About, AnyMachine};
use crate::builder::Builder;
use crate::machine::Reads;
use crate::merge::MergeJoin;
use crate::tape::{TapeRead, TapeReader, TapeRecord};

pub use crate::protocol::{Answer, FencedBy, Input, Output, Owner, Stop};

/// Most inputs that wait in the driver; beyond it the shell stops pulling.
pub const QUEUED_INPUTS_MAX: usize = 8192;
/// Most unanswered inputs in a row before the driver answers with `Progress`.
pub const UNANSWERED_INPUTS_MAX: u32 = 4096;
/// Every this many unanswered ticks in a row, the driver answers with `Progress`.
pub const UNANSWERED_CLOCKS_MAX: u32 = 10;

#[derive(Debug)]
enum Phase {
    /// MergeJoin-joins the tape, deciding nothing; up to and with the own record at `until`, if set.
    Following {
        until: Option<u64>,
    },
    /// Decides and appends.
    Owner,
    Stopped,
}

#[derive(Debug)]
struct InFlight {
    payload: Arc<[u8]>,
    hash: RecordHash,
    events: usize,
    failures: u32,
    /// Whether it may be on the tape without our knowing.
    in_doubt: bool,
    /// Whether the last attempt failed, so that the next poll repeats it.
    repeat: bool,
}

/// Drives one machine.
#[derive(Debug)]
pub struct Driver<M: AnyMachine> {
    about: About,
    merge: MergeJoin<M>,
    reader: TapeReader,
    phase: Phase,
    owner: Owner,
    /// The fence: sequence of the last message on the own subject.
    own_last: u64,
    own_hash: RecordHash,
    epoch: u64,
    building: Builder,
    in_flight: Option<InFlight>,
    attempt: u64,
    unanswered_inputs: u32,
    unanswered_clocks: u32,
    last_input: Offset,
    inbox_last: u64,
    /// Whether what is silent is to be answered now.
    heartbeat_due: bool,
    draining: bool,
    outputs: VecDeque<Output>,
}

impl<M: AnyMachine> Driver<M> {
    /// Follows the tape without deciding, until [`Driver::take_over`].
    pub fn follow(machine: M, tape: TapeId, owner: Owner) -> Self {
        Self {
            about: machine.about(),
            merge: MergeJoin::new(machine),
            reader: TapeReader::new(tape),
            phase: Phase::Following { until: None },
            owner,
            own_last: 0,
            own_hash: RecordHash::default(),
            epoch: 0,
            building: Builder::default(),
            in_flight: None,
            attempt: 0,
            unanswered_inputs: 0,
            unanswered_clocks: 0,
            last_input: Offset::START,
            inbox_last: 0,
            heartbeat_due: false,
            draining: false,
            outputs: VecDeque::new(),
        }
    }

    /// Becomes the owner as soon as the own record at `last_own` (by a leader's read; 0 for none) is taken in.
    pub fn take_over(&mut self, last_own: u64) {
        if let Phase::Following { until } = &mut self.phase {
            *until = Some(last_own);
            self.try_own();
        }
    }

    /// The machine, as far as it has judged.
    pub fn machine(&self) -> &M {
        &self.merge.machine
    }
    /// Whether it decides and appends.
    pub fn is_owner(&self) -> bool {
        matches!(self.phase, Phase::Owner)
    }
    /// Whether nothing is left to do: no input waits and nothing is unacknowledged.
    pub fn is_idle(&self) -> bool {
        self.is_owner() && self.merge.inputs.is_empty() && self.in_flight.is_none() && self.building.is_empty()
    }
    /// Whether an input waits to be judged (by the owner, seen from a standby).
    pub fn has_waiting_inputs(&self) -> bool {
        !self.merge.inputs.is_empty()
    }
    /// Tape time of the last input taken in, ns.
    pub fn at(&self) -> u64 {
        self.merge.at
    }
    /// Whether the shell should hand on the next tape message.
    pub fn wants_tape(&self) -> bool {
        match (&self.phase, self.about.reads) {
            (Phase::Stopped, _) => false,
            // In doubt about an append, only the tape can tell: read on, whatever waits.
            (Phase::Owner, Reads::Tape(_)) => {
                self.wants_input() || self.in_flight.as_ref().is_some_and(|one| one.in_doubt)
            }
            (Phase::Following { .. }, Reads::Inbox(_)) => self.merge.own_waiting() < QUEUED_INPUTS_MAX,
            (Phase::Owner, Reads::Inbox(_)) | (Phase::Following { .. }, Reads::Tape(_)) => true,
        }
    }
    /// Whether the shell should hand on the next inbox message.
    pub fn wants_inbox(&self) -> bool {
        matches!(self.about.reads, Reads::Inbox(_)) && self.wants_input()
    }
    fn wants_input(&self) -> bool {
        let room = self.merge.inputs.len() < QUEUED_INPUTS_MAX;
        room && !self.draining && !matches!(self.phase, Phase::Stopped)
    }
    /// The last tape sequence taken in.
    pub fn tape_last(&self) -> u64 {
        self.reader.last()
    }
    /// The own subject's last sequence, as far as known.
    pub fn own_last(&self) -> u64 {
        self.own_last
    }
    /// Offset of the last input judged.
    pub fn last_input(&self) -> Offset {
        self.last_input
    }
    /// How many failed attempts the append in flight has behind it.
    pub fn failures(&self) -> u32 {
        self.in_flight.as_ref().map_or(0, |in_flight| in_flight.failures)
    }

    /// Takes in what happened.
    pub fn handle(&mut self, input: Input<'_>) {
        if matches!(self.phase, Phase::Stopped) {
            return;
        }
        match input {
            Input::Tape { seq, writer, payload } => self.on_tape(seq, writer, payload),
            Input::Inbox { seq, subject, stamp, payload } => {
                if seq != self.inbox_last + 1 {
                    return self.stop(Stop::Inbox { expected: self.inbox_last + 1, got: seq });
                }
                self.inbox_last = seq;
                self.merge.push_message(seq, subject, stamp, payload);
                self.follow_on();
            }
            Input::Answer { attempt, answer } if attempt == self.attempt => self.on_answer(answer),
            Input::Answer { .. } => {}
            Input::Heartbeat => self.heartbeat_due = true,
            Input::Drain => self.draining = true,
        }
    }

    /// What to do next; call until `None`.
    pub fn poll(&mut self) -> Option<Output> {
        if matches!(self.phase, Phase::Owner) {
            self.decide_waiting();
            self.send_or_repeat();
        }
        if self.draining && self.outputs.is_empty() {
            let done = match self.phase {
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

    fn on_tape(&mut self, seq: u64, writer: Option<Writer>, payload: &[u8]) {
        let own = writer == Some(self.about.writer);
        match self.reader.read(seq, writer, payload) {
            Err(fault) => return self.stop(Stop::Tape(fault)),
            Ok(TapeRead::Invalid { why, .. }) => {
                self.outputs.push_back(Output::InvalidRecord { seq, why });
                if own {
                    self.on_own(seq, None);
                }
            }
            Ok(TapeRead::Record(record)) if own => self.on_own(seq, Some(record)),
            Ok(TapeRead::Record(record)) if self.about.reads_facts_of(record.header.writer) => {
                self.merge.push_facts(record)
            }
            Ok(TapeRead::Record(_)) => {}
        }
        self.follow_on();
    }

    /// A message on the own subject: mine, a rival's, or void (`None`).
    fn on_own(&mut self, seq: u64, record: Option<TapeRecord>) {
        if matches!(self.phase, Phase::Following { .. }) {
            self.own_last = seq;
            if let Some(record) = record {
                self.own_hash = record.hash;
                self.epoch = record.header.epoch;
                self.merge.push_own(record.entries);
            }
            return;
        }
        if seq <= self.own_last {
            return; // acknowledged before it was read
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
        match self.merge.join(|machine, at, input, answers, _| Ok::<_, Stop>(machine.follow(at, input, answers))) {
            Err(stop) => self.stop(stop),
            Ok(()) => self.try_own(),
        }
    }

    fn try_own(&mut self) {
        let Phase::Following { until: Some(until) } = self.phase else { return };
        // It must have seen that this is the right tape, from its beginning: only then is "none of mine" the truth.
        if self.reader.last() == 0 || self.own_last < until || self.merge.own_waiting() > 0 {
            return;
        }
        let ours = self.about.logic;
        if let Some(theirs) = self.merge.epoch.as_ref().map(|epoch| epoch.logic).filter(|theirs| *theirs > ours) {
            return self.stop(Stop::OlderLogic { ours, theirs });
        }
        self.epoch = self.epoch.max(self.merge.epoch.as_ref().map_or(0, |epoch| epoch.number)) + 1;
        self.last_input = self.merge.progress;
        let Owner { nonce, build } = self.owner.clone();
        let epoch = Epoch { number: self.epoch, owner: nonce, logic: ours, build };
        self.push_entry(self.merge.progress, 0, epoch.into());
        self.phase = Phase::Owner;
    }

    fn on_answer(&mut self, answer: Answer) {
        let Some(in_flight) = &mut self.in_flight else { return };
        match answer {
            Answer::Committed(seq) => return self.commit(seq),
            Answer::WrongLast(Some(last)) if last < self.own_last => {
                return self.stop(Stop::WentBackwards { known: self.own_last, last });
            }
            // The tape will show whose record stands there; until then the same bytes are offered again.
            Answer::WrongLast(_) | Answer::Unknown => in_flight.in_doubt = true,
            Answer::Refused(_) => {}
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
        self.own_hash = in_flight.hash;
        self.outputs.push_back(Output::Committed { seq, events: in_flight.events });
    }

    /// Judges what waits, as far as the record being built has room.
    fn decide_waiting(&mut self) {
        while !self.building.is_full() {
            let Some((at, input)) = self.merge.inputs.pop_front() else { break };
            let decided = self.merge.machine.run(at, &input);
            self.merge.at = decided.at;
            self.last_input = at;
            if decided.events.is_empty() {
                self.unanswered_inputs += 1;
                self.unanswered_clocks += u32::from(decided.is_clock);
                if self.unanswered_inputs >= UNANSWERED_INPUTS_MAX || self.unanswered_clocks >= UNANSWERED_CLOCKS_MAX {
                    self.push_progress();
                }
                continue;
            }
            (self.unanswered_inputs, self.unanswered_clocks) = (0, 0);
            for (index, event) in (0..).zip(decided.events) {
                self.push_entry(at, index, event);
            }
        }
        if (self.draining || self.heartbeat_due) && self.merge.inputs.is_empty() && self.unanswered_inputs > 0 {
            self.push_progress();
        }
        self.heartbeat_due = false;
    }

    fn push_progress(&mut self) {
        (self.unanswered_inputs, self.unanswered_clocks) = (0, 0);
        self.push_entry(self.last_input, 0, Progress {}.into());
    }

    fn push_entry(&mut self, cause: Offset, index: u32, event: Event) {
        self.building.push(&Entry { cause, index, at: self.merge.at, event });
    }

    fn send_or_repeat(&mut self) {
        if self.in_flight.is_none() && !self.building.is_empty() {
            let header = Header { writer: self.about.writer, epoch: self.epoch, prev_hash: self.own_hash };
            let (events, encoded) = self.building.take();
            let payload: Arc<[u8]> = record::assemble(&header, events, &encoded).into();
            let hash = RecordHash::of(&payload);
            self.in_flight = Some(InFlight { payload, hash, events, failures: 0, in_doubt: false, repeat: true });
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
