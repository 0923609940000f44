//! A halt holds for every decision whose cause is after it on the tape. The offset of the decision does not matter.

use tapedeck_schemas::event::{Event, HaltLevel, Order, Scope};
use tapedeck_schemas::offset::Offset;

use super::{CheckReport, Invariant, InvariantId, TapeFact};

/// A range of the tape in which a scope is halted.
#[derive(Debug)]
struct Halt {
    scope: Scope,
    from: Offset,
    /// Offset of the resume, if there was one.
    to: Option<Offset>,
}

impl Halt {
    fn holds(&self, cause: Offset, order: &Order) -> bool {
        self.scope.covers(&order.instrument) && cause > self.from && self.to.is_none_or(|to| cause < to)
    }
}

/// No order is approved or submitted by a cause between a full halt and its resume.
///
/// A resume lifts the halt of the same scope and no other. Halts are few, and kept for ever: a cause may be far behind
/// its effect.
#[derive(Debug, Default)]
pub(super) struct HaltsHold {
    halts: Vec<Halt>,
}

impl Invariant for HaltsHold {
    fn observe(&mut self, recorded: &TapeFact, report: &mut CheckReport) {
        let (order, verb) = match &recorded.entry.event {
            Event::TradingHalted(event) if event.level == HaltLevel::Halted => {
                let standing = |halt: &Halt| halt.scope == event.scope && halt.to.is_none();
                if !self.halts.iter().any(standing) {
                    self.halts.push(Halt { scope: event.scope, from: recorded.offset, to: None });
                }
                return;
            }
            Event::TradingResumed(event) => {
                for halt in self.halts.iter_mut().filter(|halt| halt.to.is_none() && halt.scope == event.scope) {
                    halt.to = Some(recorded.offset);
                }
                return;
            }
            Event::OrderApproved(event) => (&event.order, "approved"),
            Event::OrderSubmitted(event) => (&event.order, "submitted"),
            _ => return,
        };
        let cause = recorded.entry.cause;
        let broken = self.halts.iter().find(|halt| halt.holds(cause, order));
        report.check(InvariantId::HaltsHold, recorded.offset, broken.is_none(), || {
            let (scope, from) = broken.map_or((Scope::All, cause), |halt| (halt.scope, halt.from));
            format!("order {} is {verb} by cause {cause}, but {scope} is halted since {from}", order.id)
        });
    }
}
