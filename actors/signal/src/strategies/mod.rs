//! What a strategy is, and the explicit list of them. No strategy knows of another, of weights, or of orders.

use std::fmt::Debug;

use tapedeck_schemas::ids::InstrumentId;
use tapedeck_schemas::param::{ParamSpec, Params};

pub mod ewma;
pub mod zscore;

/// Every strategy: one file, one line. The order is the order of a signal's reasons.
pub const STRATEGIES: &[StrategySpec] = &[zscore::SPEC, ewma::SPEC];

/// A strategy as the list declares it.
#[derive(Debug, Clone, Copy)]
pub struct StrategySpec {
    /// Its name in weights and reasons.
    pub name: &'static str,
    /// Its parameters, `signal.<name>.…`.
    pub params: &'static [ParamSpec],
    /// Its state for an instrument of which nothing was seen.
    pub start: fn() -> Box<dyn Strategy>,
}

/// What a strategy has made of one instrument's mids. f64 with `+ − × ÷ sqrt` only, so that every CPU agrees.
pub trait Strategy: Debug + Send {
    /// Takes the next sample of the mid, in the quote currency; finite and above zero.
    fn update(&mut self, mid: f64, settings: &Settings<'_>);
    /// Wanted position as a fraction of the allowed one, −1 to 1; `None` while warming up.
    fn score(&self) -> Option<f64>;
    /// A copy, for the machine's `Clone`.
    fn boxed_clone(&self) -> Box<dyn Strategy>;
}

impl Clone for Box<dyn Strategy> {
    fn clone(&self) -> Self {
        self.as_ref().boxed_clone()
    }
}

/// The parameters in force for one instrument.
#[derive(Debug, Clone, Copy)]
pub struct Settings<'a> {
    params: &'a Params,
    instrument: InstrumentId,
}

impl<'a> Settings<'a> {
    /// Those of `instrument`.
    pub fn new(params: &'a Params, instrument: InstrumentId) -> Self {
        Self { params, instrument }
    }

    /// A value, held within its declared bounds: a strategy is total even if a fact says something wild.
    pub fn value(&self, spec: &ParamSpec) -> f64 {
        self.params.get(spec, &self.instrument).clamp(spec.min, spec.max).to_f64()
    }

    /// A value as a count, rounded toward zero.
    pub fn count(&self, spec: &ParamSpec) -> usize {
        // In bounds that fit: the cast is exact for every declared count (at most a few thousand).
        self.value(spec) as usize
    }
}

/// A spread below this fraction of the price is rounding, not movement.
pub(crate) const FLAT: f64 = 1e-9;

#[cfg(test)]
mod tests {
    use super::*;
    use tapedeck_schemas::event::{LimitsSet, Scope};
    use tapedeck_schemas::number::Ratio;

    #[test]
    fn a_wild_parameter_is_held_within_its_bounds() {
        let instrument = "sim.X".parse().unwrap();
        for (set, held) in [("-5", 8), ("1000000", 512), ("100.9", 100)] {
            let values = vec![(zscore::WINDOW.name.to_string(), set.parse::<Ratio>().unwrap())];
            let fact = LimitsSet { scope: Scope::All, values, by: "t".into(), reason: "t".into() };
            let mut params = Params::default();
            params.apply(&[zscore::WINDOW], &fact);
            assert_eq!(Settings::new(&params, instrument).count(&zscore::WINDOW), held, "{set}");
        }
    }

    #[test]
    fn names_and_parameters_are_told_apart() {
        for (n, strategy) in STRATEGIES.iter().enumerate() {
            assert!(STRATEGIES[..n].iter().all(|other| other.name != strategy.name));
            let prefix = format!("signal.{}.", strategy.name);
            for param in strategy.params {
                assert!(param.name.starts_with(&prefix) && param.accepts(param.default), "{}", param.name);
            }
        }
    }
}
