//! Tape time as kept by ingest. The facts of control carry stamps of JetStream, and are not checked here.

use tapedeck_schemas::event::Event;
use tapedeck_schemas::offset;
use tapedeck_schemas::record::Writer;

use super::{CheckReport, Invariant, InvariantId, TapeFact};

/// The `at` of ingest never goes back, and its `ClockAdvanced` times strictly rise.
#[derive(Debug, Default)]
pub(super) struct TapeTime {
    at: offset::TapeTime,
    tick: Option<offset::TapeTime>,
}

impl Invariant for TapeTime {
    fn observe(&mut self, recorded: &TapeFact, report: &mut CheckReport) {
        let (id, entry) = (InvariantId::TapeTime, recorded.entry);
        // The `at` of `Epoch` and `Progress` is the tape time of the driver's last input, and no decision of ingest.
        if recorded.writer != Writer::Ingest || matches!(entry.event, Event::Epoch(_) | Event::Progress(_)) {
            return;
        }
        report.check(id, recorded.offset, entry.at >= self.at, || {
            format!("tape time goes back from {} to {}", self.at, entry.at)
        });
        self.at = self.at.max(entry.at);
        if let Event::ClockAdvanced(tick) = &entry.event {
            let last = self.tick.replace(tick.time);
            report.check(id, recorded.offset, last.is_none_or(|last| tick.time > last), || {
                format!("ClockAdvanced {} after ClockAdvanced {}", tick.time, last.unwrap_or_default())
            });
        }
    }
}
