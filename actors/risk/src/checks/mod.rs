//! The trait of a check, and the list of all checks. A check measures and compares; it has no state.

use std::fmt::Debug;

use tapedeck_schemas::event::{Order, RiskState};
use tapedeck_schemas::number::{Price, Quantity, Ratio};
use tapedeck_schemas::offset::TapeTime;
use tapedeck_schemas::param::{ParamSpec, Params};

use crate::exposure::LastQuote;
use crate::open::OpenQuantity;

pub mod halted;
pub mod max_order_notional;
pub mod max_position;
pub mod max_quantity;
pub mod price_collar;
pub mod stale_data;
pub mod stale_decision;

/// Every check: one file, one line. Evaluated in this order, up to the first breach.
pub const CHECKS: &[&dyn Check] = &[
    &halted::Halted,
    &stale_data::StaleData,
    &stale_decision::StaleDecision,
    &price_collar::PriceCollar,
    &max_order_notional::MaxOrderNotional,
    &max_position::MaxPosition,
    &max_quantity::MaxQuantity,
];

/// One rule that an order must satisfy before it is approved.
pub trait Check: Debug + Sync {
    /// Name in `OrderDenied`.
    fn name(&self) -> &'static str;
    /// The limits that the check reads.
    fn params(&self) -> &'static [ParamSpec];
    /// Passes the order, or returns the breach for which it is denied.
    fn check(&self, context: &OrderContext<'_>, order: &Order) -> Result<(), Breach>;
}

/// The value that failed and the limit, as recorded in `OrderDenied`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Breach {
    /// Value of the order or of the state, in the unit of the limit.
    pub measured: Ratio,
    /// Greatest value that passes.
    pub limit: Ratio,
}

/// The input of checks: the state of the order's instrument and account before the order.
#[derive(Debug, Clone)]
pub struct OrderContext<'a> {
    /// Tape time, ns.
    pub now: TapeTime,
    /// Tape time of the quote that caused the signal, ns.
    pub signal_cause_time: TapeTime,
    /// Risk state of the instrument.
    pub state: RiskState,
    /// The latest quote.
    pub quote: Option<LastQuote>,
    /// Signed position.
    pub position: Quantity,
    /// Quantities that open orders may still trade.
    pub open: OpenQuantity,
    /// The limits in force.
    pub params: &'a Params,
}

impl OrderContext<'_> {
    /// The latest mid. Zero while there is no quote: `stale_data` denies such an order and must stay before every check
    /// that reads the mid.
    pub fn mid(&self) -> Price {
        self.quote.map_or(Price::ZERO, |quote| quote.mid())
    }

    /// Passes if `measured` is at most the limit in force for the order's instrument.
    pub fn at_most(&self, limit: &ParamSpec, order: &Order, measured: Ratio) -> Result<(), Breach> {
        let limit = self.params.in_force(limit, &order.instrument);
        if measured > limit { Err(Breach { measured, limit }) } else { Ok(()) }
    }
}

/// Fixtures for the tests of checks.
#[cfg(test)]
pub(crate) mod fixture {
    use super::*;
    use tapedeck_schemas::event::{Side, TimeInForce};
    use tapedeck_schemas::ids::OrderId;
    use tapedeck_schemas::offset::Offset;

    /// An order of sim.X.
    pub(crate) fn order(side: Side, quantity: &str, price: &str) -> Order {
        Order {
            id: OrderId([0; 16]),
            account: "sim-p0".parse().unwrap(),
            strategy: "blend".parse().unwrap(),
            instrument: "sim.X".parse().unwrap(),
            side,
            quantity: quantity.parse().unwrap(),
            price: price.parse().unwrap(),
            time_in_force: TimeInForce::Ioc,
            signal: Offset::START,
        }
    }

    /// A context that passes every check: at 10 s, with a quote of 99 / 101 just observed, and no position.
    pub(crate) fn context(params: &Params) -> OrderContext<'_> {
        let now = 10_000_000_000;
        let quote = Some(LastQuote { bid: Price::whole(99), ask: Price::whole(101), at: now });
        let (position, open) = (Quantity::ZERO, OpenQuantity::default());
        OrderContext { now, signal_cause_time: now, state: RiskState::Active, quote, position, open, params }
    }

    /// The result of a check, with measured and limit of a breach as text.
    pub(crate) fn outcome(
        check: &dyn Check,
        context: &OrderContext<'_>,
        order: &Order,
    ) -> Result<(), (String, String)> {
        check.check(context, order).map_err(|breach| (breach.measured.to_string(), breach.limit.to_string()))
    }

    /// The breach with this text.
    pub(crate) fn breach(measured: &str, limit: &str) -> Result<(), (String, String)> {
        Err((measured.into(), limit.into()))
    }
}
