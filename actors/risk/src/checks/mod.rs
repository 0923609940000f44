//! What a check is, and the explicit list of them. A check reads, measures and compares; it keeps nothing.

use std::fmt::Debug;

use tapedeck_schemas::event::{Order, RiskState};
use tapedeck_schemas::ids::InstrumentId;
use tapedeck_schemas::number::{Price, Quantity, Ratio};
use tapedeck_schemas::offset::TapeTime;
use tapedeck_schemas::param::{ParamSpec, Params};

use crate::exposure::LastQuote;
use crate::open::OpenQuantity;

pub mod halted;
pub mod max_order_notional;
pub mod max_position;
pub mod price_collar;
pub mod stale_data;
pub mod stale_decision;

/// Every check: one file, one line. They are asked in this order, and the first refusal is the answer.
pub const CHECKS: &[&dyn Check] = &[
    &halted::Halted,
    &stale_data::StaleData,
    &stale_decision::StaleDecision,
    &price_collar::PriceCollar,
    &max_order_notional::MaxOrderNotional,
    &max_position::MaxPosition,
];

/// One thing that an order must satisfy.
pub trait Check: Debug + Sync {
    /// Its name in `OrderDenied`.
    fn name(&self) -> &'static str;
    /// The limits that it uses.
    fn params(&self) -> &'static [ParamSpec];
    /// Whether the order may go, as far as this check is concerned.
    fn check(&self, view: &OrderContext<'_>, order: &Order) -> Result<(), Breach>;
}

/// Why an order was refused. `measured` is over `limit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Breach {
    /// What was measured.
    pub measured: Ratio,
    /// What it may be at most.
    pub limit: Ratio,
}

/// What checks may look at: the state of the order's instrument and account before the order.
#[derive(Debug, Clone)]
pub struct OrderContext<'a> {
    /// Tape time, ns.
    pub now: TapeTime,
    /// Tape time of the quote that the signal answered, ns.
    pub decided_at: TapeTime,
    /// The ladder's state for the instrument.
    pub state: RiskState,
    /// The latest quote.
    pub quote: Option<LastQuote>,
    /// Signed position.
    pub position: Quantity,
    /// What open orders may still trade.
    pub open: OpenQuantity,
    /// The limits in force.
    pub params: &'a Params,
}

impl OrderContext<'_> {
    /// The latest mid; zero while there is no quote.
    pub fn mid(&self) -> Price {
        self.quote.map_or(Price::ZERO, |quote| quote.mid())
    }

    /// Refuses what measures over the limit in force for the order's instrument.
    pub fn at_most(&self, limit: &ParamSpec, order: &Order, measured: Ratio) -> Result<(), Breach> {
        let limit = in_force(self.params, limit, &order.instrument);
        if measured > limit { Err(Breach { measured, limit }) } else { Ok(()) }
    }
}

/// A value in force, held within its declared bounds.
pub(crate) fn in_force(params: &Params, spec: &ParamSpec, instrument: &InstrumentId) -> Ratio {
    params.get(spec, instrument).clamp(spec.min, spec.max)
}

/// A span of tape time in ms, exact.
pub(crate) fn milliseconds(ns: TapeTime) -> Ratio {
    const UNITS_PER_NS: i128 = Ratio::ONE / 1_000_000;
    Ratio::saturating_from_units(i128::from(ns) * UNITS_PER_NS)
}

/// What the tests of checks share.
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

    /// A view in which everything is well: at 10 s, a quote of 99 / 101 just landed, no position.
    pub(crate) fn view(params: &Params) -> OrderContext<'_> {
        let now = 10_000_000_000;
        let quote = Some(LastQuote { bid: Price::whole(99), ask: Price::whole(101), at: now });
        let (position, open) = (Quantity::ZERO, OpenQuantity::default());
        OrderContext { now, decided_at: now, state: RiskState::Active, quote, position, open, params }
    }

    /// What a check says: `Ok`, or measured and limit as text.
    pub(crate) fn verdict(check: &dyn Check, view: &OrderContext<'_>, order: &Order) -> Result<(), (String, String)> {
        check.check(view, order).map_err(|refusal| (refusal.measured.to_string(), refusal.limit.to_string()))
    }

    /// The refusal that shows these.
    pub(crate) fn refused(measured: &str, limit: &str) -> Result<(), (String, String)> {
        Err((measured.into(), limit.into()))
    }
}
