//! `cancel`: requests the cancel of one order. Never refused: only execution knows which orders are open.

use tapedeck_schemas::command::Command;
use tapedeck_schemas::event::{CancelRequested, Event, RefusalReason};
use tapedeck_schemas::ids::OrderId;

/// Accepts any order id.
pub(super) fn decide(command: &Command, stamp: u64, order: OrderId) -> Result<Event, RefusalReason> {
    let (by, reason) = (command.by.clone(), command.reason.clone());
    Ok(CancelRequested { order, by, reason, stamp }.into())
}
