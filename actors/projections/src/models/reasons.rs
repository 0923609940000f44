//! The columns of a typed reason: its code, the value that it measured, and the limit. No words: they may change.

use tapedeck_schemas::event::{Denial, OrderRejection, RiskStateReason, StatusReason};

use super::text;
use crate::Value;

/// Code, measured value and limit of a reason; null where the reason has none.
pub(super) struct ReasonColumns {
    pub(super) code: &'static str,
    pub(super) measured: Value,
    pub(super) limit: Value,
}

impl ReasonColumns {
    /// A reason without values.
    pub(super) fn plain(code: &'static str) -> Self {
        Self { code, measured: None, limit: None }
    }

    fn measured(code: &'static str, measured: impl ToString, limit: impl ToString) -> Self {
        Self { code, measured: text(measured), limit: text(limit) }
    }

    fn bounded(code: &'static str, limit: u32) -> Self {
        Self { code, measured: None, limit: text(limit) }
    }

    /// The three values, in the order of the columns.
    pub(super) fn values(self) -> [Value; 3] {
        [text(self.code), self.measured, self.limit]
    }
}

impl From<&Denial> for ReasonColumns {
    fn from(denial: &Denial) -> Self {
        let code = denial.code();
        match denial {
            Denial::OverLimit { measured, limit, .. } => Self::measured(code, measured, limit),
            Denial::StaleQuote { age_ns, limit_ns } | Denial::StaleDecision { age_ns, limit_ns } => {
                Self::measured(code, age_ns, limit_ns)
            }
            Denial::LossOverLimit { loss, limit } => Self::measured(code, loss, limit),
            Denial::NoQuote | Denial::Halted { .. } => Self::plain(code),
        }
    }
}

impl From<&RiskStateReason> for ReasonColumns {
    fn from(reason: &RiskStateReason) -> Self {
        let code = reason.code();
        match reason {
            RiskStateReason::LossOverLimit { loss, limit } => Self::measured(code, loss, limit),
            RiskStateReason::Halted { .. } | RiskStateReason::Resumed => Self::plain(code),
        }
    }
}

impl From<&OrderRejection> for ReasonColumns {
    fn from(rejection: &OrderRejection) -> Self {
        let code = rejection.code();
        match rejection {
            OrderRejection::OffTick { price, tick_size } => Self::measured(code, price, tick_size),
            OrderRejection::OffLot { quantity, lot_size } => Self::measured(code, quantity, lot_size),
            OrderRejection::TooManyOrders { limit } => Self::bounded(code, *limit),
            OrderRejection::UnknownInstrument | OrderRejection::RepeatedId => Self::plain(code),
        }
    }
}

impl From<&StatusReason> for ReasonColumns {
    fn from(reason: &StatusReason) -> Self {
        match reason {
            // The status says that the order was rejected; the rule of the exchange says why.
            StatusReason::Rejected { rejection } => rejection.into(),
            StatusReason::StaleApproval { age_ns, limit_ns } => Self::measured(reason.code(), age_ns, limit_ns),
            StatusReason::TooManyOrders { limit } => Self::bounded(reason.code(), *limit),
            _ => Self::plain(reason.code()),
        }
    }
}
