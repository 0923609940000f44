//! Price collar: denies a limit price too far from the mid, on either side.

use tapedeck_schemas::event::{Denial, Order};
use tapedeck_schemas::number::Ratio;
use tapedeck_schemas::param::ParamSpec;

use super::{Check, OrderContext};

/// Greatest distance of a limit price from the mid.
pub const PRICE_COLLAR: ParamSpec = ParamSpec {
    name: "risk.price_collar",
    unit: "fraction",
    about: "greatest distance of the limit price from the mid, as a fraction of the mid",
    default: Ratio::saturating_from_units(Ratio::ONE / 50),
    min: Ratio::ZERO,
    max: Ratio::whole(1),
};

/// Measures |price / mid − 1|, rounded half to even to 1e-9.
#[derive(Debug)]
pub struct PriceCollar;

impl Check for PriceCollar {
    fn name(&self) -> &'static str {
        "price_collar"
    }
    fn params(&self) -> &'static [ParamSpec] {
        &[PRICE_COLLAR]
    }
    fn check(&self, context: &OrderContext<'_>, order: &Order) -> Result<(), Denial> {
        let mid = context.mid()?;
        let distance = (order.price - mid).abs();
        let measured = Ratio::of(distance.units(), mid.units());
        context.at_most(self, &PRICE_COLLAR, order, measured)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{context, order, over};
    use super::*;
    use tapedeck_schemas::event::Side::{Buy, Sell};
    use tapedeck_schemas::param::Params;

    #[test]
    fn two_percent_from_the_mid_passes_on_either_side_and_a_cent_more_does_not() {
        let params = Params::default();
        let context = context(&params);
        for (side, inside, outside) in [(Buy, "102", "102.01"), (Sell, "98", "97.99")] {
            assert_eq!(PriceCollar.check(&context, &order(side, "1", inside)), Ok(()));
            assert_eq!(PriceCollar.check(&context, &order(side, "1", outside)), over(&PriceCollar, "0.0201", "0.02"));
        }
    }
}
