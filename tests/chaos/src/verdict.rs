//! The verdict on a damaged round: what was lost, who could know, and whether the groups and the operator were told.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use tapedeck_groups::Group;
use tapedeck_kernel::Inbox;
use tapedeck_schemas::reason::Reason;
use tapedeck_schemas::record::Writer;

use crate::damage::{Damage, Harm, Store};
use crate::observe::{GroupState, Observed};
use crate::stores::Contents;

/// A message that was stored this long before the damage was read by every group that ran, ns.
pub const READ_AFTER: u64 = 1_000_000_000;

/// What became of a damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// A group stopped.
    Stopped,
    /// Nothing was lost, and no group stopped.
    NothingLost,
    /// Messages were lost that no running group had read, no row held and no digest covered.
    Unwitnessed,
    /// Messages were lost, a group, a row or a digest could show it, and no group stopped. A failure.
    Unnoticed,
}

impl Class {
    /// Name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Class::Stopped => "stopped",
            Class::NothingLost => "nothing lost",
            Class::Unwitnessed => "not witnessed",
            Class::Unnoticed => "UNNOTICED",
        }
    }
}

/// What was lost, and what was left that shows it.
#[derive(Debug, Clone, Default)]
pub struct Loss {
    /// The lost messages of each store: sequence, and time at which it was stored.
    pub lost: BTreeMap<Store, BTreeMap<u64, u64>>,
    /// What the stores hold after the damage.
    pub after: BTreeMap<Store, Contents>,
    /// The last record projected in the database, before the damage and after it.
    pub projected: (u64, u64),
    /// When the damage was done, ns since 1970.
    pub at: u64,
}

impl Loss {
    /// Number of lost messages.
    pub fn count(&self) -> u64 {
        self.lost.values().map(|lost| lost.len() as u64).sum()
    }

    /// Whether nothing was lost, neither messages nor rows.
    pub fn is_empty(&self) -> bool {
        self.count() == 0 && self.projected.1 >= self.projected.0
    }

    /// What is stored and shows the loss to a process that starts: rows, digests, and holes; a sentence each.
    pub fn stored_evidence(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (store, lost) in &self.lost {
            let (Some(first), Some(after)) = (lost.keys().next().copied(), self.after.get(store)) else { continue };
            let name = store.name();
            if after.messages.keys().next_back().is_some_and(|last| *last > first) || after.last > first {
                found.push(format!("message {first} of the {name} is a hole"));
            }
            let (what, known) = match reader(*store) {
                None => ("projected", self.projected.1),
                Some((writer, _)) => {
                    let tape = self.after.get(&Store::Tape);
                    ("decided on", tape.and_then(|tape| tape.decided.get(&writer)).copied().unwrap_or(0))
                }
            };
            if known >= first {
                found.push(format!("{known} is {what}, and message {first} of the {name} is lost"));
            }
        }
        found
    }

    /// What shows the loss, the memory of the groups that were not killed included.
    pub fn evidence(&self, damage: &Damage) -> Vec<String> {
        let mut found = self.stored_evidence();
        let lives = |group: &Group| !damage.kills(group.name);
        for (store, lost) in &self.lost {
            let read = lost.iter().find(|(_, stamp)| **stamp + READ_AFTER < self.at).map(|(seq, _)| *seq);
            let inbox = reader(*store).map(|(_, inbox)| inbox);
            let reads = |group: &&Group| inbox.is_none() || inbox.is_some_and(|inbox| group.reads_inbox(inbox));
            let reader = tapedeck_groups::GROUPS.iter().filter(reads).find(|group| lives(group));
            if let (Some(seq), Some(group)) = (read, reader) {
                found.push(format!("{} has read message {seq} of the {}", group.name, store.name()));
            }
        }
        let projector = tapedeck_groups::GROUPS.iter().find(|group| group.needs_database());
        if self.projected.1 < self.projected.0 && projector.is_some_and(lives) {
            found.push(format!(
                "the projector has committed {}, the rows end at {}",
                self.projected.0, self.projected.1
            ));
        }
        found
    }
}

/// The machine that reads an inbox; `None` for the tape.
fn reader(store: Store) -> Option<(Writer, Inbox)> {
    match store {
        Store::Tape => None,
        Store::Market => Some((Writer::Ingest, Inbox::Market)),
        Store::Command => Some((Writer::Control, Inbox::Command)),
    }
}

