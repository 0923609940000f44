//! Facts of execution: an order's life cycle.

use crate::ids::{InstrumentId, OrderId};
use crate::names::names;
use crate::number::Quantity;
use crate::order::Order;
use crate::structs::structs;

structs! {
    /// An approved order was handed to the venue.
    OrderSubmitted {
        /// The order.
        order: Order,
    }
    /// The venue was asked to cancel.
    CancelSubmitted {
        /// Which order.
        order: OrderId,
        /// Of which instrument.
        instrument: InstrumentId,
        /// Why.
        reason: CancelReason,
    }
    /// An order moved through its life cycle. An order's status comes from these alone.
    OrderStatusChanged {
        /// Which order.
        order: OrderId,
        /// From.
        from: OrderStatus,
        /// To.
        to: OrderStatus,
        /// Filled so far.
        filled: Quantity,
        /// Why, in a word.
        reason: String,
    }
    /// A report came for an order that was finished or unknown; it changed nothing here.
    LateReport {
        /// Which order.
        order: OrderId,
        /// Its status, where known.
        status: Option<OrderStatus>,
        /// What came.
        report: String,
    }
}

names! {
    /// Where an order stands.
    OrderStatus {
        /// Approved by risk, not yet handed on.
        Approved = 1 "approved",
        /// Handed to the venue.
        Submitted = 2 "submitted",
        /// Taken by the venue.
        Accepted = 3 "accepted",
        /// Filled in part, still working.
        PartiallyFilled = 4 "partially_filled",
        /// A cancel is on its way.
        PendingCancel = 5 "pending_cancel",
        /// Finished: filled whole.
        Filled = 6 "filled",
        /// Finished: cancelled, by request or as the rest of an IOC.
        Canceled = 7 "canceled",
        /// Finished: too old to submit, or timed out.
        Expired = 8 "expired",
        /// Finished: refused by the venue, or stopped by the last gate.
        Rejected = 9 "rejected",
    }
    /// Why execution asks for a cancel.
    CancelReason {
        /// An operator asked.
        Requested = 1 "requested",
        /// It worked longer than its limit.
        TimedOut = 2 "timed_out",
        /// Trading was halted.
        Halted = 3 "halted",
    }
}

impl OrderStatus {
    /// Whether the order is finished for good.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Filled | Self::Canceled | Self::Expired | Self::Rejected)
    }
}
