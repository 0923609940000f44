//! Max order notional: denies an order whose value at its limit price is too great.

use tapedeck_schemas::event::{Denial, Order};
use tapedeck_schemas::number::Ratio;
use tapedeck_schemas::param::ParamSpec;

use super::{Check, OrderContext};
use crate::exposure::rounded_up;

/// Greatest notional of one order.
pub const MAX_ORDER_NOTIONAL: ParamSpec = ParamSpec {
    name: "risk.max_order_notional",
    unit: "quote currency",
    about: "greatest magnitude of limit price times quantity of one order",
    default: Ratio::whole(20_000),
    min: Ratio::ZERO,
    max: Ratio::whole(100_000_000_000),
};

/// Measures |limit price| · quantity, rounded up.
#[derive(Debug)]
pub struct MaxOrderNotional;

impl Check for MaxOrderNotional {
    fn name(&self) -> &'static str {
        "max_order_notional"
    }
    fn params(&self) -> &'static [ParamSpec] {
        &[MAX_ORDER_NOTIONAL]
    }
    fn check(&self, context: &OrderContext<'_>, order: &Order) -> Result<(), Denial> {
        let notional = order.price.abs().saturating_notional(order.quantity);
        context.at_most(self, &MAX_ORDER_NOTIONAL, order, rounded_up(notional))
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{context, order, over};
    use super::*;
    use tapedeck_schemas::event::Side::{Buy, Sell};
    use tapedeck_schemas::param::Params;

    #[test]
    fn a_notional_of_twenty_thousand_passes_and_a_greater_one_does_not() {
        let params = Params::default();
        let context = context(&params);
        for side in [Buy, Sell] {
            assert_eq!(MaxOrderNotional.check(&context, &order(side, "200", "100")), Ok(()));
            let outside = order(side, "200.000000001", "100");
            assert_eq!(MaxOrderNotional.check(&context, &outside), over(&MaxOrderNotional, "20000.0000001", "20000"));
        }
        // 4e-10 over the limit is a breach, and shows as one.
        let outside = order(Buy, "19999.996540001", "1.000000173");
        assert_eq!(MaxOrderNotional.check(&context, &outside), over(&MaxOrderNotional, "20000.000000001", "20000"));
    }
}
