//! A fact where it stands on a tape, as every reader of history gets it.

use tapedeck_kernel::{Inbox, TapeRecord};
use tapedeck_schemas::event::Event;
use tapedeck_schemas::offset::{Offset, TapeTime};
use tapedeck_schemas::record::Writer;

/// A fact of a valid record, with what its record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFact {
    /// The partition whose tape it is on.
    pub partition: u16,
    /// Its place on that tape.
    pub offset: Offset,
    /// The writer of its record.
    pub writer: Writer,
    /// The writer's epoch.
    pub epoch: u64,
    /// The input that it answers: on the tape, or in the [inbox](StoredFact::inbox) that its writer reads.
    pub cause: Offset,
    /// Its number among the facts that answer `cause`, from 0.
    pub index: u32,
    /// Tape time of its cause, ns.
    pub at: TapeTime,
    /// When JetStream stored its record, ns since the epoch.
    pub stamp: u64,
    /// The tape's time at its place, ns: the greatest `at` so far of a fact that [keeps time](keeps_time). It never
    /// goes back; 0 before the first.
    pub time: TapeTime,
    /// Its kind and body.
    pub event: Event,
}

impl StoredFact {
    /// The facts of a record; `time` is the tape's time before it.
    pub(crate) fn of_record(partition: u16, record: TapeRecord, stamp: u64, mut time: TapeTime) -> Vec<StoredFact> {
        let (seq, writer, epoch) = (record.seq, record.header.writer, record.header.epoch);
        let fact = |(place, entry): (u32, tapedeck_schemas::record::Entry)| {
            if writer == Writer::Ingest && keeps_time(&entry.event) {
                time = time.max(entry.at);
            }
            let offset = Offset::new(seq, place);
            let (cause, index, at, event) = (entry.cause, entry.index, entry.at, entry.event);
            StoredFact { partition, offset, writer, epoch, cause, index, at, stamp, time, event }
        };
        (0..).zip(record.entries).map(fact).collect()
    }

    /// Its place with the partition: `p0:1234.5`.
    pub fn printed_offset(&self) -> String {
        self.offset.in_partition(self.partition)
    }

    /// The inbox that its cause is in; `None` if that is on the tape.
    pub fn inbox(&self) -> Option<Inbox> {
        tapedeck_groups::of_writer(self.writer)?.inbox()
    }

    /// Its cause, as `trace` takes it: `inbox:12.3`, `command:12.0` or `p0:1234.5`.
    pub fn cause_text(&self) -> String {
        match self.inbox() {
            Some(inbox) => format!("{}:{}", inbox.prefix(), self.cause),
            None => self.cause.in_partition(self.partition),
        }
    }
}

/// Whether a fact of ingest advances tape time to its `at`: every one that a machine reads, which leaves out those of
/// the driver. So a time means the same here as for the machines (`kernel::TapeContext`).
pub(crate) fn keeps_time(event: &Event) -> bool {
    event.kind().writer() == Some(Writer::Ingest)
}
