//! A writer's record is what a fresh machine decides on the same inputs: all of it, once, in order, nothing else.
//!
//! A machine's decisions depend on its inputs and on its own earlier decisions alone. So it is run as inputs come,
//! ahead of the tape, and what it decides waits here until the writer's record says the same.

use std::collections::VecDeque;

use tapedeck_kernel::any::BoxedInput;
use tapedeck_kernel::driver::{UNANSWERED_CLOCKS_MAX, UNANSWERED_INPUTS_MAX};
use tapedeck_kernel::{About, AnyMachine as _, BoxedMachine, Decided, Fact, Inbox, Reads};
use tapedeck_schemas::event::Event;
use tapedeck_schemas::offset::{Offset, TapeTime};
use tapedeck_schemas::record::{Entry, Writer};

use super::rules::{Checks, Rule, Violation};
use crate::message::Message;

/// An input that was not answered yet.
#[derive(Debug)]
struct Waiting {
    cause: Offset,
    at: TapeTime,
    is_clock: bool,
    decisions: Vec<Event>,
}

/// Silent inputs that were passed over since the last answer.
#[derive(Debug, Default, Clone, Copy)]
struct Silence {
    inputs: u32,
    ticks: u32,
}

impl Silence {
    fn pass(&mut self, input: &Waiting) {
        self.inputs = self.inputs.saturating_add(1);
        self.ticks = self.ticks.saturating_add(u32::from(input.is_clock));
    }

    /// The input that reaches a bound is itself answered.
    fn is_bounded(self) -> bool {
        self.inputs < UNANSWERED_INPUTS_MAX && self.ticks < UNANSWERED_CLOCKS_MAX
    }
}

/// One writer's inputs, decided anew, and how far its records have answered them.
#[derive(Debug)]
pub(super) struct Answers {
    machine: BoxedMachine,
    pub(super) writer: Writer,
    pub(super) reads: Reads,
    waiting: VecDeque<Waiting>,
    progress: Offset,
    progress_at: TapeTime,
}

impl Answers {
    pub(super) fn new(machine: BoxedMachine) -> Self {
        let About { writer, reads, .. } = machine.about();
        Self { machine, writer, reads, waiting: VecDeque::new(), progress: Offset::START, progress_at: 0 }
    }

    fn input(&mut self, cause: Offset, input: &BoxedInput) {
        let Decided { events: decisions, at, is_clock } = self.machine.run(cause, input);
        self.waiting.push_back(Waiting { cause, at, is_clock, decisions });
    }

    /// Passes over what stands before `cause`, which must be silent, and not for too long; takes what stands there.
    fn take(&mut self, seq: u64, cause: Offset, checks: &mut Checks) -> Result<Waiting, Violation> {
        let mut silence = Silence::default();
        let passed = |checks: &mut Checks, silence: Silence| {
            checks.check(Rule::SilenceIsBounded, silence.is_bounded(), || {
                format!("{} {seq}: {silence:?} before the answer to {cause}", self.writer)
            })
        };
        while self.waiting.front().is_some_and(|input| input.cause <= cause) {
            let Some(input) = self.waiting.pop_front() else { break };
            if input.cause == cause {
                passed(checks, silence)?;
                checks.check(Rule::EveryCauseIsAnInput, true, String::new)?;
                return Ok(input);
            }
            checks.check(Rule::EveryDecisionIsMade, input.decisions.is_empty(), || {
                format!("{} {seq} answers {cause}, but not {}: {:?}", self.writer, input.cause, input.decisions)
            })?;
            silence.pass(&input);
        }
        let detail = || format!("{} {seq} answers {cause}: no input, or answered (to {})", self.writer, self.progress);
        Err(checks.check(Rule::EveryCauseIsAnInput, false, detail).expect_err("it does not hold"))
    }

    fn epoch(&mut self, seq: u64, entry: &Entry, checks: &mut Checks) -> Result<(), Violation> {
        let (cause, progress) = (entry.cause, self.progress);
        checks.check(Rule::EpochRepeatsProgress, cause == progress && entry.at == self.progress_at, || {
            format!("{} {seq}: an Epoch at {cause}, time {}; the last answer is to {progress}", self.writer, entry.at)
        })
    }

