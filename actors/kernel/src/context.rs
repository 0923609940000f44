//! Tape time and the parameters in force, which the machines that read the tape need.

use tapedeck_schemas::event::Event;
use tapedeck_schemas::offset::TapeTime;
use tapedeck_schemas::param::{ParamSpec, Params};
use tapedeck_schemas::record::Writer;

use crate::machine::Fact;

/// Tape time and the parameters in force.
#[derive(Debug, Clone, Default)]
pub struct TapeContext {
    /// Running maximum of ingest's `at`, ns.
    pub now: TapeTime,
    /// The parameters in force.
    pub params: Params,
}

impl TapeContext {
    /// Folds a fact; `specs` are the parameters that the machine has.
    pub fn observe(&mut self, fact: &Fact, specs: impl FnOnce() -> Vec<ParamSpec>) {
        if fact.writer == Writer::Ingest {
            self.now = self.now.max(fact.at);
        }
        if let Event::LimitsSet(limits) = &fact.event {
            self.params.apply(&specs(), limits);
        }
    }

    /// Tape time of the fact just observed. Control's `at` is the broker's clock, which is not tape time.
    pub fn time(&self, fact: &Fact) -> TapeTime {
        if fact.writer == Writer::Control { self.now } else { fact.at }
    }
}
