//! The records of a writer hold exactly the decisions of a new machine on the same inputs, once and in order.
//!
//! The decisions of a machine depend only on its inputs and its earlier decisions. So the machine runs as inputs are
//! stored, ahead of the tape, and its decisions are kept until the writer's record is compared with them.

use std::collections::VecDeque;

use tapedeck_kernel::any::BoxedInput;
use tapedeck_kernel::driver::{UNANSWERED_CLOCKS_MAX, UNANSWERED_INPUTS_MAX};
use tapedeck_kernel::{AnyMachine as _, BoxedMachine, Cause, Decided, Fact, Inbox, MachineInfo, Reads};
use tapedeck_schemas::event::Event;
use tapedeck_schemas::offset::{Offset, TapeTime};
use tapedeck_schemas::record::{Entry, InboxPrefix, Writer};

use super::inboxes::InboxDigests;
use super::rules::{Checks, Rule, Violation};
use crate::message::Message;

/// An input that is not answered yet.
#[derive(Debug)]
struct Waiting {
    cause: Offset,
    /// Tape time of the decisions.
    at: TapeTime,
    /// Tape time after the input.
    now: TapeTime,
    is_clock: bool,
    decisions: Vec<Event>,
}

/// The inputs without an answer since the last one.
#[derive(Debug, Default, Clone, Copy)]
struct Unanswered {
    inputs: u32,
    clocks: u32,
}

impl Unanswered {
    fn add(&mut self, input: &Waiting) {
        self.inputs = self.inputs.saturating_add(1);
        self.clocks = self.clocks.saturating_add(u32::from(input.is_clock));
    }

    /// The input that reaches a bound is itself answered.
    fn is_bounded(self) -> bool {
        self.inputs < UNANSWERED_INPUTS_MAX && self.clocks < UNANSWERED_CLOCKS_MAX
    }
}

/// The machine of one writer, and its inputs that are not answered yet.
#[derive(Debug)]
pub(super) struct Answers {
    machine: BoxedMachine,
    pub(super) writer: Writer,
    pub(super) reads: Reads,
    waiting: VecDeque<Waiting>,
    progress: Offset,
    progress_at: TapeTime,
    now: TapeTime,
    /// For a machine that reads an inbox beside the tape: tape time of its last fact, and of the tape so far.
    read: (TapeTime, TapeTime),
    inbox: InboxDigests,
}

/// The machine is replaced by its restored copy after one in this number of inputs.
const RESTORE_EVERY: u64 = 61;

impl Answers {
    pub(super) fn new(machine: BoxedMachine) -> Self {
        let MachineInfo { writer, reads, .. } = machine.info();
        let (waiting, progress) = (VecDeque::new(), Offset::START);
        Self {
            machine,
            writer,
            reads,
            waiting,
            progress,
            progress_at: 0,
            now: 0,
            read: (0, 0),
            inbox: InboxDigests::default(),
        }
    }

    fn input(&mut self, offset: Offset, input: &BoxedInput) {
        self.now = self.now.max(self.machine.advances(input).unwrap_or_default());
        let Decided { events: decisions, at } = self.machine.run(Cause { offset, now: self.now }, input);
        if self.writer == Writer::Ingest && !decisions.is_empty() {
            self.now = self.now.max(at);
        }
        let is_clock = self.machine.is_clock(input);
        self.waiting.push_back(Waiting { cause: offset, at, now: self.now, is_clock, decisions });
        if (offset.seq * 7 + u64::from(offset.index)).is_multiple_of(RESTORE_EVERY) {
            self.machine = self.machine.restore(&self.machine.save()).expect("a saved state");
        }
    }

    /// Whether tape time comes from the tape beside the inputs, so that it is no function of them.
    fn reads_time(&self) -> bool {
        matches!(self.reads, Reads::Inbox(_)) && self.writer != Writer::Ingest
    }

    fn check_time(&mut self, seq: u64, entry: &Entry, at: TapeTime, checks: &mut Checks) -> Result<(), Violation> {
        let (least, most) = if self.reads_time() { self.read } else { (at, at) };
        self.read.0 = entry.at;
        checks.check(Rule::TimeOfCause, (least..=most).contains(&entry.at), || {
            format!("{} {seq}: the answer to {} has time {}, not {least} to {most}", self.writer, entry.cause, entry.at)
        })
    }

    /// Takes the input at `cause`. The inputs before it must need no answer.
    fn take(&mut self, seq: u64, cause: Offset, checks: &mut Checks) -> Result<Waiting, Violation> {
        let mut unanswered = Unanswered::default();
        let check_bounds = |checks: &mut Checks, unanswered: Unanswered| {
            checks.check(Rule::UnansweredIsBounded, unanswered.is_bounded(), || {
                format!("{} {seq}: {unanswered:?} before the answer to {cause}", self.writer)
            })
        };
        while self.waiting.front().is_some_and(|input| input.cause <= cause) {
            let Some(input) = self.waiting.pop_front() else { break };
            if input.cause == cause {
                check_bounds(checks, unanswered)?;
                checks.check(Rule::EveryCauseIsAnInput, true, String::new)?;
                return Ok(input);
            }
            checks.check(Rule::EveryDecisionIsMade, input.decisions.is_empty(), || {
                format!("{} {seq} answers {cause}, but not {}: {:?}", self.writer, input.cause, input.decisions)
            })?;
            unanswered.add(&input);
        }
        let detail = || {
            format!("{} {seq} answers {cause}: no input, or answered already (up to {})", self.writer, self.progress)
        };
        Err(checks.check(Rule::EveryCauseIsAnInput, false, detail).expect_err("it does not hold"))
    }

