//! Limits and parameters: `name → decimal`, declared beside the code that uses them, set by facts.

use std::collections::BTreeMap;

use crate::event::{LimitsSet, Scope};
use crate::ids::InstrumentId;
use crate::number::Ratio;

/// One declared limit or parameter.
#[derive(Debug, Clone, Copy)]
pub struct ParamSpec {
    /// Full name, as `risk.max_position`.
    pub name: &'static str,
    /// Unit of the value, as `quote currency`, `ms` or `fraction`.
    pub unit: &'static str,
    /// What it does.
    pub about: &'static str,
    /// Its value until a fact sets another.
    pub default: Ratio,
    /// Least value that control accepts.
    pub min: Ratio,
    /// Greatest value that control accepts.
    pub max: Ratio,
}

impl ParamSpec {
    /// Whether a value is within the bounds.
    pub fn accepts(&self, value: Ratio) -> bool {
        self.min <= value && value <= self.max
    }
}

/// The values in force, by scope: an instrument's own value wins over everything's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Params {
    values: BTreeMap<(&'static str, Scope), Ratio>,
}

impl Params {
    /// Takes over what a fact sets of `specs`; names of others are passed over.
    pub fn apply(&mut self, specs: &[ParamSpec], fact: &LimitsSet) {
        for (name, value) in &fact.values {
            if let Some(spec) = specs.iter().find(|spec| spec.name == name) {
                self.values.insert((spec.name, fact.scope), *value);
            }
        }
    }

    /// The value in force for an instrument.
    pub fn get(&self, spec: &ParamSpec, instrument: &InstrumentId) -> Ratio {
        let own = self.values.get(&(spec.name, Scope::Instrument(*instrument)));
        own.or_else(|| self.values.get(&(spec.name, Scope::All))).copied().unwrap_or(spec.default)
    }

    /// The value in force for an instrument, held within its declared bounds.
    pub fn in_force(&self, spec: &ParamSpec, instrument: &InstrumentId) -> Ratio {
        self.get(spec, instrument).clamp(spec.min, spec.max)
    }

    /// The value in force for everything, held within its declared bounds.
    pub fn global(&self, spec: &ParamSpec) -> Ratio {
        let value = self.values.get(&(spec.name, Scope::All)).copied().unwrap_or(spec.default);
        value.clamp(spec.min, spec.max)
    }
}
