//! The gate: the only place in this crate that can make an `OrderApproved`. No sizing, no state.
//!
//! [`Approved`] has no constructor but [`evaluate`], so an order that did not pass every check cannot be approved.

use tapedeck_schemas::event::{Denial, Event, Order, OrderApproved, OrderDenied};

use crate::checks::{Check, OrderContext};

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
    denial: Denial,
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

/// Evaluates `checks` in their order, up to the first that denies.
#[expect(
    clippy::result_large_err,
    reason = "both variants hold the order, which is moved once; a box would only add an allocation"
)]
pub fn evaluate(proposed: Proposed, context: &OrderContext<'_>, checks: &[&dyn Check]) -> Result<Approved, Denied> {
    let order = proposed.order;
    match checks.iter().try_for_each(|check| check.check(context, &order)) {
        Ok(()) => Ok(Approved { order }),
        Err(denial) => Err(Denied { order, denial }),
    }
}

impl From<Approved> for Event {
    fn from(approved: Approved) -> Event {
        OrderApproved { order: approved.order }.into()
    }
}

impl From<Denied> for Event {
    fn from(denied: Denied) -> Event {
        OrderDenied { order: denied.order, denial: denied.denial }.into()
    }
}
