//! Parameters: named decimals, declared beside the code that reads them and set by `LimitsSet`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

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
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Params {
    values: BTreeMap<Scope, BTreeMap<String, Ratio>>,
}

impl Params {
    /// Sets the values of `fact`. Those of parameters that the reader does not have are kept too, so that the content
    /// is the same in every build.
    pub fn apply(&mut self, fact: &LimitsSet) {
        self.values.entry(fact.scope).or_default().extend(fact.values.iter().cloned());
    }

    fn set(&self, scope: Scope, spec: &ParamSpec) -> Option<Ratio> {
        self.values.get(&scope)?.get(spec.name).copied()
    }

    /// The value in force for an instrument, held within its declared bounds.
    pub fn in_force(&self, spec: &ParamSpec, instrument: &InstrumentId) -> Ratio {
        let own = self.set(Scope::Instrument(*instrument), spec);
        own.or_else(|| self.set(Scope::All, spec)).unwrap_or(spec.default).clamp(spec.min, spec.max)
    }

    /// Returns the value in force for the whole partition.
    pub fn global(&self, spec: &ParamSpec) -> Ratio {
        self.set(Scope::All, spec).unwrap_or(spec.default).clamp(spec.min, spec.max)
    }
}
