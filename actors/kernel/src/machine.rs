//! A machine: the pure state machine of one writer. Its whole contract is in this file.

use std::sync::Arc;

use tapedeck_schemas::command::Command;
use tapedeck_schemas::event::{Event, Kind, MalformedDetail, RefusalReason};
use tapedeck_schemas::generation::StreamFamily;
use tapedeck_schemas::ids::{InstrumentId, SourceId};
use tapedeck_schemas::market::{self, Malformed, MarketEvent};
use tapedeck_schemas::offset::{Offset, TapeTime};
use tapedeck_schemas::record::Writer;
use tapedeck_schemas::subject::{OPERATOR_SOURCE, parse_market_subject, subject_source};

use crate::state::BadState;

/// A deterministic function of its inputs, in order.
///
/// For each input, [`step`] calls `observe`, then `decide`, then `apply` for each decision. A machine that follows a
/// tape calls `observe`, then `apply` for each recorded decision. No clock, no randomness, no iteration over unordered
/// maps, no IO, no logging. A machine cannot fail: an invalid input is answered by a fact with the reason.
///
/// All that changes between inputs is in the bytes that `save` returns. Configuration, such as the list of checks, is
/// not in them: it is part of the build, and `LOGIC` is its version.
pub trait Machine: std::fmt::Debug + Send + Sized + 'static {
    /// Type of its inputs: [`Fact`] from the tape, or the entries of an inbox.
    type Input: MachineInput;
    /// What an input meant against the state before it, for the decisions on it.
    type Observed: std::fmt::Debug;
    /// The writer that it decides for: subject token, metric label and name in every tool.
    const WRITER: Writer;
    /// Incremented by every change that alters a decision on any input. A test of each machine pins a digest of its
    /// decisions, and fails after such a change.
    const LOGIC: u32;
    /// Version of the encoding that `save` returns. Incremented by every change of it. A test of each machine pins a
    /// digest of its state, and fails after such a change.
    const STATE: u32;

    /// The source of its inputs.
    fn reads() -> Reads;
    /// Applies an input to the state. Never fails.
    fn observe(&mut self, cause: Cause, input: &Self::Input) -> Self::Observed;
    /// Decides on the input just observed. The facts on one input must fit into half a record (128 KiB encoded, 2,048
    /// facts): the driver panics if a record overflows.
    fn decide(&self, cause: Cause, input: &Self::Input, observed: &Self::Observed, out: &mut Out);
    /// Applies a decision of this machine to the state, right after the input that it answers, not where its record
    /// lies on the tape. Never fails.
    fn apply(&mut self, cause: Cause, observed: &Self::Observed, own: &Event);

    /// The state as bytes, the same for equal states.
    fn save(&self) -> Vec<u8>;
    /// A machine of the same configuration as this one, in a saved state. Fails if `save` of this `STATE` did not
    /// return the bytes.
    fn restore(&self, saved: &[u8]) -> Result<Self, BadState>;
}

/// The input that a machine handles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cause {
    /// Offset of the input.
    pub offset: Offset,
    /// Tape time, ns: the running maximum of the `at` of ingest's facts up to this input, the input included. For
    /// ingest: up to its last decision. For control: up to the record of the tape that its driver has read, which is
    /// not a function of its inputs, so that no decision may depend on it.
    pub now: TapeTime,
}

/// The source of a machine's inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    /// The facts of these writers, from the tape.
    Tape(&'static [Writer]),
    /// The entries of an inbox stream, in order.
    Inbox(Inbox),
}

/// The inbox streams of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inbox {
    /// `INBOX_<p>_G<g>`: market events.
    Market,
    /// `COMMAND_<p>_G<g>`: operators' commands.
    Command,
}

impl Inbox {
    /// Every inbox.
    pub const ALL: [Inbox; 2] = [Inbox::Market, Inbox::Command];

    /// What a printed cause in this inbox begins with: `inbox` as in `inbox.g1:12.3`, or `command`.
    pub const fn prefix(self) -> &'static str {
        match self {
            Inbox::Market => "inbox",
            Inbox::Command => "command",
        }
    }

    /// The stream of the inbox, without partition and generation.
    pub const fn family(self) -> StreamFamily {
        match self {
            Inbox::Market => StreamFamily::Inbox,
            Inbox::Command => StreamFamily::Command,
        }
    }
}

/// The decisions on one input, in order, and their tape time.
#[derive(Debug)]
pub struct Out {
    events: Vec<Event>,
    at: TapeTime,
}

impl Out {
    /// No decisions, at a tape time.
    pub fn new(at: TapeTime) -> Self {
        Self { events: Vec::new(), at }
    }
    /// Advances the tape time of the decisions to `time`, unless it is later already. Only ingest makes tape time.
    pub fn advance(&mut self, time: TapeTime) {
        self.at = self.at.max(time);
    }
    /// Tape time of the decisions, ns.
    pub fn at(&self) -> TapeTime {
        self.at
    }
    /// Decides a fact.
    pub fn push(&mut self, event: impl Into<Event>) {
        self.events.push(event.into());
    }
    /// Number of facts decided so far, which is the index of the next one.
    pub fn len(&self) -> usize {
        self.events.len()
    }
    /// Whether nothing was decided.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }
    /// The decided facts, for a machine that wraps another.
    pub fn into_events(self) -> Vec<Event> {
        self.events
    }
}

