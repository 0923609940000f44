//! A fact with its place on a tape, as every reader of history returns it.

use std::sync::Arc;

use tapedeck_kernel::{Inbox, TapeRecord};
use tapedeck_schemas::event::Event;
use tapedeck_schemas::generation::{Generation, Lineage};
use tapedeck_schemas::offset::{Offset, TapeTime};
use tapedeck_schemas::record::{Header, Writer};

/// A fact of a valid record, with its offset and the fields of its record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFact {
    /// Partition of the tape.
    pub partition: u16,
    /// The tape, with the generations from which its records were copied.
    pub lineage: Arc<Lineage>,
    /// Offset on the tape.
    pub offset: Offset,
    /// Writer of the record.
    pub writer: Writer,
    /// Epoch of the writer.
    pub epoch: u64,
    /// The input that the fact answers: on the tape, or in the [inbox](StoredFact::inbox) that the writer reads.
    pub cause: Offset,
    /// Generation of that inbox; `None` if the cause is on the tape or before the first message.
    pub inbox_generation: Option<Generation>,
    /// Index among the facts that answer `cause`, from 0.
    pub index: u32,
    /// Tape time of the cause, ns.
    pub at: TapeTime,
    /// Time at which JetStream stored the record, ns since the Unix epoch.
    pub stamp: u64,
    /// Tape time at `offset`, ns: the greatest `at` up to here of a fact that [keeps time](keeps_time). Never
    /// decreases; 0 before the first such fact.
    pub time: TapeTime,
    /// Kind and body of the fact.
    pub event: Event,
}

impl StoredFact {
    /// The facts of a record; `time` is the tape time before the record, ns.
    pub(crate) fn of_record(
        (partition, lineage): (u16, &Arc<Lineage>),
        record: TapeRecord,
        stamp: u64,
        mut time: TapeTime,
    ) -> Vec<StoredFact> {
        let Header { writer, epoch, .. } = record.header;
        let (seq, generation) = (record.seq, record.header.inbox_generation());
        let fact = |(place, entry): (u32, tapedeck_schemas::record::Entry)| {
            if writer == Writer::Ingest && keeps_time(&entry.event) {
                time = time.max(entry.at);
            }
            let offset = Offset::new(seq, place);
            let (cause, index, at, event) = (entry.cause, entry.index, entry.at, entry.event);
            let inbox_generation = generation.filter(|_| cause != Offset::START);
            let lineage = lineage.clone();
            StoredFact {
                partition,
                lineage,
                offset,
                writer,
                epoch,
                cause,
                inbox_generation,
                index,
                at,
                stamp,
                time,
                event,
            }
        };
        (0..).zip(record.entries).map(fact).collect()
    }

    /// The offset with the partition and the generation: `p0g1:1234.5`.
    pub fn printed_offset(&self) -> String {
        self.print(self.offset)
    }

    /// Formats an offset on the tape of the fact.
    pub fn print(&self, offset: Offset) -> String {
        self.lineage.print(self.partition, offset)
    }

    /// Whether the fact answers an input: a message of its writer's inbox, or a fact of the tape. The facts of the
    /// driver (`Epoch`, `Progress`) answer none.
    pub fn answers(&self, input: Offset) -> bool {
        self.cause == input && self.event.kind().writer().is_some()
    }

    /// The inbox that holds the cause; `None` if the cause is on the tape.
    pub fn inbox(&self) -> Option<Inbox> {
        tapedeck_groups::of_writer(self.writer)?.inbox()
    }

    /// The cause in the form that `tapedeck trace` accepts: `inbox.g1:12.3`, `command.g1:12.0` or `p0g1:1234.5`.
    pub fn cause_text(&self) -> String {
        let prefix = self.inbox().map(Inbox::prefix);
        match (prefix, self.inbox_generation) {
            (Some(prefix), Some(generation)) => format!("{prefix}.{generation}:{}", self.cause),
            (Some(prefix), None) => format!("{prefix}:{}", self.cause),
            (None, _) => self.print(self.cause),
        }
    }
}

/// Whether a fact advances tape time to its `at`: every fact of ingest that a machine reads, and so none of the
/// driver's (`Epoch`, `Progress`). Tape time is then the same as in the machines (`kernel::Cause`).
pub(crate) fn keeps_time(event: &Event) -> bool {
    event.kind().writer() == Some(Writer::Ingest)
}
