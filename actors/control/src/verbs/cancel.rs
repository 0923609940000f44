//! `cancel`: asks for the end of one order. Which orders are open is execution's to know, so none is refused here.

use tapedeck_schemas::command::Command;
use tapedeck_schemas::event::{CancelRequested, Event};
use tapedeck_schemas::ids::OrderId;

/// Any order id.
pub(super) fn decide(command: &Command, order: OrderId) -> Result<Event, String> {
    let (by, reason) = (command.by.clone(), command.reason.clone());
    Ok(CancelRequested { order, by, reason }.into())
}
