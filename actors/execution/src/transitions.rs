//! The order life cycle as one table: every move an order can make, and no others. No state lives here.
//!
//! An order in a terminal status has no row, so nothing can ever resurrect it.

use tapedeck_schemas::event::OrderStatus;
use tapedeck_schemas::event::OrderStatus::{
    Accepted, Approved, Canceled, Expired, Filled, PartiallyFilled, PendingCancel, Rejected, Submitted,
};

/// What can move an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// Every last gate let it pass.
    Submit,
    /// A last gate stopped it.
    Stop,
    /// Its approval is too old, or there is no clock to tell.
    GoStale,
    /// The venue took it.
    Accept,
    /// The venue refused it.
    Refuse,
    /// The venue executed a part; more is open.
    FillPart,
    /// The venue executed all that was open.
    FillWhole,
    /// We asked for a cancel.
    AskCancel,
    /// The venue would not cancel an order that it has not yet taken.
    KeepSubmitted,
    /// The venue would not cancel an order that it took and has not filled.
    KeepAccepted,
    /// The venue would not cancel an order that is filled in part.
    KeepPartiallyFilled,
    /// The venue does no more for it: cancelled as asked, or the rest of an IOC.
    Close,
    /// The venue cancelled it because we asked when it timed out.
    CloseTimedOut,
}

impl Trigger {
    /// Every trigger.
    pub const ALL: &'static [Trigger] = &[
        Trigger::Submit,
        Trigger::Stop,
        Trigger::GoStale,
        Trigger::Accept,
        Trigger::Refuse,
        Trigger::FillPart,
        Trigger::FillWhole,
        Trigger::AskCancel,
        Trigger::KeepSubmitted,
        Trigger::KeepAccepted,
        Trigger::KeepPartiallyFilled,
        Trigger::Close,
        Trigger::CloseTimedOut,
    ];
}

/// (from, trigger, to). A pair that is absent changes nothing.
pub const TRANSITIONS: &[(OrderStatus, Trigger, OrderStatus)] = &[
    // The last gates.
    (Approved, Trigger::Submit, Submitted),
    (Approved, Trigger::Stop, Rejected),
    (Approved, Trigger::GoStale, Expired),
    // With the venue. It may fill or close before it says that it accepted, and refuse after it did.
    (Submitted, Trigger::Accept, Accepted),
    (Submitted, Trigger::Refuse, Rejected),
    (Submitted, Trigger::FillPart, PartiallyFilled),
    (Submitted, Trigger::FillWhole, Filled),
    (Submitted, Trigger::AskCancel, PendingCancel),
    (Submitted, Trigger::Close, Canceled),
    (Accepted, Trigger::Refuse, Rejected),
    (Accepted, Trigger::FillPart, PartiallyFilled),
    (Accepted, Trigger::FillWhole, Filled),
    (Accepted, Trigger::AskCancel, PendingCancel),
    (Accepted, Trigger::Close, Canceled),
    // What has traded cannot have been refused: the venue only does no more for it.
    (PartiallyFilled, Trigger::Refuse, Canceled),
    (PartiallyFilled, Trigger::FillPart, PartiallyFilled),
    (PartiallyFilled, Trigger::FillWhole, Filled),
    (PartiallyFilled, Trigger::AskCancel, PendingCancel),
    (PartiallyFilled, Trigger::Close, Canceled),
    // A cancel is on its way: the venue may be faster.
    (PendingCancel, Trigger::Accept, PendingCancel),
    (PendingCancel, Trigger::Refuse, Rejected),
    (PendingCancel, Trigger::FillPart, PendingCancel),
    (PendingCancel, Trigger::FillWhole, Filled),
    (PendingCancel, Trigger::KeepSubmitted, Submitted),
    (PendingCancel, Trigger::KeepAccepted, Accepted),
    (PendingCancel, Trigger::KeepPartiallyFilled, PartiallyFilled),
    (PendingCancel, Trigger::Close, Canceled),
    (PendingCancel, Trigger::CloseTimedOut, Expired),
];

/// Where a trigger takes an order, or `None` where the table has no row.
pub fn next(from: OrderStatus, trigger: Trigger) -> Option<OrderStatus> {
    TRANSITIONS.iter().find(|row| row.0 == from && row.1 == trigger).map(|row| row.2)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Statuses reached from `from` in one or more moves.
    fn reached(from: OrderStatus) -> Vec<OrderStatus> {
        let (mut seen, mut todo) = (Vec::new(), vec![from]);
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
    fn every_pair_moves_as_its_one_row_says_or_not_at_all() {
        let mut moves = 0;
        for &from in OrderStatus::ALL {
            for &trigger in Trigger::ALL {
                let rows: Vec<_> = TRANSITIONS.iter().filter(|row| row.0 == from && row.1 == trigger).collect();
                assert!(rows.len() <= 1, "{from} {trigger:?} has {} rows", rows.len());
                assert_eq!(next(from, trigger), rows.first().map(|row| row.2), "{from} {trigger:?}");
                assert!(!(from.is_terminal() && next(from, trigger).is_some()), "{trigger:?} resurrects {from}");
                moves += rows.len();
            }
        }
        assert_eq!(moves, TRANSITIONS.len(), "a row is outside of the lists of statuses and triggers");
    }

    #[test]
    fn every_status_is_reached_from_approved_and_every_open_one_can_end_in_each_way() {
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
    fn every_order_with_the_venue_answers_every_report_that_can_end_it() {
        for from in [Submitted, Accepted, PartiallyFilled, PendingCancel] {
            for trigger in [Trigger::Refuse, Trigger::FillPart, Trigger::FillWhole, Trigger::Close] {
                assert!(next(from, trigger).is_some(), "{from} {trigger:?}");
            }
        }
    }
}
