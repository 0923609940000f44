//! The trait of a check, and the list of all checks. A check measures and compares; it has no state.

use std::fmt::Debug;

use tapedeck_schemas::event::{Denial, Order};
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

/// Every check: one file, one line. Evaluated in this order, up to the first that denies.
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
    /// Name in `OrderDenied`: at most 24 of `a-z 0-9 _`.
    fn name(&self) -> &'static str;
    /// The limits that the check reads.
    fn params(&self) -> &'static [ParamSpec];
    /// Passes the order, or returns the reason for which it is denied.
    fn check(&self, context: &OrderContext<'_>, order: &Order) -> Result<(), Denial>;
}

/// The input of checks: the state of the order's instrument and account before the order.
#[derive(Debug, Clone)]
pub struct OrderContext<'a> {
    /// Tape time, ns.
    pub now: TapeTime,
    /// Tape time of the quote that caused the signal, ns.
    pub signal_cause_time: TapeTime,
    /// The strictest restriction on the instrument; `None` while it is active.
    pub restriction: Option<Denial>,
    /// The latest quote.
    pub quote: Option<LastQuote>,
    /// The price at which a position in the instrument is valued.
    pub mark: Option<Price>,
    /// Signed position.
    pub position: Quantity,
    /// Quantities that open orders may still trade.
    pub open: OpenQuantity,
    /// The limits in force.
    pub params: &'a Params,
}

impl OrderContext<'_> {
    /// The latest quote; denies the order if there is none, or if it has no side to rely on.
    pub fn quoted(&self) -> Result<LastQuote, Denial> {
        self.quote.filter(|quote| quote.bid.or(quote.ask).is_some()).ok_or(Denial::NoQuote)
    }

    /// The price at which a position is valued; denies the order if there is none.
    pub fn mark(&self) -> Result<Price, Denial> {
        self.mark.ok_or(Denial::NoQuote)
    }

    /// Passes if what `check` measured is at most the limit in force for the order's instrument.
    pub fn at_most(&self, check: &dyn Check, limit: &ParamSpec, order: &Order, measured: Ratio) -> Result<(), Denial> {
        let limit = self.params.in_force(limit, &order.instrument);
        if measured <= limit {
            return Ok(());
        }
        let check = check.name().parse().expect("a fixed short name");
        Err(Denial::OverLimit { check, measured, limit })
    }

    /// The age of what happened at `since`, and the greatest one in force, in ns; `None` if it is within that.
    pub fn over_age(&self, limit: &ParamSpec, order: &Order, since: TapeTime) -> Option<(u64, u64)> {
        let limit_ns = self.params.in_force(limit, &order.instrument).milliseconds_to_ns();
        let age_ns = self.now.saturating_sub(since);
        (age_ns > limit_ns).then_some((age_ns, limit_ns))
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
        let quote = Some(LastQuote { bid: Some(Price::whole(99)), ask: Some(Price::whole(101)), ts_recv: now });
        let (position, open, mark) = (Quantity::ZERO, OpenQuantity::default(), Some(Price::whole(100)));
        OrderContext { now, signal_cause_time: now, restriction: None, quote, mark, position, open, params }
    }

    /// The denial of a value over its limit.
    pub(crate) fn over(check: &dyn Check, measured: &str, limit: &str) -> Result<(), Denial> {
        let check = check.name().parse().unwrap();
        Err(Denial::OverLimit { check, measured: measured.parse().unwrap(), limit: limit.parse().unwrap() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tapedeck_schemas::ids::Token;

    #[test]
    fn names_are_unique_and_fit_a_denial() {
        for (n, check) in CHECKS.iter().enumerate() {
            assert!(CHECKS[..n].iter().all(|other| other.name() != check.name()), "{}", check.name());
            assert!(check.name().parse::<Token>().is_ok(), "{}", check.name());
        }
    }

    #[test]
    fn without_a_quote_no_check_that_needs_one_passes() {
        let params = Params::default();
        let context = OrderContext { quote: None, mark: None, ..fixture::context(&params) };
        let order = fixture::order(tapedeck_schemas::event::Side::Buy, "1", "100");
        let denied = CHECKS.iter().filter(|check| check.check(&context, &order) == Err(Denial::NoQuote));
        assert_eq!(
            denied.map(|check| check.name()).collect::<Vec<_>>(),
            ["stale_data", "price_collar", "max_position"]
        );
    }
}