/// The classification of a round, and the failed checks.
pub fn classify(damage: &Damage, loss: &Loss, observed: &BTreeMap<&'static str, Observed>) -> (Class, Vec<String>) {
    let mut problems = Vec::new();
    for (group, one) in observed {
        problems.extend(check_process(group, one));
        if let GroupState::Stopped(reason) = one.state
            && !fits(damage, reason)
        {
            problems.push(format!("{group} stopped for another reason than the damage: {}", one.text));
        }
    }
    let evidence = loss.evidence(damage);
    let class = match codes(observed).is_empty() {
        false => Class::Stopped,
        true if evidence.is_empty() && loss.count() > 0 => Class::Unwitnessed,
        true if evidence.is_empty() => Class::NothingLost,
        true => Class::Unnoticed,
    };
    match class {
        Class::Unnoticed => problems.push(format!("a loss was not noticed, although {}", evidence.join("; "))),
        Class::Stopped if loss.is_empty() => problems.push("groups stopped although nothing was lost".into()),
        Class::Stopped | Class::NothingLost | Class::Unwitnessed => {}
    }
    (class, problems)
}

/// The stop codes of the groups, each once.
pub fn codes(observed: &BTreeMap<&'static str, Observed>) -> BTreeSet<Reason> {
    let stops = observed.values().filter_map(|one| match one.state {
        GroupState::Stopped(reason) => Some(reason),
        GroupState::Ready | GroupState::Waiting(_) => None,
    });
    stops.collect()
}

/// A process must be alive, ready or stopped, and say so in its metrics.
fn check_process(group: &str, one: &Observed) -> Vec<String> {
    let mut problems = Vec::new();
    if !one.is_live {
        problems.push(format!("{group}: /livez is not 200"));
    }
    let expected = match &one.state {
        GroupState::Ready => Vec::new(),
        GroupState::Stopped(reason) => vec![reason.to_string()],
        GroupState::Waiting(what) => {
            problems.push(format!("{group} is neither ready nor stopped: {what}"));
            Vec::new()
        }
    };
    if one.alerts != expected {
        problems.push(format!("{group}: the metric says {:?}, want {expected:?}", one.alerts));
    }
    problems
}

/// Whether a stop code tells of this damage.
fn fits(damage: &Damage, reason: Reason) -> bool {
    let is_deleted = damage.harm == Some(Harm::Delete);
    let of_store = damage.stores.iter().any(|store| match (store, reason) {
        (Store::Tape, Reason::TapeLostData | Reason::RecordsMissing | Reason::CheckpointMismatch) => true,
        (Store::Tape, Reason::OtherTape) => is_deleted,
        (Store::Market | Store::Command, Reason::InboxMismatch | Reason::MessagesMissing) => true,
        (Store::Market | Store::Command, Reason::UnknownCause) => true,
        _ => false,
    });
    of_store || (damage.is_database_old && reason == Reason::DatabaseLostData)
}

/// The exit statuses after SIGTERM must be those of the stops, and 0 for every other group; if the tape is sealed, a
/// group that tries to append meanwhile stops because of that.
pub fn check_exits(
    observed: &BTreeMap<&'static str, Observed>,
    statuses: &BTreeMap<&'static str, Option<i32>>,
    is_sealed: bool,
) -> Vec<String> {
    let mut problems = Vec::new();
    for (group, one) in observed {
        let expected = match one.state {
            GroupState::Stopped(reason) => reason.exit_status().map(i32::from),
            GroupState::Ready | GroupState::Waiting(_) => Some(0),
        };
        let found = statuses.get(group).copied().flatten();
        let of_seal = Reason::OtherTape.exit_status().map(i32::from);
        let stopped_by_seal = is_sealed && found == of_seal && expected == Some(0);
        if found != expected && !stopped_by_seal {
            problems.push(format!("{group}: exit status {found:?} after SIGTERM, want {expected:?}"));
        }
    }
    problems
}

/// What `tapedeck recover` must say: that something is lost if something stored shows it, nothing if nothing is lost.
pub fn check_recovery(loss: &Loss, says_lost: bool, output: &str) -> Vec<String> {
    let evidence = loss.stored_evidence();
    match says_lost {
        false if !evidence.is_empty() => {
            vec![format!("recover says that nothing is lost, although {}: {output}", evidence.join("; "))]
        }
        true if loss.count() == 0 => vec![format!("recover says that something is lost, but nothing is: {output}")],
        _ => Vec::new(),
    }
}

/// Whether the publishers of a round must leave no hole: they send again from the last message that is stored, and that
/// is the last one before the damage or an earlier one.
pub fn must_resume(damage: &Damage) -> bool {
    damage.kills_publishers && !matches!(damage.harm, Some(Harm::Flip(..)))
}
