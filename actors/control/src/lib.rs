//! The control machine: turns each command of an operator into one fact, or refuses it. It carries nothing out.
//!
//! The effect of an accepted command is decided by the machines that read its fact. [`verbs`] lists the commands.
#![forbid(unsafe_code)]

use tapedeck_kernel::recent::RecentIds;
use tapedeck_kernel::{CommandEntry, Inbox, Machine, Out, Reads};
use tapedeck_schemas::event::{CommandRefused, Event, RefusalReason};
use tapedeck_schemas::ids::StrategyId;
use tapedeck_schemas::offset::{Offset, TapeTime};
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
    /// Whether the entry just observed has the id of an accepted command.
    is_repeated: bool,
    /// Greatest stamp so far, ns: the clock of JetStream, not tape time.
    time: TapeTime,
}

impl Control {
    /// `specs` are the limits and parameters of every machine; `strategies` can be given weights.
    pub fn new(specs: Vec<ParamSpec>, strategies: Vec<StrategyId>) -> Self {
        Self { known: Known { specs, strategies }, accepted: RecentIds::default(), is_repeated: false, time: 0 }
    }
}

impl Machine for Control {
    type Input = CommandEntry;
    const WRITER: Writer = Writer::Control;
    /// Also the version of the names and ranges that control accepts: `actors/groups/tests/registry.rs` pins them,
    /// because a build that knows another name decides differently on a command that gives it.
    const LOGIC: u32 = 3;

    fn reads() -> Reads {
        Reads::Inbox(Inbox::Command)
    }

    fn observe(&mut self, _at: Offset, entry: &CommandEntry) {
        self.time = self.time.max(entry.stamp);
        let accepted = entry.command.as_ref().ok().filter(|_| answer(&self.known, entry).is_ok());
        let id = accepted.and_then(|command| command.id.clone());
        self.is_repeated = id.is_some_and(|id| !self.accepted.insert(id));
    }

    fn decide(&self, _at: Offset, entry: &CommandEntry, out: &mut Out) {
        let answer = match self.is_repeated {
            true => Err(RefusalReason::RepeatedId),
            false => answer(&self.known, entry),
        };
        out.push(answer.unwrap_or_else(|reason| refused(entry, reason)));
    }

    /// Nothing to apply: `observe` has recorded the id of an accepted command.
    fn apply(&mut self, _cause: Offset, _own: &Event) {}

    fn time(&self, _entry: &CommandEntry) -> TapeTime {
        self.time
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
    verbs::decide(known, command)
}

fn refused(entry: &CommandEntry, reason: RefusalReason) -> Event {
    let by = entry.command.as_ref().map_or("", |command| command.by.as_str());
    let fact =
        CommandRefused { subject: bounded(&entry.subject, SUBJECT_BYTES_MAX), by: bounded(by, TEXT_BYTES_MAX), reason };
    fact.into()
}
