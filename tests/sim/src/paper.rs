//! The machine of the simulated exchange with faults: it reports some orders twice or never.

use std::collections::BTreeSet;

use serde_bytes::ByteBuf;
use tapedeck_kernel::state::{self, BadState};
use tapedeck_kernel::{AnyMachine as _, BoxedMachine, Cause, Fact, Machine, Out, Reads, boxed};
use tapedeck_paper::Paper;
use tapedeck_schemas::event::{Event, TapeCreated};
use tapedeck_schemas::ids::{FillId, OrderId};
use tapedeck_schemas::record::Writer;

/// The faults of the exchange, the same for each owner of its subject in a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PaperFaults {
    /// One order in this many is reported twice; 0 for none.
    pub twice: u64,
    /// One order in this many is never reported; 0 for none.
    pub never: u64,
}

/// [`Paper`] with faults.
#[derive(Debug, Clone)]
pub struct FaultyPaper {
    paper: Paper,
    paper_faults: PaperFaults,
    fills: BTreeSet<FillId>,
    reported: BTreeSet<(OrderId, String)>,
}

impl FaultyPaper {
    /// A new machine for a tape.
    pub fn new(tape: &TapeCreated, paper_faults: PaperFaults) -> Self {
        Self { paper: Paper::new(tape), paper_faults, fills: BTreeSet::new(), reported: BTreeSet::new() }
    }
}

/// Every machine in its first state, in the order of the list of groups, with a simulated exchange that has faults.
pub fn machines(tape: &TapeCreated, paper_faults: PaperFaults) -> Vec<BoxedMachine> {
    let mut all = tapedeck_groups::machines(tape);
    for machine in all.iter_mut().filter(|machine| machine.info().writer == Writer::Paper) {
        *machine = boxed(FaultyPaper::new(tape, paper_faults));
    }
    all
}

/// The order that a report of the exchange is about.
pub fn order_of(event: &Event) -> Option<OrderId> {
    event.about().order.filter(|_| event.kind().writer() == Some(Writer::Paper))
}

fn is_one_in(order: &OrderId, salt: u8, n: u64) -> bool {
    n > 0 && u64::from(order.0[usize::from(salt)]).is_multiple_of(n)
}

impl PaperFaults {
    /// Whether the reports on this order are left out.
    pub fn never(&self, order: &OrderId) -> bool {
        is_one_in(order, 3, self.never)
    }
    /// Whether the reports on this order are repeated.
    pub fn twice(&self, order: &OrderId) -> bool {
        is_one_in(order, 7, self.twice)
    }
}

impl Machine for FaultyPaper {
    type Input = Fact;
    type Observed = Option<<Paper as Machine>::Observed>;
    const WRITER: Writer = Writer::Paper;
    const LOGIC: u32 = Paper::LOGIC;
    const STATE: u32 = Paper::STATE;

    fn reads() -> Reads {
        Paper::reads()
    }

    /// `None` for an order that the exchange never receives.
    fn observe(&mut self, cause: Cause, fact: &Fact) -> Self::Observed {
        let is_ignored = matches!(&fact.event, Event::OrderSubmitted(sent) if self.paper_faults.never(&sent.order.id));
        (!is_ignored).then(|| self.paper.observe(cause, fact))
    }

    fn decide(&self, cause: Cause, fact: &Fact, observed: &Self::Observed, out: &mut Out) {
        let mut reports = Out::new(out.at());
        if let Some(observed) = observed {
            self.paper.decide(cause, fact, observed, &mut reports);
        }
        for event in reports.into_events() {
            let order = order_of(&event);
            if order.is_some_and(|order| self.paper_faults.never(&order)) {
                continue; // such as a rejected cancel of an order that it has not observed
            }
            if order.is_some_and(|order| self.paper_faults.twice(&order)) {
                out.push(event.clone());
            }
            out.push(event);
        }
    }

    fn apply(&mut self, cause: Cause, observed: &Self::Observed, own: &Event) {
        let is_new = match (own, order_of(own)) {
            (Event::OrderFilled(fill), _) => self.fills.insert(fill.fill),
            (Event::CancelRejected(_), _) | (_, None) => true,
            (_, Some(order)) => self.reported.insert((order, own.kind().name().to_string())),
        };
        if let (true, Some(observed)) = (is_new, observed) {
            self.paper.apply(cause, observed, own);
        }
    }

    fn save(&self) -> Vec<u8> {
        state::encode(&(ByteBuf::from(Machine::save(&self.paper)), &self.fills, &self.reported))
    }

    fn restore(&self, saved: &[u8]) -> Result<Self, BadState> {
        let (paper, fills, reported): (ByteBuf, _, _) = state::decode(saved)?;
        Ok(Self { paper: Machine::restore(&self.paper, &paper)?, fills, reported, ..*self })
    }
}