/// Observes an input, decides, and applies the decisions, which it returns. The only caller of `decide`.
pub fn step<M: Machine>(machine: &mut M, cause: Cause, input: &M::Input) -> Out {
    let mut out = Out::new(input.at(cause.now));
    let observed = machine.observe(cause, input);
    machine.decide(cause, input, &observed, &mut out);
    for event in &out.events {
        machine.apply(cause, &observed, event);
    }
    out
}

/// An input of a machine: how it is decoded, and whether it is only a clock.
pub trait MachineInput: std::fmt::Debug + Sized + Send + 'static {
    /// Whether the input only advances tape time. After
    /// [`UNANSWERED_CLOCKS_MAX`](crate::driver::UNANSWERED_CLOCKS_MAX) unanswered ones the driver appends `Progress`.
    fn is_clock(&self) -> bool;
    /// Tape time of the decisions on this input, ns; `now` is that of its [`Cause`].
    fn at(&self, now: TapeTime) -> TapeTime {
        now
    }
    /// The tape time that the input advances to, if it is a fact of ingest.
    fn advances(&self) -> Option<TapeTime> {
        None
    }
    /// The input for a fact, for a machine that reads the tape.
    fn from_fact(_fact: Fact) -> Option<Self> {
        None
    }
    /// The inputs in a message of an inbox, for a machine that reads one. There is always at least one: a message that
    /// does not decode is an input with the error.
    fn from_message(_subject: &str, _stamp: u64, _payload: &[u8]) -> Vec<Self> {
        Vec::new()
    }
}

/// A fact from the tape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// The writer that decided it.
    pub writer: Writer,
    /// Tape time of its cause, ns.
    pub at: TapeTime,
    /// The decision.
    pub event: Event,
}

impl MachineInput for Fact {
    fn is_clock(&self) -> bool {
        matches!(self.event.kind(), Kind::ClockAdvanced)
    }
    fn at(&self, _now: TapeTime) -> TapeTime {
        self.at
    }
    fn advances(&self) -> Option<TapeTime> {
        (self.writer == Writer::Ingest).then_some(self.at)
    }
    fn from_fact(fact: Fact) -> Option<Self> {
        Some(fact)
    }
}

/// A market event in an inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarketEntry {
    /// Subject of the message.
    pub subject: Arc<str>,
    /// The instrument in the subject; `None` if it is not a market subject.
    pub instrument: Option<InstrumentId>,
    /// Time at which JetStream stored the message, ns.
    pub stamp: u64,
    /// The event, or the reason why it does not decode.
    pub event: Result<MarketEvent, Malformed>,
}

impl MachineInput for MarketEntry {
    fn is_clock(&self) -> bool {
        false // each is answered, heartbeats too
    }
    fn from_message(subject: &str, stamp: u64, payload: &[u8]) -> Vec<Self> {
        let shared: Arc<str> = subject.into();
        let entry = |instrument, event| MarketEntry { subject: shared.clone(), instrument, stamp, event };
        let (instrument, kind) = match parse_market_subject(subject) {
            Ok(found) => found,
            Err(detail) => {
                let source = subject_source(subject);
                return vec![entry(None, Err(Malformed { detail, source, seq: None }))];
            }
        };
        let events = market::decode(kind, payload);
        let subject = subject_source(subject);
        events.into_iter().map(|event| entry(Some(instrument), of_source(event, subject))).collect()
    }
}

/// The event if its source is the one in its subject. The broker writes that one where publishers have keys, so the
/// source of what does not decode, or names another, is the one in the subject too.
fn of_source(event: Result<MarketEvent, Malformed>, subject: Option<SourceId>) -> Result<MarketEvent, Malformed> {
    match event {
        Ok(MarketEvent { source, seq, .. })
            if subject.map_or(source.as_str() == OPERATOR_SOURCE, |subject| subject != source) =>
        {
            let detail = MalformedDetail::ForeignSource { source, subject };
            Err(Malformed { detail, source: subject, seq: Some(seq) })
        }
        Err(malformed) if subject.is_some() => Err(Malformed { source: subject, ..malformed }),
        event => event,
    }
}

/// A command in an inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandEntry {
    /// Subject of the message.
    pub subject: Arc<str>,
    /// Time at which JetStream stored the message, ns.
    pub stamp: u64,
    /// The command, or the reason why it does not decode.
    pub command: Result<Command, RefusalReason>,
}

impl MachineInput for CommandEntry {
    fn is_clock(&self) -> bool {
        false
    }
    fn from_message(subject: &str, stamp: u64, payload: &[u8]) -> Vec<Self> {
        vec![CommandEntry { subject: subject.into(), stamp, command: Command::decode(payload) }]
    }
}
