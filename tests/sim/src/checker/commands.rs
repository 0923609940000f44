//! The result of each command, from the commands and control's facts alone, without control's machine.

use std::collections::{BTreeMap, BTreeSet};

use tapedeck_schemas::command::Command;
use tapedeck_schemas::event::Event;
use tapedeck_schemas::record::Entry;

use super::rules::{Checks, Rule, Violation};
use crate::message::Message;

/// The ids of commands by sequence, and the ids of accepted commands.
#[derive(Debug, Default)]
pub(super) struct Commands {
    ids: BTreeMap<u64, String>,
    accepted: BTreeSet<String>,
}

impl Commands {
    /// A message was stored in the inbox of control.
    pub(super) fn stored(&mut self, message: &Message) {
        if let Some(id) = Command::decode(&message.payload).ok().and_then(|command| command.id) {
            self.ids.insert(message.seq, id);
        }
    }

    /// A fact of control.
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
