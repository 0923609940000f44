//! A machine: the pure state machine of one writer. Its whole contract is on this page.

use std::sync::Arc;

use tapedeck_schemas::command::Command;
use tapedeck_schemas::event::{Event, Kind};
use tapedeck_schemas::ids::InstrumentId;
use tapedeck_schemas::market::{self, Malformed, MarketEvent};
use tapedeck_schemas::offset::{Offset, TapeTime};
use tapedeck_schemas::record::Writer;
use tapedeck_schemas::subject::parse_market_subject;

/// A deterministic function of what it reads in order.
///
/// For each input, [`step`] calls `observe`, then `decide`, then `apply` for each decision, at once. No clock, no
/// randomness, no iteration over unordered maps, no IO, no logging. A machine cannot fail: what is wrong with
/// its input is a fact that it decides.
pub trait Machine: std::fmt::Debug + Send + 'static {
    /// What it is handed: [`Fact`] from the tape, or an inbox's entries.
    type Input: MachineInput;
    /// Its subject token, metric label and name in every tool.
    const WRITER: Writer;
    /// Bumped when `decide` changes meaning; a pinned digest of decisions in the tests enforces it.
    const LOGIC: u32;

    /// Whose facts it is handed; also draws the data-flow picture.
    fn reads() -> Reads;
    /// Folds an input into the state. Total.
    fn observe(&mut self, at: Offset, input: &Self::Input);
    /// Judges the input just observed. Reads only; bounded output.
    fn decide(&self, at: Offset, input: &Self::Input, out: &mut Out);
    /// Folds a decision of its own, right after its cause (not where it lands on the tape). Total.
    fn apply(&mut self, cause: Offset, own: &Event);
    /// Tape time of the input just observed: what its decisions will carry as `at`.
    fn time(&self, input: &Self::Input) -> TapeTime;
}

/// Where a machine's inputs come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    /// The facts of these writers, from the tape.
    Tape(&'static [Writer]),
    /// One inbox stream.
    Inbox(Inbox),
}

/// The inbox streams of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inbox {
    /// `INBOX_<p>`: market events.
    Market,
    /// `COMMAND_<p>`: operators' commands.
    Command,
}

/// The decisions on one input, in order.
#[derive(Debug, Default)]
pub struct Out {
    events: Vec<Event>,
}

impl Out {
    /// Decides a fact.
    pub fn push(&mut self, event: impl Into<Event>) {
        self.events.push(event.into());
    }
    /// How many facts were decided so far: the index of the next one.
    pub fn len(&self) -> usize {
        self.events.len()
    }
    /// Whether nothing was decided.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }
    /// What was decided, for a machine around another.
    pub fn into_events(self) -> Vec<Event> {
        self.events
    }
}

/// Observes, decides and applies one input: the only way a machine is ever run.
pub fn step<M: Machine>(machine: &mut M, at: Offset, input: &M::Input) -> Vec<Event> {
    let mut out = Out::default();
    machine.observe(at, input);
    machine.decide(at, input, &mut out);
    for event in &out.events {
        machine.apply(at, event);
    }
    out.events
}

/// What the driver must know of any input, and how it comes by it.
pub trait MachineInput: std::fmt::Debug + Sized + Send + 'static {
    /// Whether it is a beat of tape time, which the driver itself may answer with `Progress`.
    fn is_clock(&self) -> bool;
    /// From a fact on the tape, for a machine that reads the tape.
    fn from_fact(_fact: Fact) -> Option<Self> {
        None
    }
    /// From a message of an inbox, which may hold several, for a machine that reads one. Then it is never empty and
    /// never fails: what is wrong is an entry that says so.
    fn from_message(_subject: &str, _stamp: u64, _payload: &[u8]) -> Vec<Self> {
        Vec::new()
    }
}

/// A fact from the tape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// Who decided it.
    pub writer: Writer,
    /// Tape time of its cause, ns.
    pub at: TapeTime,
    /// What was decided.
    pub event: Event,
}

impl MachineInput for Fact {
    fn is_clock(&self) -> bool {
        matches!(self.event.kind(), Kind::ClockAdvanced)
    }
    fn from_fact(fact: Fact) -> Option<Self> {
        Some(fact)
    }
}

/// A market event as it waits in `INBOX_<p>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarketEntry {
    /// The subject that it came on.
    pub subject: Arc<str>,
    /// The instrument that the subject names, if it is a market subject at all.
    pub instrument: Option<InstrumentId>,
    /// When the broker stored it, ns.
    pub stamp: u64,
    /// The event, or what is wrong with it.
    pub event: Result<MarketEvent, Malformed>,
}

impl MachineInput for MarketEntry {
    fn is_clock(&self) -> bool {
        matches!(&self.event, Ok(event) if event.body == market::MarketBody::Heartbeat)
    }
    fn from_message(subject: &str, stamp: u64, payload: &[u8]) -> Vec<Self> {
        let shared: Arc<str> = subject.into();
        let entry = |instrument, event| MarketEntry { subject: shared.clone(), instrument, stamp, event };
        let Some((instrument, kind)) = parse_market_subject(subject) else {
            let detail = "not md.<venue>.<symbol>.<kind>".to_string();
            return vec![entry(None, Err(Malformed { detail, source: None, seq: None }))];
        };
        let events = market::decode(kind, payload);
        events.into_iter().map(|event| entry(Some(instrument), event)).collect()
    }
}

/// A command as it waits in `COMMAND_<p>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandEntry {
    /// The subject that it came on.
    pub subject: Arc<str>,
    /// When the broker stored it, ns.
    pub stamp: u64,
    /// The command, or what is wrong with it.
    pub command: Result<Command, String>,
}

impl MachineInput for CommandEntry {
    fn is_clock(&self) -> bool {
        false
    }
    fn from_message(subject: &str, stamp: u64, payload: &[u8]) -> Vec<Self> {
        vec![CommandEntry { subject: subject.into(), stamp, command: Command::decode(payload) }]
    }
}
