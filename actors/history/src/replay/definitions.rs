//! Completes the market facts of a range: the definitions in force at its beginning are replayed first.

use std::collections::{BTreeMap, VecDeque};

use tapedeck_schemas::event::Event;
use tapedeck_schemas::ids::InstrumentId;

use crate::fact::StoredFact;
use crate::reader::{ClassifiedFact, Standing};

/// Takes the classified facts of a tape and returns those to replay. Pure.
#[derive(Debug, Default)]
pub struct Definitions {
    /// For each instrument, its last definition before the range that passes the filter.
    in_force: BTreeMap<InstrumentId, StoredFact>,
}

impl Definitions {
    /// Takes the facts of the next record, and appends those to replay to `out`. `time` of a definition from before the
    /// range becomes that of the first fact in the range.
    pub fn take(&mut self, facts: Vec<ClassifiedFact>, out: &mut VecDeque<StoredFact>) {
        for ClassifiedFact { fact, passes, standing } in facts {
            match standing {
                Standing::After => return,
                Standing::Before => {
                    if let (Event::InstrumentDefined(defined), true) = (&fact.event, passes) {
                        self.in_force.insert(defined.instrument, fact);
                    }
                }
                Standing::Within => {
                    let leading = std::mem::take(&mut self.in_force).into_values();
                    out.extend(leading.map(|definition| StoredFact { time: fact.time, ..definition }));
                    out.extend(passes.then_some(fact));
                }
            }
        }
    }
}
