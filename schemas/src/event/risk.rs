//! Facts of `risk`: approved and denied orders, and the risk state of an account.

use crate::event::{HaltLevel, Scope};
use crate::ids::{AccountId, Token};
use crate::names::names;
use crate::number::Ratio;
use crate::order::Order;
use crate::structs::structs;
use crate::variants::variants;

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
        /// What the failed check found.
        denial: Denial,
    }
    /// The risk state of an account changed.
    RiskStateChanged {
        /// Account whose state changed.
        account: AccountId,
        /// State before the change.
        from: RiskState,
        /// State after the change.
        to: RiskState,
        /// Cause of the change.
        reason: RiskStateReason,
    }
}

variants! {
    /// Reason for which `risk` denied an order.
    Denial {
        /// A check measured a value over its limit.
        OverLimit = 1 "over_limit" {
            /// Name of the check, such as `max_position`.
            check: Token,
            /// Measured value, in the unit of the limit.
            measured: Ratio,
            /// Greatest value that passes.
            limit: Ratio,
        },
        /// The instrument has no quote, so there is no mid to compare with.
        NoQuote = 2 "no_quote",
        /// The latest quote is too old in tape time.
        StaleQuote = 3 "stale_quote" {
            /// Age of the quote, ns.
            age_ns: u64,
            /// Greatest age that passes, ns.
            limit_ns: u64,
        },
        /// The cause of the signal is too old in tape time.
        StaleDecision = 4 "stale_decision" {
            /// Age of the cause of the signal, ns.
            age_ns: u64,
            /// Greatest age that passes, ns.
            limit_ns: u64,
        },
        /// Trading is halted, or limited to orders that reduce a position, and the order does not.
        Halted = 5 "halted" {
            /// Scope of the strictest halt in force; the whole partition if two are equally strict.
            scope: Scope,
            /// Level of that halt.
            level: HaltLevel,
        },
        /// The account lost too much: only orders that reduce a position pass, and the order does not.
        LossOverLimit = 6 "loss_over_limit" {
            /// Loss in the worst quote currency.
            loss: Ratio,
            /// Value of `risk.max_loss` when the loss was measured.
            limit: Ratio,
        },
    }
    /// Cause of a change of the risk state.
    RiskStateReason {
        /// An operator halted the whole partition.
        Halted = 1 "halted" {
            /// Level of the halt.
            level: HaltLevel,
        },
        /// An operator resumed trading in the whole partition.
        Resumed = 2 "resumed",
        /// The account lost more than `risk.max_loss`.
        LossOverLimit = 3 "loss_over_limit" {
            /// Loss in the worst quote currency.
            loss: Ratio,
            /// Value of `risk.max_loss`.
            limit: Ratio,
        },
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
