//! Stale data: denies an order if the latest quote is too old.

use tapedeck_schemas::event::{Denial, Order};
use tapedeck_schemas::number::Ratio;
use tapedeck_schemas::param::ParamSpec;

use super::{Check, OrderContext};

/// Greatest age of the latest quote.
pub const STALE_DATA_MS: ParamSpec = ParamSpec {
    name: "risk.stale_data_ms",
    unit: "ms",
    about: "greatest age of the latest quote, from its own ts_recv to tape time",
    default: Ratio::whole(2_000),
    min: Ratio::ZERO,
    max: Ratio::whole(86_400_000),
};

/// Measures the age of the latest quote. Denies an order without one.
#[derive(Debug)]
pub struct StaleData;

impl Check for StaleData {
    fn name(&self) -> &'static str {
        "stale_data"
    }
    fn params(&self) -> &'static [ParamSpec] {
        &[STALE_DATA_MS]
    }
    fn check(&self, context: &OrderContext<'_>, order: &Order) -> Result<(), Denial> {
        match context.over_age(&STALE_DATA_MS, order, context.quoted()?.ts_recv) {
            Some((age_ns, limit_ns)) => Err(Denial::StaleQuote { age_ns, limit_ns }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{context, order};
    use super::*;
    use tapedeck_schemas::event::Side::Buy;
    use tapedeck_schemas::param::Params;

    #[test]
    fn a_quote_of_two_seconds_passes_and_one_ns_more_does_not() {
        let params = Params::default();
        let mut context = context(&params);
        context.now += 2_000_000_000;
        assert_eq!(StaleData.check(&context, &order(Buy, "1", "100")), Ok(()));
        context.now += 1;
        assert_eq!(
            StaleData.check(&context, &order(Buy, "1", "100")),
            Err(Denial::StaleQuote { age_ns: 2_000_000_001, limit_ns: 2_000_000_000 })
        );
    }

    #[test]
    fn without_a_quote_no_order_passes() {
        let params = Params::default();
        let mut context = context(&params);
        context.quote = None;
        assert_eq!(StaleData.check(&context, &order(Buy, "1", "100")), Err(Denial::NoQuote));
    }
}
