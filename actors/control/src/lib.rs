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
    /// The fact that the command becomes, or the reason to refuse it.
    type Observed = Result<Event, RefusalReason>;
    const WRITER: Writer = Writer::Control;
    /// Also the version of the names and ranges that control accepts: `actors/groups/tests/registry.rs` pins them,
    /// because a build that knows another name decides differently on a command that gives it.
    const LOGIC: u32 = 4;
    const STATE: u32 = 1;

    fn reads() -> Reads {
        Reads::Inbox(Inbox::Command)
    }

    fn observe(&mut self, _cause: Cause, entry: &CommandEntry) -> Self::Observed {
        let fact = answer(&self.known, entry)?;
        let id = entry.command.as_ref().ok().and_then(|command| command.id.clone());
        let is_new = id.is_none_or(|id| self.accepted.insert(id));
        if is_new { Ok(fact) } else { Err(RefusalReason::RepeatedId) }
    }

    fn decide(&self, _cause: Cause, entry: &CommandEntry, observed: &Self::Observed, out: &mut Out) {
        out.push(observed.clone().unwrap_or_else(|reason| refused(entry, reason)));
    }

    /// Nothing to apply: `observe` has recorded the id of an accepted command.
    fn apply(&mut self, _cause: Cause, _observed: &Self::Observed, _own: &Event) {}

    fn save(&self) -> Vec<u8> {
        state::encode(&self.accepted)
    }

    fn restore(&self, saved: &[u8]) -> Result<Self, BadState> {
        Ok(Self { known: self.known.clone(), accepted: state::decode(saved)? })
    }
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
