//! Max position: denies an order if the position would be too great once all open orders of its side are filled.

use tapedeck_schemas::event::{Denial, Order};
use tapedeck_schemas::number::Ratio;
use tapedeck_schemas::param::ParamSpec;

use super::halted::reduces;
use super::{Check, OrderContext};
use crate::exposure::{rounded_up, worst_case};

/// Greatest value of a position, long or short.
pub const MAX_POSITION: ParamSpec = ParamSpec {
    name: "risk.max_position",
    unit: "quote currency",
    about: "greatest value at the mark of |position|, if this order and all open orders of its side are filled",
    default: Ratio::whole(50_000),
    min: Ratio::ZERO,
    max: Ratio::whole(100_000_000_000),
};

/// Measures |position + open on the order's side + order| · |mark|, rounded up.
///
/// An order that only reduces the position passes at any value: if the limit was lowered, or the price has risen, it
/// must remain possible to close the position.
#[derive(Debug)]
pub struct MaxPosition;

impl Check for MaxPosition {
    fn name(&self) -> &'static str {
        "max_position"
    }
    fn params(&self) -> &'static [ParamSpec] {
        &[MAX_POSITION]
    }
    fn check(&self, context: &OrderContext<'_>, order: &Order) -> Result<(), Denial> {
        if reduces(context, order) {
            return Ok(());
        }
        let worst = worst_case(context.position, context.open.on(order.side), order.side, order.quantity);
        let value = context.mark()?.abs().saturating_notional(worst.abs());
        context.at_most(self, &MAX_POSITION, order, rounded_up(value))
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{context, order, over};
    use super::*;
    use tapedeck_schemas::event::Side::{Buy, Sell};
    use tapedeck_schemas::param::Params;

    #[test]
    fn position_open_orders_of_the_side_and_order_together_are_limited_to_fifty_thousand() {
        let params = Params::default();
        let mut context = context(&params);
        for (position, buys, sells, side, inside, outside) in [
            ("0", "0", "0", Buy, "500", "500.000000001"),
            ("300", "150", "70", Buy, "50", "50.000000001"),
            ("-300", "70", "150", Sell, "50", "50.000000001"),
            ("-100", "0", "0", Buy, "600", "600.000000001"),
            ("100", "0", "20", Sell, "580", "580.000000001"),
        ] {
            context.position = position.parse().unwrap();
            (context.open.buy, context.open.sell) = (buys.parse().unwrap(), sells.parse().unwrap());
            assert_eq!(MaxPosition.check(&context, &order(side, inside, "100")), Ok(()), "{position} {side}");
            let denied = MaxPosition.check(&context, &order(side, outside, "100"));
            assert_eq!(denied, over(&MaxPosition, "50000.0000001", "50000"), "{position} {side}");
        }
    }

    #[test]
    fn a_position_over_the_limit_may_be_reduced_but_not_increased() {
        let params = Params::default();
        let mut context = context(&params);
        context.position = "900".parse().unwrap();
        assert_eq!(MaxPosition.check(&context, &order(Sell, "1", "100")), Ok(()));
        assert_eq!(MaxPosition.check(&context, &order(Buy, "1", "100")), over(&MaxPosition, "90100", "50000"));
    }
}
