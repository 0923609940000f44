//! The trait of a strategy, and the list of all strategies. Strategies are independent of each other.

use std::fmt::Debug;

use tapedeck_kernel::state::BadState;
use tapedeck_schemas::ids::InstrumentId;
use tapedeck_schemas::param::{ParamSpec, Params};

pub mod ewma;
pub mod zscore;

/// Every strategy: one file, one line. The order is the order of a signal's reasons. A strategy runs from the
/// `WeightsSet` fact that names it.
pub const STRATEGIES: &[StrategySpec] = &[zscore::SPEC, ewma::SPEC];

/// Restores the state of a strategy from the bytes of [`Strategy::save`].
pub type RestoreStrategy = fn(&[u8]) -> Result<Box<dyn Strategy>, BadState>;

/// An entry of [`STRATEGIES`].
#[derive(Debug, Clone, Copy)]
pub struct StrategySpec {
    /// Name in weights and in the reasons of a signal.
    pub name: &'static str,
    /// Parameters, named `signal.<name>.…`.
    pub params: &'static [ParamSpec],
    /// Makes the initial state for an instrument.
    pub start: fn() -> Box<dyn Strategy>,
    /// Restores a state from the bytes of [`Strategy::save`].
    pub restore: RestoreStrategy,
}

/// The state of a strategy for one instrument. It computes in f64 with `+ − × ÷ sqrt` only, which round alike on every
/// CPU.
pub trait Strategy: Debug + Send {
    /// Updates the state with a sample of the mid, in the quote currency; finite, of any sign.
    fn update(&mut self, mid: f64, settings: &Settings<'_>);
    /// Target position as a fraction of the target notional, −1 to 1; `None` while warming up.
    fn score(&self) -> Option<f64>;
    /// The state as bytes, the same for equal states.
    fn save(&self) -> Vec<u8>;
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
    /// The parameters in force for `instrument`.
    pub fn new(params: &'a Params, instrument: InstrumentId) -> Self {
        Self { params, instrument }
    }

    /// A value, clamped to its declared bounds: facts are not trusted to be within them.
    pub fn value(&self, spec: &ParamSpec) -> f64 {
        self.params.in_force(spec, &self.instrument).to_f64()
    }

    /// A value as a count, rounded toward zero.
    pub fn count(&self, spec: &ParamSpec) -> usize {
        // Exact for every declared count: their bounds are at most 10,000.
        self.value(spec) as usize
    }
}

/// A deviation of at most this fraction of the price is a rounding error, not movement.
pub(crate) const FLAT: f64 = 1e-9;

#[cfg(test)]
mod tests {
    use super::*;
    use tapedeck_schemas::event::{LimitsSet, Scope};
    use tapedeck_schemas::number::Ratio;

    #[test]
    fn a_parameter_out_of_bounds_is_clamped() {
        let instrument = "sim.X".parse().unwrap();
        for (set, clamped) in [("-5", 8), ("1000000", 512), ("100.9", 100)] {
            let values = vec![(zscore::WINDOW.name.to_string(), set.parse::<Ratio>().unwrap())];
            let fact = LimitsSet { scope: Scope::All, values, by: "t".into(), reason: "t".into(), stamp: 0 };
            let mut params = Params::default();
            params.apply(&fact);
            assert_eq!(Settings::new(&params, instrument).count(&zscore::WINDOW), clamped, "{set}");
        }
    }

    #[test]
    fn names_are_unique_and_parameters_have_the_name_as_prefix() {
        for (n, strategy) in STRATEGIES.iter().enumerate() {
            assert!(STRATEGIES[..n].iter().all(|other| other.name != strategy.name));
            let prefix = format!("signal.{}.", strategy.name);
            for param in strategy.params {
                assert!(param.name.starts_with(&prefix) && param.accepts(param.default), "{}", param.name);
            }
        }
    }
}
