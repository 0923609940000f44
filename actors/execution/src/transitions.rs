//! The order life cycle as one table: every change of status that an order can make. No state lives here.
//!
//! A terminal status has no row, so a finished order stays finished.

use tapedeck_schemas::event::OrderStatus;
use tapedeck_schemas::event::OrderStatus::{
    Accepted, Approved, Canceled, Expired, Filled, PartiallyFilled, PendingCancel, Rejected, Submitted,
};

/// A cause of a change of status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// The order passed the checks before submission.
    Submit,
    /// The order failed a check before submission.
    Stop,
    /// The approval is too old, or there is no clock to measure its age.
    Expire,
    /// The exchange accepted the order.
    Accept,
    /// The exchange rejected the order.
    Reject,
    /// The exchange filled a part; a quantity remains open.
    FillPart,
    /// The exchange filled the remaining quantity.
    FillWhole,
    /// Execution requested a cancel.
    RequestCancel,
    /// The exchange rejected the cancel of an order that it has not accepted.
    KeepSubmitted,
    /// The exchange rejected the cancel of an order that it has accepted and not filled.
    KeepAccepted,
    /// The exchange rejected the cancel of an order that is filled in part.
    KeepPartiallyFilled,
    /// The exchange closed the order: canceled on request, or the rest of an IOC.
    Close,
    /// The exchange canceled the order on a request for its time-out.
    CloseTimedOut,
}

impl Trigger {
    /// Every trigger.
    pub const ALL: &'static [Trigger] = &[
        Trigger::Submit,
        Trigger::Stop,
        Trigger::Expire,
        Trigger::Accept,
        Trigger::Reject,
        Trigger::FillPart,
        Trigger::FillWhole,
        Trigger::RequestCancel,
        Trigger::KeepSubmitted,
        Trigger::KeepAccepted,
        Trigger::KeepPartiallyFilled,
        Trigger::Close,
        Trigger::CloseTimedOut,
    ];
}

/// (from, trigger, to). A pair without a row changes nothing.
pub const TRANSITIONS: &[(OrderStatus, Trigger, OrderStatus)] = &[
    // Before submission.
    (Approved, Trigger::Submit, Submitted),
    (Approved, Trigger::Stop, Rejected),
    (Approved, Trigger::Expire, Expired),
    // Submitted. Reports may be out of order: a fill or close before the acceptance, a rejection after it.
    (Submitted, Trigger::Accept, Accepted),
    (Submitted, Trigger::Reject, Rejected),
    (Submitted, Trigger::FillPart, PartiallyFilled),
    (Submitted, Trigger::FillWhole, Filled),
    (Submitted, Trigger::RequestCancel, PendingCancel),
    (Submitted, Trigger::Close, Canceled),
    (Accepted, Trigger::Reject, Rejected),
    (Accepted, Trigger::FillPart, PartiallyFilled),
    (Accepted, Trigger::FillWhole, Filled),
    (Accepted, Trigger::RequestCancel, PendingCancel),
    (Accepted, Trigger::Close, Canceled),
    // An order with a fill cannot be rejected: the rest is canceled.
    (PartiallyFilled, Trigger::Reject, Canceled),
    (PartiallyFilled, Trigger::FillPart, PartiallyFilled),
    (PartiallyFilled, Trigger::FillWhole, Filled),
    (PartiallyFilled, Trigger::RequestCancel, PendingCancel),
    (PartiallyFilled, Trigger::Close, Canceled),
    // A cancel is requested; other reports may come first.
    (PendingCancel, Trigger::Accept, PendingCancel),
    (PendingCancel, Trigger::Reject, Rejected),
    (PendingCancel, Trigger::FillPart, PendingCancel),
    (PendingCancel, Trigger::FillWhole, Filled),
    (PendingCancel, Trigger::KeepSubmitted, Submitted),
    (PendingCancel, Trigger::KeepAccepted, Accepted),
    (PendingCancel, Trigger::KeepPartiallyFilled, PartiallyFilled),
    (PendingCancel, Trigger::Close, Canceled),
    (PendingCancel, Trigger::CloseTimedOut, Expired),
];

/// The status after a trigger, or `None` if the table has no row.
pub fn next(from: OrderStatus, trigger: Trigger) -> Option<OrderStatus> {
    TRANSITIONS.iter().find(|row| row.0 == from && row.1 == trigger).map(|row| row.2)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Statuses reached from `from` in one or more changes.
    fn reached(from: OrderStatus) -> Vec<OrderStatus> {
        let mut seen = Vec::new();
        let mut todo = vec![from];
        while let Some(status) = todo.pop() {
            for to in TRANSITIONS.iter().filter(|row| row.0 == status).map(|row| row.2) {
                if !seen.contains(&to) {
                    seen.push(to);
                    todo.push(to);
                }
            }
        }
        seen
    }

    #[test]
    fn every_pair_of_status_and_trigger_has_one_row_or_none() {
        let mut changes = 0;
        for &from in OrderStatus::ALL {
            for &trigger in Trigger::ALL {
                let rows: Vec<_> = TRANSITIONS.iter().filter(|row| row.0 == from && row.1 == trigger).collect();
                assert!(rows.len() <= 1, "{from} {trigger:?} has {} rows", rows.len());
                assert_eq!(next(from, trigger), rows.first().map(|row| row.2), "{from} {trigger:?}");
                assert!(!(from.is_terminal() && next(from, trigger).is_some()), "{trigger:?} resurrects {from}");
                changes += rows.len();
            }
        }
        assert_eq!(changes, TRANSITIONS.len(), "a row is missing from the lists of statuses and triggers");
    }

    #[test]
    fn every_status_is_reached_from_approved_and_every_open_one_reaches_every_terminal_one() {
        let all = reached(Approved);
        for status in OrderStatus::ALL.iter().filter(|status| **status != Approved) {
            assert!(all.contains(status), "{status} is never reached");
        }
        for open in OrderStatus::ALL.iter().filter(|status| !status.is_terminal()) {
            for end in OrderStatus::ALL.iter().filter(|status| status.is_terminal()) {
                assert!(reached(*open).contains(end), "{open} can never become {end}");
            }
        }
    }

    #[test]
    fn every_open_status_has_a_row_for_every_report_that_can_end_the_order() {
        for from in [Submitted, Accepted, PartiallyFilled, PendingCancel] {
            for trigger in [Trigger::Reject, Trigger::FillPart, Trigger::FillWhole, Trigger::Close] {
                assert!(next(from, trigger).is_some(), "{from} {trigger:?}");
            }
        }
    }
}
