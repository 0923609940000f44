//! A position by average cost: what one fill makes of it. No ledger and no market value lives here.
//!
//! Netting: there is one signed position; a fill against it closes, and what is over opens the other side. Cost is
//! exact when a position grows. When it shrinks, the cost of what is closed is `cost · closed / held`, rounded half to
//! even to 1e-18; what is rounded stays in the cost of the rest, so nothing is lost: flat, the cost is exactly zero,
//! and `realised = cost − Σ price · signed quantity` holds exactly at any time.

use tapedeck_schemas::event::{OrderFilled, PositionChanged};
use tapedeck_schemas::ids::{AccountId, InstrumentId, StrategyId};
use tapedeck_schemas::number::{Money, Price, Quantity};

use crate::exact::share;

/// Whose position, by which strategy, in what.
pub type HoldingKey = (AccountId, StrategyId, InstrumentId);

/// A position and what it has cost and brought.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Holding {
    /// Signed: above zero long, below zero short.
    pub quantity: Quantity,
    /// Cost of the open quantity, signed as the quantity.
    pub cost: Money,
    /// Realised profit so far, before fees.
    pub realised: Money,
    /// Fees so far, in the quote currency.
    pub fees: Money,
}

impl Holding {
    /// After `signed` more at a price (bought above zero, sold below).
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

    /// After paying a fee in the quote currency.
    pub fn after_fee(&self, fee: Money) -> Holding {
        Holding { fees: self.fees + fee, ..*self }
    }

    /// As the fact that a fill leads to.
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

    /// From the fact.
    pub fn from_fact(fact: &PositionChanged) -> Holding {
        Holding { quantity: fact.quantity, cost: fact.cost, realised: fact.realised, fees: fact.fees }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// quantity, cost, realised after fills given as (signed quantity, price).
    fn after(fills: &[(&str, &str)]) -> (String, String, String) {
        let holding = fills.iter().fold(Holding::default(), |held, (quantity, price)| {
            held.after(quantity.parse().unwrap(), price.parse().unwrap())
        });
        (holding.quantity.to_string(), holding.cost.to_string(), holding.realised.to_string())
    }

    fn is(quantity: &str, cost: &str, realised: &str) -> (String, String, String) {
        (quantity.into(), cost.into(), realised.into())
    }

    #[test]
    fn a_position_that_grows_costs_the_sum_of_its_notionals() {
        assert_eq!(after(&[("2", "100"), ("3", "110")]), is("5", "530", "0"));
        assert_eq!(after(&[("-2", "100"), ("-3", "110")]), is("-5", "-530", "0"));
    }

    #[test]
    fn closing_a_part_realises_against_the_average_cost() {
        assert_eq!(after(&[("2", "100"), ("2", "110"), ("-1", "120")]), is("3", "315", "15"));
        assert_eq!(after(&[("-2", "100"), ("-2", "110"), ("1", "120")]), is("-3", "-315", "-15"));
    }

    #[test]
    fn through_zero_all_of_the_old_is_closed_and_the_rest_opened_at_the_fills_price() {
        assert_eq!(after(&[("2", "100"), ("-5", "90")]), is("-3", "-270", "-20"));
        assert_eq!(after(&[("-2", "100"), ("5", "90")]), is("3", "270", "20"));
    }

    #[test]
    fn flat_costs_exactly_nothing_whatever_was_rounded_on_the_way() {
        let thirds = [("0.000000003", "0.000000001"), ("0.000000004", "0.000000002")];
        let mut fills = thirds.to_vec();
        fills.extend([("-0.000000001", "0.000000001"); 7]);
        assert_eq!(after(&fills), is("0", "0", "-0.000000000000000004"));
    }
}
