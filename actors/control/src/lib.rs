//! The control machine: turns each command of an operator into one fact, or refuses it. It carries nothing out.
//!
//! The effect of an accepted command is decided by the machines that read its fact. [`verbs`] lists the commands.
#![forbid(unsafe_code)]

use tapedeck_kernel::recent::RecentIds;
use tapedeck_kernel::state::{self, BadState};
use tapedeck_kernel::{Cause, CommandEntry, Inbox, Machine, Out, Reads};
use tapedeck_schemas::event::{CommandRefused, Event, RefusalReason};
use tapedeck_schemas::ids::StrategyId;
use tapedeck_schemas::param::ParamSpec;
use tapedeck_schemas::record::Writer;

pub mod verbs;

pub use verbs::{AMOUNT_MAX, WEIGHT_MAX};

use tapedeck_schemas::command::TEXT_BYTES_MAX;
use tapedeck_schemas::text::{SUBJECT_BYTES_MAX, bounded};
use verbs::Known;

/// The control machine of one partition.
#[derive(Debug, Clone)]
pub struct Control {
    known: Known,
    /// Ids of accepted commands: each id counts once.
    accepted: RecentIds<String>,
}

impl Control {
    /// `specs` are the limits and parameters of every machine; `strategies` can be given weights.
    pub fn new(specs: Vec<ParamSpec>, strategies: Vec<StrategyId>) -> Self {
        Self { known: Known { specs, strategies }, accepted: RecentIds::default() }
    }
}

impl Machine for Control {
    type Input = CommandEntry;
    type Observed = ObservedCommand;
    const WRITER: Writer = Writer::Control;
    /// Also the version of the names and ranges that control accepts: `actors/groups/tests/registry.rs` pins them,
    /// because a build that knows another name decides differently on a command that gives it.
    const LOGIC: u32 = 4;
    const STATE: u32 = 1;

    fn reads() -> Reads {
        Reads::Inbox(Inbox::Command)
    }

    fn observe(&mut self, _cause: Cause, entry: &CommandEntry) -> Self::Observed {
        let id = entry.command.as_ref().ok().and_then(|command| command.id.clone());
        let is_repeated = id.as_ref().is_some_and(|id| self.accepted.contains(id));
        let accepted = answer(&self.known, entry);
        let answer = accepted.and_then(|fact| if is_repeated { Err(RefusalReason::RepeatedId) } else { Ok(fact) });
        ObservedCommand { id, answer }
    }

    fn decide(&self, _cause: Cause, entry: &CommandEntry, observed: &Self::Observed, out: &mut Out) {
        out.push(observed.answer.clone().unwrap_or_else(|reason| refused(entry, reason)));
    }

    /// The fact decides whether the command was accepted: another `LOGIC` may have answered it otherwise.
    fn apply(&mut self, _cause: Cause, observed: &Self::Observed, own: &Event) {
        if let (Some(id), false) = (&observed.id, matches!(own, Event::CommandRefused(_))) {
            self.accepted.insert(id.clone());
        }
    }

    fn save(&self) -> Vec<u8> {
        state::encode(&self.accepted)
    }

    fn restore(&self, saved: &[u8]) -> Result<Self, BadState> {
        Ok(Self { known: self.known.clone(), accepted: state::decode(saved)? })
    }
}

/// What a command meant against the commands before it.
#[derive(Debug)]
pub struct ObservedCommand {
    /// The id that its sender gave it.
    id: Option<String>,
    /// The fact that it becomes, or the reason to refuse it.
    answer: Result<Event, RefusalReason>,
}

/// The fact that a command becomes, or the reason to refuse it.
fn answer(known: &Known, entry: &CommandEntry) -> Result<Event, RefusalReason> {
    let command = entry.command.as_ref().map_err(Clone::clone)?;
    let on_subject = entry.subject.rsplit('.').next().unwrap_or_default();
    let verb = command.request.verb();
    if on_subject != verb {
        return Err(RefusalReason::WrongSubject { verb: verb.parse().expect("a verb is a token") });
    }
    verbs::decide(known, command, entry.stamp)
}

fn refused(entry: &CommandEntry, reason: RefusalReason) -> Event {
    let by = entry.command.as_ref().map_or("", |command| command.by.as_str());
    let (subject, by) = (bounded(&entry.subject, SUBJECT_BYTES_MAX), bounded(by, TEXT_BYTES_MAX));
    CommandRefused { subject, by, reason, stamp: entry.stamp }.into()
}
