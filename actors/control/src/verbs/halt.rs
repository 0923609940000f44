//! `halt`: stops trading, or limits it to reducing. Never refused: whoever wants to stop, may.

use tapedeck_schemas::command::Command;
use tapedeck_schemas::event::{Event, HaltLevel, Scope, TradingHalted};

/// Any scope, any level.
pub(super) fn decide(command: &Command, scope: Scope, level: HaltLevel) -> Result<Event, String> {
    let (by, reason) = (command.by.clone(), command.reason.clone());
    Ok(TradingHalted { scope, level, by, reason }.into())
}
