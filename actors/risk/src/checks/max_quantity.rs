//! Max quantity: denies an order if the position would have too many units once all open orders of its side are filled.
//!
//! Its greatest limit keeps every position far below the bounds of `Quantity` (1e18) and of `Money` (1e17).

use tapedeck_schemas::event::{Denial, Order};
use tapedeck_schemas::number::Ratio;
use tapedeck_schemas::param::ParamSpec;

use super::halted::reduces;
use super::{Check, OrderContext};
use crate::exposure::worst_case;

/// Greatest magnitude of a position, long or short.
pub const MAX_QUANTITY: ParamSpec = ParamSpec {
    name: "risk.max_quantity",
    unit: "base currency",
    about: "greatest |position|, if this order and all open orders of its side are filled",
    default: Ratio::whole(1_000_000_000_000_000),
    min: Ratio::ZERO,
    max: Ratio::whole(1_000_000_000_000_000),
};

/// Measures |position + open on the order's side + order|. An order that only reduces the position passes.
#[derive(Debug)]
pub struct MaxQuantity;

impl Check for MaxQuantity {
    fn name(&self) -> &'static str {
        "max_quantity"
    }
    fn params(&self) -> &'static [ParamSpec] {
        &[MAX_QUANTITY]
    }
    fn check(&self, context: &OrderContext<'_>, order: &Order) -> Result<(), Denial> {
        if reduces(context, order) {
            return Ok(());
        }
        let worst = worst_case(context.position, context.open.on(order.side), order.side, order.quantity);
        // A ratio counts 1e-9 like a quantity, and has the same bound.
        context.at_most(self, &MAX_QUANTITY, order, Ratio::saturating_from_units(worst.abs().units()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{context, order, over};
    use super::*;
    use tapedeck_schemas::event::Side::{Buy, Sell};
    use tapedeck_schemas::number::Quantity;
    use tapedeck_schemas::param::Params;

    #[test]
    fn position_open_orders_of_the_side_and_order_together_are_limited_to_a_quadrillion() {
        let params = Params::default();
        let mut context = context(&params);
        context.position = Quantity::whole(300_000_000_000_000);
        context.open.buy = Quantity::whole(100_000_000_000_000);
        assert_eq!(MaxQuantity.check(&context, &order(Buy, "600000000000000", "0.000000000001")), Ok(()));
        let denied = MaxQuantity.check(&context, &order(Buy, "600000000000000.000000001", "0.000000000001"));
        assert_eq!(denied, over(&MaxQuantity, "1000000000000000.000000001", "1000000000000000"));
        let denied = MaxQuantity.check(&context, &order(Buy, "1000000000000000000", "0.000000000001"));
        assert_eq!(denied, over(&MaxQuantity, "1000000000000000000", "1000000000000000"), "the greatest quantity");
        assert_eq!(MaxQuantity.check(&context, &order(Sell, "1", "1")), Ok(()), "it reduces");
    }
}
