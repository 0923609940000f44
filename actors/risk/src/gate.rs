//! The gate: the only place in this crate that can make an `OrderApproved`. No sizing, no state.
//!
//! [`Approved`] has no constructor but [`evaluate`], so an order that did not pass every check cannot be approved.

use tapedeck_schemas::event::{Event, Order, OrderApproved, OrderDenied};

use crate::checks::{Breach, CHECKS, OrderContext};

/// An order that sizing made and nobody has judged.
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
    refusal: Breach,
}

impl Proposed {
    /// An order to be judged.
    pub fn new(order: Order) -> Self {
        Self { order }
    }
    /// What is proposed.
    pub fn order(&self) -> &Order {
        &self.order
    }
}

/// Puts an order through every check, in the order of the list; the first refusal is the answer.
#[expect(clippy::result_large_err, reason = "either way it is the order, moved once; a box would only add a hop")]
pub fn evaluate(proposed: Proposed, view: &OrderContext<'_>) -> Result<Approved, Denied> {
    let order = proposed.order;
    for check in CHECKS {
        if let Err(refusal) = check.check(view, &order) {
            return Err(Denied { order, check: check.name(), refusal });
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
        let Breach { measured, limit } = denied.refusal;
        OrderDenied { order: denied.order, check: denied.check.into(), measured, limit }.into()
    }
}
