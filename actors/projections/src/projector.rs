//! The transactions of the projector as pure data: rows, and the progress that is committed with them.

use tapedeck_kernel::{TapeCheckpoint, TapeRecord};
use tapedeck_schemas::offset::Offset;

use crate::{ProjectedFact, Projection, RecordInfo, RowOp};

/// Most records in a transaction.
const BATCH_RECORDS: usize = 512;
/// Row operations after which a transaction takes no further record.
const BATCH_ROWS: usize = 20_000;

/// A projection and its progress.
#[derive(Clone, Copy)]
pub struct ProjectionCursor {
    /// The projection.
    pub projection: &'static dyn Projection,
    /// Tape sequence up to which its rows are committed.
    pub seq: u64,
}

/// The least of the checkpoints: every projection has the rows up to it, and the projector reads on after it.
pub fn least(checkpoints: &[TapeCheckpoint]) -> TapeCheckpoint {
    checkpoints.iter().min_by_key(|checkpoint| checkpoint.seq).cloned().unwrap_or_default()
}

/// A compare-and-set of a projection's progress. If the progress is not `old`, the transaction is rolled back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Advance {
    /// Name of the projection.
    pub projection: &'static str,
    /// The expected progress, a tape sequence.
    pub old: u64,
    /// The new progress, a tape sequence.
    pub new: u64,
}

/// The content of one transaction.
#[derive(Debug, Default)]
pub struct Batch {
    /// Row operations, in the order of the tape.
    pub ops: Vec<RowOp>,
    /// Number of records taken.
    pub records: usize,
    /// Number of facts in them.
    pub events: usize,
}

impl Batch {
    /// Whether to commit before further records are taken.
    pub fn is_full(&self) -> bool {
        self.records >= BATCH_RECORDS || self.ops.len() >= BATCH_ROWS
    }

    /// Adds the rows of a record, by the projections that have not committed it yet.
    pub fn take(&mut self, cursors: &[ProjectionCursor], partition: u16, record: &TapeRecord, stamp: u64) {
        self.records += 1;
        self.events += record.entries.len();
        for cursor in cursors.iter().filter(|cursor| cursor.seq < record.seq) {
            project_record(cursor.projection, partition, record, stamp, &mut self.ops);
        }
    }
}

/// The changes of progress when the rows up to `seq` are committed.
pub fn advances(cursors: &[ProjectionCursor], seq: u64) -> impl Iterator<Item = Advance> {
    let behind = cursors.iter().filter(move |cursor| cursor.seq < seq);
    behind.map(move |cursor| Advance { projection: cursor.projection.name(), old: cursor.seq, new: seq })
}

/// Adds the rows of one record to `ops`; used by the projector and by the verifier.
pub fn project_record(
    projection: &dyn Projection,
    partition: u16,
    record: &TapeRecord,
    stamp: u64,
    ops: &mut Vec<RowOp>,
) {
    let writer = record.header.writer;
    let events = record.entries.len();
    let (seq, generation) = (record.seq, record.generation);
    projection.project_record(&RecordInfo { partition, generation, seq, writer, stamp, events }, ops);
    for (index, entry) in (0..).zip(&record.entries) {
        let offset = Offset::new(seq, index);
        projection.project(&ProjectedFact { partition, generation, offset, writer, stamp, entry }, ops);
    }
}
