//! `resume`: lets trading go on. Never refused here; what it lifts is risk's to know.

use tapedeck_schemas::command::Command;
use tapedeck_schemas::event::{Event, Scope, TradingResumed};

/// Any scope.
pub(super) fn decide(command: &Command, scope: Scope) -> Result<Event, String> {
    let (by, reason) = (command.by.clone(), command.reason.clone());
    Ok(TradingResumed { scope, by, reason }.into())
}
