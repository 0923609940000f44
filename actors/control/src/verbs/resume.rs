//! `resume`: resumes trading in a scope. Never refused: only risk knows what is halted.

use tapedeck_schemas::command::Command;
use tapedeck_schemas::event::{Event, RefusalReason, Scope, TradingResumed};

/// Accepts any scope.
pub(super) fn decide(command: &Command, stamp: u64, scope: Scope) -> Result<Event, RefusalReason> {
    let (by, reason) = (command.by.clone(), command.reason.clone());
    Ok(TradingResumed { scope, by, reason, stamp }.into())
}
