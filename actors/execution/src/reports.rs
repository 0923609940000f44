//! The meaning of an exchange's report for an order: trigger, quantity filled and reason. No state lives here.

use tapedeck_schemas::event::{CancelReason, CloseReason, Event};
use tapedeck_schemas::ids::OrderId;
use tapedeck_schemas::number::Quantity;

use crate::orders::OpenOrder;
use crate::transitions::Trigger;

/// The order of a report, and the name of the report in [`tapedeck_schemas::event::LateReport`]; `None` for a fact that
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

/// The trigger of a report on an open order, the quantity filled after it, and the reason; `None` if it is no report.
pub fn interpret(event: &Event, open: &OpenOrder) -> Option<(Trigger, Quantity, String)> {
    let filled = open.filled;
    Some(match event {
        Event::OrderAccepted(_) => (Trigger::Accept, filled, "accepted".into()),
        Event::OrderRejected(report) => (Trigger::Reject, filled, report.reason.clone()),
        Event::OrderFilled(report) => {
            // The own sum decides, not the report's leaves: reports may be out of order.
            let filled = filled + report.quantity;
            if filled >= open.order.quantity {
                (Trigger::FillWhole, filled, "filled".into())
            } else {
                (Trigger::FillPart, filled, "filled in part".into())
            }
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
            // Back to the status before the cancel, with the reports since then counted.
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
