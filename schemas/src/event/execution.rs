//! Facts of execution: an order's life cycle.

use crate::ids::{InstrumentId, OrderId};
use crate::names::names;
use crate::number::Quantity;
use crate::order::Order;
use crate::structs::structs;

structs! {
    /// An approved order was handed to the exchange.
    OrderSubmitted {
        /// The order.
        order: Order,
    }
    /// The exchange was asked to cancel.
    CancelSubmitted {
        /// The order.
        order: OrderId,
        /// The instrument.
        instrument: InstrumentId,
        /// What made execution cancel.
        reason: CancelReason,
    }
    /// An order moved through its life cycle. An order's status comes from these alone.
    OrderStatusChanged {
        /// The order.
        order: OrderId,
        /// Status before.
        from: OrderStatus,
        /// Status after.
        to: OrderStatus,
        /// Filled so far.
        filled: Quantity,
        /// The cause, in a few words.
        reason: String,
    }
    /// A report came for an order that was finished or unknown; it changed nothing here.
    LateReport {
        /// The order.
        order: OrderId,
        /// Its status, where known.
        status: Option<OrderStatus>,
        /// The report, by name.
        report: String,
    }
}

names! {
    /// Status of an order in its life cycle.
    OrderStatus {
        /// Approved by risk, not yet handed on.
        Approved = 1 "approved",
        /// Handed to the exchange.
        Submitted = 2 "submitted",
        /// Taken by the exchange.
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
        /// Finished: refused by the exchange, or stopped by the last gate.
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
