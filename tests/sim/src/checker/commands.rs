//! What became of what operators asked, told from the commands and control's facts alone, without control's machine.

use std::collections::{BTreeMap, BTreeSet};

use tapedeck_schemas::command::Command;
use tapedeck_schemas::event::Event;
use tapedeck_schemas::record::Entry;

use super::rules::{Checks, Rule, Violation};
use crate::message::Message;

/// Commands that bear an id, and ids of which one was accepted.
#[derive(Debug, Default)]
pub(super) struct Commands {
    ids: BTreeMap<u64, String>,
    accepted: BTreeSet<String>,
}

impl Commands {
    /// A message stands among the commands.
    pub(super) fn stored(&mut self, message: &Message) {
        if let Some(id) = Command::decode(&message.payload).ok().and_then(|command| command.id) {
            self.ids.insert(message.seq, id);
        }
    }

    /// A fact of control's.
    pub(super) fn fact(&mut self, entry: &Entry, checks: &mut Checks) -> Result<(), Violation> {
        let Some(id) = self.ids.get(&entry.cause.seq) else { return Ok(()) };
        match &entry.event {
            Event::Epoch(_) | Event::Progress(_) => Ok(()),
            fact if self.accepted.contains(id) => {
                checks.check(Rule::CommandsCountOnce, matches!(fact, Event::CommandRefused(_)), || {
                    format!("command {} with the id {id}, which was accepted before: {fact:?}", entry.cause.seq)
                })
            }
            Event::CommandRefused(_) => Ok(()),
            _ => {
                self.accepted.insert(id.clone());
                Ok(())
            }
        }
    }
}
