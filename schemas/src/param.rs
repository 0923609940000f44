//! Parameters: named decimals, declared beside the code that reads them and set by `LimitsSet`.

use std::collections::BTreeMap;

use crate::event::{LimitsSet, Scope};
use crate::ids::InstrumentId;
use crate::number::Ratio;

/// Declaration of a parameter.
#[derive(Debug, Clone, Copy)]
pub struct ParamSpec {
    /// Full name, such as `risk.max_position`.
    pub name: &'static str,
    /// Unit of the value, such as `quote currency`, `ms` or `fraction`.
    pub unit: &'static str,
    /// Effect of the parameter, in one phrase.
    pub about: &'static str,
    /// Value while no `LimitsSet` sets another.
    pub default: Ratio,
    /// Least value that `control` accepts.
    pub min: Ratio,
    /// Greatest value that `control` accepts.
    pub max: Ratio,
}

impl ParamSpec {
    /// Returns whether `value` is within the bounds.
    pub fn accepts(&self, value: Ratio) -> bool {
        self.min <= value && value <= self.max
    }
}

/// The values that `LimitsSet` facts have set. The value of an instrument takes precedence over the one of all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Params {
    values: BTreeMap<(&'static str, Scope), Ratio>,
}

impl Params {
    /// Sets the values of `fact` whose parameters are in `specs`; ignores the others.
    pub fn apply(&mut self, specs: &[ParamSpec], fact: &LimitsSet) {
        for (name, value) in &fact.values {
            if let Some(spec) = specs.iter().find(|spec| spec.name == name) {
                self.values.insert((spec.name, fact.scope), *value);
            }
        }
    }

    /// Returns the value in force for an instrument.
    pub fn get(&self, spec: &ParamSpec, instrument: &InstrumentId) -> Ratio {
        let own = self.values.get(&(spec.name, Scope::Instrument(*instrument)));
        own.or_else(|| self.values.get(&(spec.name, Scope::All))).copied().unwrap_or(spec.default)
    }

    /// The value in force for an instrument, held within its declared bounds.
    pub fn in_force(&self, spec: &ParamSpec, instrument: &InstrumentId) -> Ratio {
        self.get(spec, instrument).clamp(spec.min, spec.max)
    }

    /// Returns the value in force for the whole partition.
    pub fn global(&self, spec: &ParamSpec) -> Ratio {
        let value = self.values.get(&(spec.name, Scope::All)).copied().unwrap_or(spec.default);
        value.clamp(spec.min, spec.max)
    }
}
