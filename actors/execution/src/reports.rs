//! The meaning of an exchange's report for an order: trigger, quantity filled and reason. No state lives here.

use tapedeck_schemas::event::{CancelReason, CloseReason, Event, ReportType, StatusReason};
use tapedeck_schemas::ids::OrderId;
use tapedeck_schemas::number::Quantity;

use crate::orders::OpenOrder;
use crate::transitions::Trigger;

/// The order and the type of a report; `None` for a fact that is no report.
pub fn about(event: &Event) -> Option<(OrderId, ReportType)> {
    Some(match event {
        Event::OrderAccepted(report) => (report.order, ReportType::Accepted),
        Event::OrderRejected(report) => (report.order, ReportType::Rejected),
        Event::OrderFilled(report) => (report.order, ReportType::Filled),
        Event::OrderClosed(report) => (report.order, ReportType::Closed),
        Event::CancelRejected(report) => (report.order, ReportType::CancelRejected),
        _ => return None,
    })
}

/// The trigger of a report on an open order, the quantity filled after it, and the reason; `None` if it is no report.
pub fn interpret(event: &Event, open: &OpenOrder) -> Option<(Trigger, Quantity, StatusReason)> {
    let filled = open.filled;
    Some(match event {
        Event::OrderAccepted(_) => (Trigger::Accept, filled, StatusReason::Accepted),
        Event::OrderRejected(report) => {
            (Trigger::Reject, filled, StatusReason::Rejected { rejection: report.reason.clone() })
        }
        Event::OrderFilled(report) => {
            // The own sum decides, not the report's leaves: reports may be out of order.
            let filled = filled + report.quantity;
            if filled >= open.order.quantity {
                (Trigger::FillWhole, filled, StatusReason::Filled)
            } else {
                (Trigger::FillPart, filled, StatusReason::FilledInPart)
            }
        }
        Event::OrderClosed(report) => {
            let timed_out = open.cancel == Some(CancelReason::TimedOut);
            match report.reason {
                CloseReason::IocRemainder => (Trigger::Close, filled, StatusReason::IocRemainder),
                CloseReason::Canceled if timed_out => (Trigger::CloseTimedOut, filled, StatusReason::TimedOut),
                CloseReason::Canceled => (Trigger::Close, filled, StatusReason::Canceled),
            }
        }
        Event::CancelRejected(report) => {
            // Back to the status before the cancel, with the reports since then counted.
            let trigger = match (filled.is_zero(), open.accepted) {
                (false, _) => Trigger::KeepPartiallyFilled,
                (true, true) => Trigger::KeepAccepted,
                (true, false) => Trigger::KeepSubmitted,
            };
            (trigger, filled, StatusReason::CancelRejected { rejection: report.reason })
        }
        _ => return None,
    })
}
