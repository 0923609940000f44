//! What operators have set: the halts, limits and weights in force, as the facts of control say.

use std::collections::BTreeMap;

use serde::Serialize;
use tapedeck_runtime::Bus;
use tapedeck_schemas::event::{Event, Scope, TapeCreated, TradingHalted};
use tapedeck_schemas::record::Writer;

use crate::decided::WriterFacts;
use crate::error::HistoryError;

/// The halts, limits and weights in force on a partition.
#[derive(Debug, Clone, Default)]
pub struct ControlsInForce {
    halts: BTreeMap<Scope, TradingHalted>,
    limits: BTreeMap<(String, Scope), String>,
    weights: BTreeMap<String, String>,
}

/// A halt, a limit or a weight in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ControlInForce {
    /// `halt`, `limit` or `weight`.
    pub kind: &'static str,
    /// The scope of a halt or a limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// The parameter of a limit, or the strategy of a weight.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The level of a halt, or the value.
    pub value: String,
    /// The operator and the reason of a halt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

impl ControlsInForce {
    /// Reads the facts of control on a tape up to its present end.
    ///
    /// # Errors
    /// If the tape cannot be read.
    pub async fn read(bus: &Bus, tape: &TapeCreated) -> Result<Self, HistoryError> {
        let generations = bus.generations();
        let stream = generations.tape_stream(tape.partition);
        let last = bus.last_on(&stream, &generations.tape_subject(tape.partition, Writer::Control)).await?;
        let mut facts = WriterFacts::open(bus, tape, Writer::Control);
        let mut controls = Self::default();
        while let Some(fact) = facts.next_until(last).await? {
            controls.apply(&fact.event);
        }
        Ok(controls)
    }

    /// Applies a fact as the machines do: a milder halt does not replace a stricter one, and a resume lifts the halt of
    /// its own scope only.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::TradingHalted(halt) => {
                let is_milder = self.halts.get(&halt.scope).is_some_and(|in_force| in_force.level > halt.level);
                if !is_milder {
                    self.halts.insert(halt.scope, halt.clone());
                }
            }
            Event::TradingResumed(resume) => _ = self.halts.remove(&resume.scope),
            Event::LimitsSet(set) => {
                let values = set.values.iter().map(|(name, value)| ((name.clone(), set.scope), value.to_string()));
                self.limits.extend(values);
            }
            Event::WeightsSet(set) => {
                self.weights.extend(set.weights.iter().map(|(name, weight)| (name.to_string(), weight.to_string())));
            }
            _ => {}
        }
    }

    /// The halts in force, by scope.
    pub fn halts(&self) -> impl Iterator<Item = &TradingHalted> {
        self.halts.values()
    }

    /// The halt of exactly this scope.
    pub fn halt_of(&self, scope: &Scope) -> Option<&TradingHalted> {
        self.halts.get(scope)
    }

    /// Everything in force: halts, then limits, then weights.
    pub fn in_force(&self) -> Vec<ControlInForce> {
        let halts = self.halts.values().map(|halt| ControlInForce {
            kind: "halt",
            scope: Some(halt.scope.to_string()),
            name: None,
            value: halt.level.to_string(),
            by: Some(format!("{}: {}", halt.by, halt.reason)),
        });
        let limits = self.limits.iter().map(|((name, scope), value)| ControlInForce {
            kind: "limit",
            scope: Some(scope.to_string()),
            name: Some(name.clone()),
            value: value.clone(),
            by: None,
        });
        let weights = self.weights.iter().map(|(name, value)| ControlInForce {
            kind: "weight",
            scope: None,
            name: Some(name.clone()),
            value: value.clone(),
            by: None,
        });
        halts.chain(limits).chain(weights).collect()
    }
}

#[cfg(test)]
mod tests {
    use tapedeck_schemas::event::{HaltLevel, TradingResumed};

    use super::*;

    #[test]
    fn a_milder_halt_does_not_replace_a_stricter_one_and_a_resume_lifts_its_own_scope_only() {
        let halt = |scope: &str, level| {
            let (scope, by, reason) = (scope.parse().unwrap(), "ann".into(), "test".into());
            Event::from(TradingHalted { scope, level, by, reason, stamp: 0 })
        };
        let resume = |scope: &str| {
            let (scope, by, reason) = (scope.parse().unwrap(), "ann".into(), "test".into());
            Event::from(TradingResumed { scope, by, reason, stamp: 0 })
        };
        let mut controls = ControlsInForce::default();
        let mut after = |event: Event| {
            controls.apply(&event);
            controls.halts().map(|halt| format!("{} {}", halt.scope, halt.level)).collect::<Vec<_>>().join(", ")
        };
        assert_eq!(after(halt("v.A", HaltLevel::Reducing)), "v.A reducing");
        assert_eq!(after(halt("v.A", HaltLevel::Halted)), "v.A halted");
        assert_eq!(after(halt("v.A", HaltLevel::Reducing)), "v.A halted");
        assert_eq!(after(halt("all", HaltLevel::Reducing)), "all reducing, v.A halted");
        assert_eq!(after(resume("all")), "v.A halted");
        assert_eq!(after(resume("v.B")), "v.A halted");
        assert_eq!(after(resume("v.A")), "");
    }
}
