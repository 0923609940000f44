//! Facts of `execution`: the life cycle of an order.

use crate::event::{CancelRejection, OrderRejection, Scope};
use crate::ids::{InstrumentId, OrderId};
use crate::names::names;
use crate::number::Quantity;
use crate::order::Order;
use crate::structs::structs;
use crate::variants::variants;

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
        /// Cause of the change.
        reason: StatusReason,
    }
    /// A report or a repeated approval arrived that the status of its order does not allow. It changes no status.
    LateReport {
        /// The order that the report names.
        order: OrderId,
        /// Status of the order; nil for an unknown order.
        status: Option<OrderStatus>,
        /// Type of the report.
        report: ReportType,
    }
}

variants! {
    /// Cause of a change of status.
    StatusReason {
        /// The exchange accepted the order.
        Accepted = 1 "accepted",
        /// The exchange filled a part of the order.
        FilledInPart = 2 "filled_in_part",
        /// The exchange filled the rest of the order.
        Filled = 3 "filled",
        /// The exchange dropped the unfilled rest of an IOC order.
        IocRemainder = 4 "ioc_remainder",
        /// The exchange canceled the order on request.
        Canceled = 5 "canceled",
        /// The exchange canceled the order on the request for its time limit.
        TimedOut = 6 "timed_out",
        /// The exchange rejected the order.
        Rejected = 7 "rejected" {
            /// The exchange's reason.
            rejection: OrderRejection,
        },
        /// The exchange rejected the cancel.
        CancelRejected = 8 "cancel_rejected" {
            /// The exchange's reason.
            rejection: CancelRejection,
        },
        /// A cancel was submitted.
        CancelSubmitted = 9 "cancel_submitted" {
            /// Cause of the cancel.
            cancel: CancelReason,
        },
        /// Not submitted: trading is halted.
        Halted = 10 "halted" {
            /// Scope of the halt; the whole partition if the instrument is halted too.
            scope: Scope,
        },
        /// Not submitted: there was no `ClockAdvanced` yet, so the order would not time out.
        NoClock = 11 "no_clock",
        /// Not submitted: the approval is too old in tape time.
        StaleApproval = 12 "stale_approval" {
            /// Age of the approval, ns.
            age_ns: u64,
            /// Greatest age that is submitted, ns.
            limit_ns: u64,
        },
        /// Not submitted: as many orders are open as `execution` permits.
        TooManyOrders = 13 "too_many_orders" {
            /// Greatest number of open orders.
            limit: u32,
        },
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
    /// Type of a report that came too late.
    ReportType {
        /// `risk` approved the order again.
        Approved = 1 "approved",
        /// The exchange accepted the order.
        Accepted = 2 "accepted",
        /// The exchange rejected the order.
        Rejected = 3 "rejected",
        /// The exchange filled the order or a part of it.
        Filled = 4 "filled",
        /// The exchange closed the order.
        Closed = 5 "closed",
        /// The exchange rejected a cancel.
        CancelRejected = 6 "cancel_rejected",
        /// An operator requested a cancel.
        CancelRequested = 7 "cancel_requested",
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
