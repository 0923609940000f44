//! Facts of `execution`: the life cycle of an order.

use crate::ids::{InstrumentId, OrderId};
use crate::names::names;
use crate::number::Quantity;
use crate::order::Order;
use crate::structs::structs;

structs! {
    /// An approved order was submitted to the exchange.
    OrderSubmitted {
        /// The order, as approved.
        order: Order,
    }
    /// A cancel was submitted to the exchange.
    CancelSubmitted {
        /// The order to cancel.
        order: OrderId,
        /// Instrument of the order.
        instrument: InstrumentId,
        /// Cause of the cancel.
        reason: CancelReason,
    }
    /// The status of an order changed. Apart from `OrderSubmitted`, no other fact changes it.
    OrderStatusChanged {
        /// The order that changed.
        order: OrderId,
        /// Status before the change.
        from: OrderStatus,
        /// Status after the change.
        to: OrderStatus,
        /// Quantity filled so far, from 0 to the quantity of the order.
        filled: Quantity,
        /// Short reason, such as `stale approval`, or the exchange's reason for a rejection.
        reason: String,
    }
    /// A report or a repeated approval arrived that the status of its order does not allow. It changes no status.
    LateReport {
        /// The order that the report names.
        order: OrderId,
        /// Status of the order; nil for an unknown order.
        status: Option<OrderStatus>,
        /// Type of the report, such as `filled`.
        report: String,
    }
}

names! {
    /// Status of an order.
    OrderStatus {
        /// Approved by `risk`, not yet submitted.
        Approved = 1 "approved",
        /// Submitted to the exchange.
        Submitted = 2 "submitted",
        /// Accepted by the exchange, nothing filled.
        Accepted = 3 "accepted",
        /// Filled in part; the rest is working.
        PartiallyFilled = 4 "partially_filled",
        /// A cancel was submitted, and the exchange has not reported on it.
        PendingCancel = 5 "pending_cancel",
        /// Final: filled completely.
        Filled = 6 "filled",
        /// Final: canceled by an operator or by a halt, or the unfilled rest of an IOC order.
        Canceled = 7 "canceled",
        /// Final: the approval was too old to submit, or an open order reached its time limit.
        Expired = 8 "expired",
        /// Final: rejected by the exchange, or stopped by `execution` before submission.
        Rejected = 9 "rejected",
    }
    /// Cause of a cancel.
    CancelReason {
        /// An operator requested the cancel.
        Requested = 1 "requested",
        /// The order was open for longer than `execution.order_timeout_ms`.
        TimedOut = 2 "timed_out",
        /// Trading was halted.
        Halted = 3 "halted",
    }
}

impl OrderStatus {
    /// Returns whether the status is final.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Filled | Self::Canceled | Self::Expired | Self::Rejected)
    }
}
