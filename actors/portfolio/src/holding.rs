//! A position at average cost, and the effect of a fill on it. No ledger and no market value lives here.
//!
//! Netting: there is one signed position. A fill against it closes it, and any excess opens a position on the other
//! side. Cost is exact when a position grows. When it shrinks, the cost of the closed part is `cost · closed / held`,
//! rounded half to even to 1e-21; the rounding error stays in the remaining cost. The cost of a flat position is
//! therefore exactly zero, and `realised = cost − Σ price · signed quantity` holds exactly at any time.

use serde::{Deserialize, Serialize};
use tapedeck_schemas::event::{OrderFilled, PositionChanged};
use tapedeck_schemas::ids::{AccountId, InstrumentId, StrategyId};
use tapedeck_schemas::number::{Money, Price, Quantity};

use crate::exact::share;

/// Account, strategy and instrument of a position.
pub type HoldingKey = (AccountId, StrategyId, InstrumentId);

/// A position, its cost, and its profit and fees so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    /// Signed: above zero long, below zero short.
    pub quantity: Quantity,
    /// Cost of the open quantity, with the sign of the quantity.
    pub cost: Money,
    /// Realised profit so far, before fees.
    pub realised: Money,
    /// Fees so far, in the quote currency.
    pub fees: Money,
}

impl Holding {
    /// The position after a fill of `signed` (above zero bought, below zero sold) at a price.
    pub fn after(&self, signed: Quantity, price: Price) -> Holding {
        let mut next = *self;
        let against = self.quantity.units().signum() * signed.units().signum() < 0;
        let closed = if against { signed.abs().min(self.quantity.abs()) } else { Quantity::ZERO };
        if against {
            let signed_closed = if signed.is_negative() { -closed } else { closed };
            let cost_part = share(self.cost, closed, self.quantity.abs());
            let proceeds = -price.saturating_notional(signed_closed);
            next.realised += proceeds - cost_part;
            next.cost -= cost_part;
            next.quantity += signed_closed;
        }
        let opened = signed.abs() - closed;
        let opened = if signed.is_negative() { -opened } else { opened };
        next.quantity += opened;
        next.cost += price.saturating_notional(opened);
        next
    }

    /// The position after a fee in the quote currency.
    pub fn after_fee(&self, fee: Money) -> Holding {
        Holding { fees: self.fees + fee, ..*self }
    }

    /// The fact that records this position after a fill.
    pub fn changed_by(&self, fill: &OrderFilled) -> PositionChanged {
        PositionChanged {
            account: fill.account,
            strategy: fill.strategy,
            instrument: fill.instrument,
            fill: fill.fill,
            quantity: self.quantity,
            cost: self.cost,
            average_price: self.cost.per(self.quantity).unwrap_or(Price::ZERO),
            realised: self.realised,
            fees: self.fees,
        }
    }

    /// The position that a fact records.
    pub fn from_fact(fact: &PositionChanged) -> Holding {
        Holding { quantity: fact.quantity, cost: fact.cost, realised: fact.realised, fees: fact.fees }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Quantity, cost and realised profit after fills of (signed quantity, price).
    fn after(fills: &[(&str, &str)]) -> (String, String, String) {
        let holding = fills.iter().fold(Holding::default(), |held, (quantity, price)| {
            held.after(quantity.parse().unwrap(), price.parse().unwrap())
        });
        (holding.quantity.to_string(), holding.cost.to_string(), holding.realised.to_string())
    }

    fn expected(quantity: &str, cost: &str, realised: &str) -> (String, String, String) {
        (quantity.into(), cost.into(), realised.into())
    }

    #[test]
    fn a_position_that_grows_costs_the_sum_of_its_notionals() {
        assert_eq!(after(&[("2", "100"), ("3", "110")]), expected("5", "530", "0"));
        assert_eq!(after(&[("-2", "100"), ("-3", "110")]), expected("-5", "-530", "0"));
    }

    #[test]
    fn closing_a_part_realises_against_the_average_cost() {
        assert_eq!(after(&[("2", "100"), ("2", "110"), ("-1", "120")]), expected("3", "315", "15"));
        assert_eq!(after(&[("-2", "100"), ("-2", "110"), ("1", "120")]), expected("-3", "-315", "-15"));
    }

    #[test]
    fn a_fill_through_zero_closes_the_position_and_opens_the_rest_at_its_price() {
        assert_eq!(after(&[("2", "100"), ("-5", "90")]), expected("-3", "-270", "-20"));
        assert_eq!(after(&[("-2", "100"), ("5", "90")]), expected("3", "270", "20"));
    }

    #[test]
    fn a_flat_position_has_a_cost_of_exactly_zero_despite_rounding() {
        let thirds = [("0.000000003", "0.000000000001"), ("0.000000004", "0.000000000002")];
        let mut fills = thirds.to_vec();
        fills.extend([("-0.000000001", "0.000000000001"); 7]);
        assert_eq!(after(&fills), expected("0", "0", "-0.000000000000000000004"));
    }
}
