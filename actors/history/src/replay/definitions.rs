//! Completes the market facts of a range: the definitions in force at its beginning are replayed first, each with its
//! bars.

use std::collections::{BTreeMap, VecDeque};

use tapedeck_schemas::bar::BarSpec;
use tapedeck_schemas::event::Event;
use tapedeck_schemas::ids::InstrumentId;

use crate::fact::StoredFact;
use crate::reader::{ClassifiedFact, Standing};

/// A fact to replay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayedFact {
    /// The fact. `time` of a definition from before the range is that of the first fact in the range.
    pub fact: StoredFact,
    /// For a definition, the bars in force: the `BarsDefined` that follows it is not replayed. Empty for other kinds.
    pub bars: Vec<BarSpec>,
}

/// Takes the classified facts of a tape and returns those to replay. Pure.
#[derive(Debug, Default)]
pub struct Definitions {
    bars: BTreeMap<InstrumentId, Vec<BarSpec>>,
    /// For each instrument, its last definition before the range that passes the filter.
    in_force: BTreeMap<InstrumentId, ReplayedFact>,
}

impl Definitions {
    /// Takes the facts of the next record, and appends those to replay to `out`.
    pub fn take(&mut self, facts: Vec<ClassifiedFact>, out: &mut VecDeque<ReplayedFact>) {
        let mut before: Option<(InstrumentId, bool)> = None; // the previous fact, if a definition: whether it passes
        let mut facts = facts.into_iter().peekable();
        while let Some(ClassifiedFact { fact, mut passes, standing }) = facts.next() {
            if standing == Standing::After {
                return;
            }
            let definition = before.take();
            let mut bars = Vec::new();
            match &fact.event {
                Event::BarsDefined(defined) => {
                    self.bars.insert(defined.instrument, defined.bars.clone());
                    passes &= definition != Some((defined.instrument, true)); // the definition has them
                }
                Event::InstrumentDefined(defined) => {
                    before = Some((defined.instrument, passes));
                    bars = self.bars_of(defined.instrument, facts.peek().map(|next| &next.fact.event));
                }
                _ => {}
            }
            self.place(ReplayedFact { fact, bars }, passes, standing, out);
        }
    }

    /// The bars of a definition: those of the next fact if it is the `BarsDefined` of this instrument, else those
    /// defined earlier.
    fn bars_of(&self, instrument: InstrumentId, next: Option<&Event>) -> Vec<BarSpec> {
        match next {
            Some(Event::BarsDefined(defined)) if defined.instrument == instrument => defined.bars.clone(),
            _ => self.bars.get(&instrument).cloned().unwrap_or_default(),
        }
    }

    fn place(&mut self, one: ReplayedFact, passes: bool, standing: Standing, out: &mut VecDeque<ReplayedFact>) {
        if standing == Standing::Before {
            if let (Event::InstrumentDefined(defined), true) = (&one.fact.event, passes) {
                self.in_force.insert(defined.instrument, one);
            }
            return;
        }
        let time = one.fact.time;
        for mut leading in std::mem::take(&mut self.in_force).into_values() {
            leading.fact.time = time;
            out.push_back(leading);
        }
        if passes {
            out.push_back(one);
        }
    }
}
