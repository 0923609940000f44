//! Facts of `risk`: approved and denied orders, and the risk state of an account.

use crate::ids::AccountId;
use crate::names::names;
use crate::number::Ratio;
use crate::order::Order;
use crate::structs::structs;

structs! {
    /// An order passed every check of `risk`.
    OrderApproved {
        /// The approved order.
        order: Order,
    }
    /// An order failed a check of `risk`. Later checks were not evaluated.
    OrderDenied {
        /// The denied order.
        order: Order,
        /// Name of the failed check, such as `max_position`.
        check: String,
        /// Measured value, in the unit of the limit.
        measured: Ratio,
        /// The limit that `measured` breaks.
        limit: Ratio,
    }
    /// The risk state of an account changed.
    RiskStateChanged {
        /// Account whose state changed.
        account: AccountId,
        /// State before the change.
        from: RiskState,
        /// State after the change.
        to: RiskState,
        /// The operator's reason, or the broken rule with the measured value.
        reason: String,
    }
}

names! {
    /// Orders that `risk` permits. The loss rule or a halt restricts the state; only an operator's resume relaxes it.
    RiskState {
        /// Every order that passes the checks.
        Active = 1 "active",
        /// Only orders that bring a position nearer to zero.
        Reducing = 2 "reducing",
        /// No order at all.
        Halted = 3 "halted",
    }
}
