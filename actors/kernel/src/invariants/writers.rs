//! The kinds that each writer may write, and the start of a tape. The contents of facts are not checked here.

use tapedeck_schemas::event::Kind;
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::Writer;

use super::{CheckReport, Invariant, InvariantId, TapeFact};

/// The first event is the keeper's `TapeCreated`, and there is no other.
#[derive(Debug, Default)]
pub(super) struct TapeCreatedOnce {
    begun: bool,
}

impl Invariant for TapeCreatedOnce {
    fn observe(&mut self, recorded: &TapeFact, report: &mut CheckReport) {
        let id = InvariantId::TapeCreatedOnce;
        let creates = recorded.entry.event.kind() == Kind::TapeCreated;
        if !self.begun {
            self.begun = true;
            let first = creates && recorded.writer == Writer::Keeper && recorded.offset == Offset::new(1, 0);
            report.check(id, recorded.offset, first, || {
                format!("the tape begins with a {} of {}", recorded.entry.event.kind().name(), recorded.writer)
            });
        } else if creates {
            report.check(id, recorded.offset, false, || "the tape is created again".into());
        }
    }
}

/// Every writer writes only its own kinds.
#[derive(Debug, Default)]
pub(super) struct OwnKinds;

impl Invariant for OwnKinds {
    fn observe(&mut self, recorded: &TapeFact, report: &mut CheckReport) {
        let kind = recorded.entry.event.kind();
        let own = match kind.writer() {
            Some(writer) => writer == recorded.writer,
            None => recorded.writer != Writer::Keeper, // the keeper has no driver
        };
        report.check(InvariantId::OwnKinds, recorded.offset, own, || {
            format!("{} wrote a {}", recorded.writer, kind.name())
        });
    }
}
