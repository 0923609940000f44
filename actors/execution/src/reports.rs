//! What a venue's report means for an order: the trigger, the quantity filled and the reason. No state lives here.

use tapedeck_schemas::event::{CancelReason, CloseReason, Event};
use tapedeck_schemas::ids::OrderId;
use tapedeck_schemas::number::Quantity;

use crate::orders::OpenOrder;
use crate::transitions::Trigger;

/// The order that a report is about, and its name in [`tapedeck_schemas::event::LateReport`]; `None` for a fact that
/// is no report.
pub fn about(event: &Event) -> Option<(OrderId, &'static str)> {
    Some(match event {
        Event::OrderAccepted(report) => (report.order, "accepted"),
        Event::OrderRejected(report) => (report.order, "rejected"),
        Event::OrderFilled(report) => (report.order, "filled"),
        Event::OrderClosed(report) => (report.order, "closed"),
        Event::CancelRejected(report) => (report.order, "cancel rejected"),
        _ => return None,
    })
}

/// What a report does to an open order; `filled` is the sum after it.
pub fn read(event: &Event, open: &OpenOrder) -> Option<(Trigger, Quantity, String)> {
    let filled = open.filled;
    Some(match event {
        Event::OrderAccepted(_) => (Trigger::Accept, filled, "accepted".into()),
        Event::OrderRejected(report) => (Trigger::Refuse, filled, report.reason.clone()),
        Event::OrderFilled(report) => {
            // Our own sum decides, not the report's leaves: reports may come out of order.
            let filled = filled + report.quantity;
            let whole = filled >= open.order.quantity;
            let trigger = if whole { Trigger::FillWhole } else { Trigger::FillPart };
            (trigger, filled, if whole { "filled" } else { "filled in part" }.into())
        }
        Event::OrderClosed(report) => {
            let timed_out = open.cancel == Some(CancelReason::TimedOut);
            match report.reason {
                CloseReason::IocRemainder => (Trigger::Close, filled, "rest of an ioc".into()),
                CloseReason::Canceled if timed_out => (Trigger::CloseTimedOut, filled, "timed out".into()),
                CloseReason::Canceled => (Trigger::Close, filled, "canceled".into()),
            }
        }
        Event::CancelRejected(report) => {
            // Back to where it stood, counting what came while the cancel was on its way.
            let trigger = match (filled.is_zero(), open.accepted) {
                (false, _) => Trigger::KeepPartiallyFilled,
                (true, true) => Trigger::KeepAccepted,
                (true, false) => Trigger::KeepSubmitted,
            };
            (trigger, filled, format!("cancel rejected: {}", report.reason))
        }
        _ => return None,
    })
}
