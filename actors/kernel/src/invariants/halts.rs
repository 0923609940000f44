//! A halt holds from where it stands on the tape, judged by cause. Never by where an approval lands.

use tapedeck_schemas::event::{Event, HaltLevel, Order, Scope};
use tapedeck_schemas::offset::Offset;

use super::{CheckReport, Invariant, InvariantId, TapeFact};

/// A stretch of the tape in which a scope is halted.
#[derive(Debug)]
struct Halt {
    scope: Scope,
    from: Offset,
    /// Where it was lifted, if it was.
    to: Option<Offset>,
}

impl Halt {
    fn holds(&self, cause: Offset, order: &Order) -> bool {
        self.scope.covers(&order.instrument) && cause > self.from && self.to.is_none_or(|to| cause < to)
    }
}

/// Nothing is approved or submitted whose cause lies between a full halt and its resume.
///
/// A resume lifts the halt of the same scope and no other: what was stopped by name is resumed by name.
/// Halts are few and kept for ever, since a cause may lie far behind.
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
