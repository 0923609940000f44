//! The epochs of every writer are numbered without a gap. Decisions are not checked here.

use std::collections::BTreeMap;

use tapedeck_schemas::event::Event;
use tapedeck_schemas::record::Writer;

use super::{CheckReport, Invariant, InvariantId, TapeFact};

/// Each writer but the keeper begins with an `Epoch`, and its epochs count from 1 without a gap.
#[derive(Debug, Default)]
pub(super) struct EpochsCount {
    epochs: BTreeMap<Writer, u64>,
}

impl Invariant for EpochsCount {
    fn observe(&mut self, recorded: &TapeFact, report: &mut CheckReport) {
        let (id, writer) = (InvariantId::EpochsCount, recorded.writer);
        if writer == Writer::Keeper {
            return;
        }
        match (&recorded.entry.event, self.epochs.get(&writer).copied()) {
            (Event::Epoch(epoch), last) => {
                let expected = last.unwrap_or(0).saturating_add(1);
                report.check(id, recorded.offset, epoch.number == expected, || {
                    format!("{writer} begins epoch {}, expected {expected}", epoch.number)
                });
                self.epochs.insert(writer, epoch.number);
            }
            (event, None) => {
                report.check(id, recorded.offset, false, || {
                    format!("{writer} begins with a {}, expected an Epoch", event.kind().name())
                });
                self.epochs.insert(writer, 0); // reported once
            }
            (_, Some(_)) => {}
        }
    }
}
