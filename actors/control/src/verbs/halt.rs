//! `halt`: stops trading in a scope, or limits it to orders that reduce positions. Never refused.

use tapedeck_schemas::command::Command;
use tapedeck_schemas::event::{Event, HaltLevel, RefusalReason, Scope, TradingHalted};

/// Accepts any scope and level.
pub(super) fn decide(command: &Command, stamp: u64, scope: Scope, level: HaltLevel) -> Result<Event, RefusalReason> {
    let (by, reason) = (command.by.clone(), command.reason.clone());
    Ok(TradingHalted { scope, level, by, reason, stamp }.into())
}