    fn epoch(&mut self, seq: u64, entry: &Entry, checks: &mut Checks) -> Result<(), Violation> {
        let (cause, progress) = (entry.cause, self.progress);
        self.check_time(seq, entry, self.progress_at, checks)?;
        checks.check(Rule::EpochRepeatsProgress, cause == progress, || {
            format!("{} {seq}: an Epoch at {cause}, time {}; the last answer is to {progress}", self.writer, entry.at)
        })
    }

    fn progress(&mut self, seq: u64, entry: &Entry, checks: &mut Checks) -> Result<(), Violation> {
        let input = self.take(seq, entry.cause, checks)?;
        checks.check(Rule::ProgressAnswersNoDecision, input.decisions.is_empty(), || {
            format!("{} {seq}: Progress at {}, which decides {:?}", self.writer, entry.cause, input.decisions)
        })?;
        self.check_time(seq, entry, input.now, checks)?;
        (self.progress, self.progress_at) = (input.cause, input.now);
        Ok(())
    }

    /// Compares the decisions at the start of a record's rest; returns the entries after them.
    fn decisions<'a>(&mut self, seq: u64, rest: &'a [Entry], checks: &mut Checks) -> Result<&'a [Entry], Violation> {
        let cause = rest[0].cause;
        let input = self.take(seq, cause, checks)?;
        let (decided, writer) = (&input.decisions, self.writer);
        let is_same_cause = |entry: &&Entry| entry.cause == cause && !is_of_the_driver(entry);
        let here = rest.iter().take_while(is_same_cause).count();
        let recorded = &rest[..here.min(decided.len())];
        for ((index, entry), event) in (0..).zip(recorded).zip(decided) {
            checks.check(Rule::DecisionsAsFolded, entry.index == index && entry.event == *event, || {
                format!("{writer} {seq}: {cause} decides {index} {event:?}, recorded is {entry:?}")
            })?;
            self.check_time(seq, entry, input.at, checks)?;
        }
        let whole = here >= decided.len() || here < rest.len();
        checks.check(Rule::CauseInOneRecord, whole, || {
            format!("{writer} {seq} ends after {here} of {} decisions on {cause}", decided.len())
        })?;
        checks.check(Rule::DecisionsAsFolded, here == decided.len(), || {
            format!("{writer} {seq}: {here} decisions on {cause}, a new machine has {}: {decided:?}", decided.len())
        })?;
        (self.progress, self.progress_at) = (cause, input.now);
        Ok(&rest[here..])
    }

    /// The facts of a record on the tape, of any writer.
    pub(super) fn facts(&mut self, seq: u64, facts: &[Option<Fact>]) {
        if self.reads_time() {
            let times = facts.iter().flatten().filter(|fact| fact.writer == Writer::Ingest).map(|fact| fact.at);
            self.read.1 = times.fold(self.read.1, TapeTime::max);
        }
        let Reads::Tape(writers) = self.reads else { return };
        // The driver's own facts are no inputs, but count in the offset.
        for (index, fact) in (0..).zip(facts) {
            let Some(fact) = fact.as_ref().filter(|fact| writers.contains(&fact.writer)) else { continue };
            if let Some(input) = self.machine.input_of_fact(fact.clone()) {
                self.input(Offset::new(seq, index), &input);
            }
        }
    }

    /// A message of an inbox.
    pub(super) fn message(&mut self, inbox: Inbox, message: &Message) {
        if self.reads != Reads::Inbox(inbox) {
            return;
        }
        self.inbox.push(message);
        let inputs = self.machine.inputs_of_message(&message.subject, message.stamp, &message.payload);
        for (index, input) in (0..).zip(inputs) {
            self.input(Offset::new(message.seq, index), &input);
        }
    }

    /// A record of this writer.
    pub(super) fn record(
        &mut self,
        seq: u64,
        inbox: Option<InboxPrefix>,
        entries: &[Entry],
        checks: &mut Checks,
    ) -> Result<(), Violation> {
        let mut rest = entries;
        while let Some(entry) = rest.first() {
            rest = match entry.event {
                Event::Epoch(_) => self.epoch(seq, entry, checks).map(|()| &rest[1..])?,
                Event::Progress(_) => self.progress(seq, entry, checks).map(|()| &rest[1..])?,
                _ => self.decisions(seq, rest, checks)?,
            };
        }
        let read = entries.last().and_then(|entry| self.inbox.up_to(entry.cause));
        checks.check(Rule::RecordsCarryTheInbox, inbox == read, || {
            format!("{} {seq} carries the inbox {inbox:?}, not {read:?}", self.writer)
        })
    }

    /// The first unanswered input up to `up_to`.
    pub(super) fn unanswered(&self, up_to: Offset) -> Option<Offset> {
        self.waiting.front().map(|input| input.cause).filter(|cause| *cause <= up_to)
    }

    /// The end of a run at rest.
    pub(super) fn finish(&self, checks: &mut Checks) -> Result<(), Violation> {
        let mut unanswered = Unanswered::default();
        for input in &self.waiting {
            checks.check(Rule::AllIsAnswered, input.decisions.is_empty(), || {
                format!("{} never answered {}: {:?}", self.writer, input.cause, input.decisions)
            })?;
            unanswered.add(input);
        }
        checks.check(Rule::AllIsAnswered, unanswered.is_bounded(), || {
            format!("{} has not answered since {}: {unanswered:?}", self.writer, self.progress)
        })
    }
}

fn is_of_the_driver(entry: &Entry) -> bool {
    matches!(entry.event, Event::Epoch(_) | Event::Progress(_))
}
