//! The gate: the only place in this crate that can make an `OrderApproved`. No sizing, no state.
//!
//! [`Approved`] has no constructor but [`evaluate`], so an order that did not pass every check cannot be approved.

use tapedeck_schemas::event::{Event, Order, OrderApproved, OrderDenied};

use crate::checks::{Breach, CHECKS, OrderContext};

/// An order that is sized but not yet checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposed {
    order: Order,
}

/// An order that passed every check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approved {
    order: Order,
}

/// An order that failed a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    order: Order,
    check: &'static str,
    breach: Breach,
}

impl Proposed {
    /// An order to be checked.
    pub fn new(order: Order) -> Self {
        Self { order }
    }
    /// The proposed order.
    pub fn order(&self) -> &Order {
        &self.order
    }
}

/// Evaluates every check in the order of [`CHECKS`], up to the first breach.
#[expect(
    clippy::result_large_err,
    reason = "both variants hold the order, which is moved once; a box would only add an allocation"
)]
pub fn evaluate(proposed: Proposed, context: &OrderContext<'_>) -> Result<Approved, Denied> {
    let order = proposed.order;
    for check in CHECKS {
        if let Err(breach) = check.check(context, &order) {
            return Err(Denied { order, check: check.name(), breach });
        }
    }
    Ok(Approved { order })
}

impl From<Approved> for Event {
    fn from(approved: Approved) -> Event {
        OrderApproved { order: approved.order }.into()
    }
}

impl From<Denied> for Event {
    fn from(denied: Denied) -> Event {
        let Breach { measured, limit } = denied.breach;
        OrderDenied { order: denied.order, check: denied.check.into(), measured, limit }.into()
    }
}
