//! Stale data: denies an order if the latest quote is too old in tape time.

use tapedeck_schemas::event::Order;
use tapedeck_schemas::number::Ratio;
use tapedeck_schemas::param::ParamSpec;

use super::{Breach, Check, OrderContext};

/// Greatest age of the latest quote.
pub const STALE_DATA_MS: ParamSpec = ParamSpec {
    name: "risk.stale_data_ms",
    unit: "ms",
    about: "greatest age of the latest quote, in tape time",
    default: Ratio::whole(2_000),
    min: Ratio::ZERO,
    max: Ratio::whole(86_400_000),
};

/// Measures the age of the latest quote; without a quote, `Ratio::MAX_UNITS`.
#[derive(Debug)]
pub struct StaleData;

impl Check for StaleData {
    fn name(&self) -> &'static str {
        "stale_data"
    }
    fn params(&self) -> &'static [ParamSpec] {
        &[STALE_DATA_MS]
    }
    fn check(&self, context: &OrderContext<'_>, order: &Order) -> Result<(), Breach> {
        let Some(quote) = context.quote else {
            let limit = context.params.in_force(&STALE_DATA_MS, &order.instrument);
            return Err(Breach { measured: Ratio::saturating_from_units(Ratio::MAX_UNITS), limit });
        };
        let age = Ratio::milliseconds_from_ns(context.now.saturating_sub(quote.at));
        context.at_most(&STALE_DATA_MS, order, age)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{breach, context, order, outcome};
    use super::*;
    use tapedeck_schemas::event::Side::Buy;
    use tapedeck_schemas::param::Params;

    #[test]
    fn a_quote_of_two_seconds_passes_and_one_ns_more_does_not() {
        let params = Params::default();
        let mut context = context(&params);
        context.now += 2_000_000_000;
        assert_eq!(outcome(&StaleData, &context, &order(Buy, "1", "100")), Ok(()));
        context.now += 1;
        assert_eq!(outcome(&StaleData, &context, &order(Buy, "1", "100")), breach("2000.000001", "2000"));
    }

    #[test]
    fn without_a_quote_no_order_passes() {
        let params = Params::default();
        let mut context = context(&params);
        context.quote = None;
        assert_eq!(outcome(&StaleData, &context, &order(Buy, "1", "100")), breach("1000000000000000000", "2000"));
    }
}
