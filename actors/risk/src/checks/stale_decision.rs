//! Stale decision: denies an order if the cause of its signal is too old, as after an outage of risk or signal.

use tapedeck_schemas::event::{Denial, Order};
use tapedeck_schemas::number::Ratio;
use tapedeck_schemas::param::ParamSpec;

use super::{Check, OrderContext};

/// Greatest age of the cause of a signal.
pub const STALE_DECISION_MS: ParamSpec = ParamSpec {
    name: "risk.stale_decision_ms",
    unit: "ms",
    about: "greatest age of the quote that a signal answers, in tape time",
    default: Ratio::whole(2_000),
    min: Ratio::ZERO,
    max: Ratio::whole(86_400_000),
};

/// Measures the tape time since the signal's cause.
#[derive(Debug)]
pub struct StaleDecision;

impl Check for StaleDecision {
    fn name(&self) -> &'static str {
        "stale_decision"
    }
    fn params(&self) -> &'static [ParamSpec] {
        &[STALE_DECISION_MS]
    }
    fn check(&self, context: &OrderContext<'_>, order: &Order) -> Result<(), Denial> {
        match context.over_age(&STALE_DECISION_MS, order, context.signal_cause_time) {
            Some((age_ns, limit_ns)) => Err(Denial::StaleDecision { age_ns, limit_ns }),
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
    fn a_cause_of_two_seconds_passes_and_one_ns_more_does_not() {
        let params = Params::default();
        let mut context = context(&params);
        context.signal_cause_time = context.now - 2_000_000_000;
        assert_eq!(StaleDecision.check(&context, &order(Buy, "1", "100")), Ok(()));
        context.signal_cause_time -= 1;
        assert_eq!(
            StaleDecision.check(&context, &order(Buy, "1", "100")),
            Err(Denial::StaleDecision { age_ns: 2_000_000_001, limit_ns: 2_000_000_000 })
        );
    }
}