    fn progress(&mut self, seq: u64, entry: &Entry, checks: &mut Checks) -> Result<(), Violation> {
        let input = self.take(seq, entry.cause, checks)?;
        checks.check(Rule::ProgressIsSilence, input.decisions.is_empty(), || {
            format!("{} {seq}: Progress at {}, which decides {:?}", self.writer, entry.cause, input.decisions)
        })?;
        checks.check(Rule::TimeOfCause, entry.at == input.at, || {
            format!("{} {seq}: Progress at {} has time {}, not {}", self.writer, entry.cause, entry.at, input.at)
        })?;
        (self.progress, self.progress_at) = (input.cause, input.at);
        Ok(())
    }

    /// The decisions at the head of a record's rest; gives what follows them.
    fn decisions<'a>(&mut self, seq: u64, rest: &'a [Entry], checks: &mut Checks) -> Result<&'a [Entry], Violation> {
        let cause = rest[0].cause;
        let input = self.take(seq, cause, checks)?;
        let (decided, writer) = (&input.decisions, self.writer);
        let same = |entry: &&Entry| entry.cause == cause && !is_the_drivers(entry);
        let here = rest.iter().take_while(same).count();
        let recorded = &rest[..here.min(decided.len())];
        for ((index, entry), event) in (0..).zip(recorded).zip(decided) {
            checks.check(Rule::DecisionsAsFolded, entry.index == index && entry.event == *event, || {
                format!("{writer} {seq}: {cause} decides {index} {event:?}, recorded is {entry:?}")
            })?;
            checks.check(Rule::TimeOfCause, entry.at == input.at, || {
                format!("{writer} {seq}: the answer to {cause} has time {}, not {}", entry.at, input.at)
            })?;
        }
        let whole = here >= decided.len() || here < rest.len();
        checks.check(Rule::CauseInOneRecord, whole, || {
            format!("{writer} {seq} ends after {here} of {} decisions on {cause}", decided.len())
        })?;
        checks.check(Rule::DecisionsAsFolded, here == decided.len(), || {
            format!("{writer} {seq}: {here} decisions on {cause}, a fresh machine has {}: {decided:?}", decided.len())
        })?;
        (self.progress, self.progress_at) = (cause, input.at);
        Ok(&rest[here..])
    }

    /// The facts of a record on the tape, of any writer.
    pub(super) fn facts(&mut self, seq: u64, facts: &[Option<Fact>]) {
        let Reads::Tape(writers) = self.reads else { return };
        // The driver's own facts are nobody's input, but count in the offset.
        for (index, fact) in (0..).zip(facts) {
            let Some(fact) = fact.as_ref().filter(|fact| writers.contains(&fact.writer)) else { continue };
            if let Some(input) = self.machine.from_fact(fact.clone()) {
                self.input(Offset::new(seq, index), &input);
            }
        }
    }

    /// A message of an inbox.
    pub(super) fn message(&mut self, inbox: Inbox, message: &Message) {
        if self.reads != Reads::Inbox(inbox) {
            return;
        }
        let inputs = self.machine.from_message(&message.subject, message.stamp, &message.payload);
        for (index, input) in (0..).zip(inputs) {
            self.input(Offset::new(message.seq, index), &input);
        }
    }

    /// A record of this writer.
    pub(super) fn record(&mut self, seq: u64, entries: &[Entry], checks: &mut Checks) -> Result<(), Violation> {
        let mut rest = entries;
        while let Some(entry) = rest.first() {
            rest = match entry.event {
                Event::Epoch(_) => self.epoch(seq, entry, checks).map(|()| &rest[1..])?,
                Event::Progress(_) => self.progress(seq, entry, checks).map(|()| &rest[1..])?,
                _ => self.decisions(seq, rest, checks)?,
            };
        }
        Ok(())
    }

    /// The first input up to here that was not answered.
    pub(super) fn unanswered(&self, up_to: Offset) -> Option<Offset> {
        self.waiting.front().map(|input| input.cause).filter(|cause| *cause <= up_to)
    }

    /// The end of a run at rest.
    pub(super) fn finish(&self, checks: &mut Checks) -> Result<(), Violation> {
        let mut silence = Silence::default();
        for input in &self.waiting {
            checks.check(Rule::AllIsAnswered, input.decisions.is_empty(), || {
                format!("{} never answered {}: {:?}", self.writer, input.cause, input.decisions)
            })?;
            silence.pass(input);
        }
        checks.check(Rule::AllIsAnswered, silence.is_bounded(), || {
            format!("{} is silent since {}: {silence:?}", self.writer, self.progress)
        })
    }
}

fn is_the_drivers(entry: &Entry) -> bool {
    matches!(entry.event, Event::Epoch(_) | Event::Progress(_))
}
