//! Price collar: denies a limit price too far from the mark, on either side.

use tapedeck_schemas::event::{Denial, Order};
use tapedeck_schemas::number::Ratio;
use tapedeck_schemas::param::ParamSpec;

use super::{Check, OrderContext};

/// Greatest distance of a limit price from the mark.
pub const PRICE_COLLAR: ParamSpec = ParamSpec {
    name: "risk.price_collar",
    unit: "fraction",
    about: "greatest distance of the limit price from the mark (mid or latest trade), as a fraction of the mark",
    default: Ratio::saturating_from_units(Ratio::ONE / 50),
    min: Ratio::ZERO,
    max: Ratio::whole(1),
};

/// Measures |price − mark| / |mark|, rounded half to even to 1e-9; 1 for any distance from a mark of zero.
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
        let mark = context.mark()?;
        let distance = (order.price - mark).abs();
        let base = if mark.is_zero() { distance } else { mark.abs() };
        let measured = Ratio::of(distance.units(), base.units());
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
