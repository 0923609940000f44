//! Facts of risk: orders sized and checked, and the risk ladder.

use crate::ids::AccountId;
use crate::names::names;
use crate::number::Ratio;
use crate::order::Order;
use crate::structs::structs;

structs! {
    /// An order passed every check. Only risk's gate makes one.
    OrderApproved {
        /// The order.
        order: Order,
    }
    /// An order was refused by the first check that it failed.
    OrderDenied {
        /// The order that would have been.
        order: Order,
        /// Name of the check.
        check: String,
        /// The value that the check measured.
        measured: Ratio,
        /// The limit that it broke.
        limit: Ratio,
    }
    /// The risk ladder moved.
    RiskStateChanged {
        /// The account that trades under the state.
        account: AccountId,
        /// State before.
        from: RiskState,
        /// State after.
        to: RiskState,
        /// Why, with the measured value where a rule did it.
        reason: String,
    }
}

names! {
    /// The risk ladder; only an operator goes back up.
    RiskState {
        /// Trading.
        Active = 1 "active",
        /// Only orders that reduce a position.
        Reducing = 2 "reducing",
        /// No orders.
        Halted = 3 "halted",
    }
}
