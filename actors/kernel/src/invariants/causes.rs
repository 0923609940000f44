//! Every input is answered at most once, in order, in one record. The contents of answers are not checked here.

use std::collections::BTreeMap;

use tapedeck_schemas::event::Kind;
use tapedeck_schemas::generation::Generation;
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::Writer;

use super::{CheckReport, Invariant, InvariantId, TapeFact};

/// A writer's last event.
#[derive(Debug)]
struct LastCause {
    /// Generation of the inbox that holds it, and its offset.
    cause: (Option<Generation>, Offset),
    /// Its record and index, if a machine decided it; `None` for the facts of the driver, which are not counted.
    decision: Option<(u64, u32)>,
}

/// A writer's causes never go back; the events of one cause are in one record and count from 0.
///
/// The facts of the driver (`Epoch`, `Progress`) may repeat a cause, and are not counted. The keeper has no inputs. A
/// cause on the tape is before its effect; the causes of ingest and control are in their inboxes, where those of a
/// later generation follow.
#[derive(Debug, Default)]
pub(super) struct CausesInOrder {
    last: BTreeMap<Writer, LastCause>,
}

impl Invariant for CausesInOrder {
    fn observe(&mut self, recorded: &TapeFact, report: &mut CheckReport) {
        let (writer, entry, at) = (recorded.writer, recorded.entry, recorded.offset);
        if writer == Writer::Keeper {
            return;
        }
        let (cause, index) = (entry.cause, entry.index);
        let place = (recorded.inbox, cause);
        let is_decision = !matches!(entry.event.kind(), Kind::Epoch | Kind::Progress);
        let reads_tape = !writer.reads_inbox();
        let fault = if reads_tape && cause >= at {
            Some(format!("{writer} answers {cause}, which is not before its answer"))
        } else {
            match self.last.get(&writer) {
                Some(last) if place < last.cause => {
                    Some(format!("{writer} goes back from {} to {}", printed(last.cause), printed(place)))
                }
                Some(last) if is_decision && place == last.cause => match last.decision {
                    Some((seq, n)) if seq == at.seq && n.checked_add(1) == Some(index) => None,
                    Some((seq, n)) if seq == at.seq => Some(format!("answer {index} to {cause} follows answer {n}")),
                    Some(_) | None => Some(format!("{writer} answers {cause} again")),
                },
                _ if is_decision && index != 0 => Some(format!("the answer to {cause} begins at {index}, not 0")),
                _ => None,
            }
        };
        report.check(InvariantId::CausesInOrder, at, fault.is_none(), || fault.unwrap_or_default());
        let decision = is_decision.then_some((at.seq, index));
        self.last.insert(writer, LastCause { cause: place, decision });
    }
}

fn printed((inbox, cause): (Option<Generation>, Offset)) -> String {
    inbox.map_or_else(|| cause.to_string(), |generation| format!("{generation}:{cause}"))
}
