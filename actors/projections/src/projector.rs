//! What a projector does with a tape, as pure data: which rows it writes, and which progress moves with them.

use tapedeck_kernel::TapeRecord;
use tapedeck_schemas::offset::Offset;

use crate::{ProjectedFact, Projection, RecordInfo, RowOp};

/// Most records in a transaction.
const BATCH_RECORDS: usize = 512;
/// A transaction is closed once it holds this many row operations.
const BATCH_ROWS: usize = 20_000;

/// A projection, and up to which sequence its rows are in the database.
#[derive(Clone, Copy)]
pub struct ProjectionCursor {
    /// The projection.
    pub projection: &'static dyn Projection,
    /// Its progress.
    pub seq: u64,
}

/// How a projection's progress moves in a transaction: from exactly `old`, or the whole transaction is undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Advance {
    /// Which projection.
    pub projection: &'static str,
    /// Where it must stand.
    pub old: u64,
    /// Where it comes to stand.
    pub new: u64,
}

/// What one transaction will write.
#[derive(Debug, Default)]
pub struct Batch {
    /// The rows.
    pub ops: Vec<RowOp>,
    /// How many records they are from.
    pub records: usize,
    /// How many events those held.
    pub events: usize,
}

impl Batch {
    /// Whether it should be written before more is taken.
    pub fn is_full(&self) -> bool {
        self.records >= BATCH_RECORDS || self.ops.len() >= BATCH_ROWS
    }

    /// Takes a record, for those projections that are not past it.
    pub fn take(&mut self, cursors: &[ProjectionCursor], partition: u16, record: &TapeRecord, stamp: u64) {
        self.records += 1;
        self.events += record.entries.len();
        for cursor in cursors.iter().filter(|cursor| cursor.seq < record.seq) {
            project_record(cursor.projection, partition, record, stamp, &mut self.ops);
        }
    }
}

/// How the progress of each projection moves when all is written up to `seq`.
pub fn advances(cursors: &[ProjectionCursor], seq: u64) -> impl Iterator<Item = Advance> {
    let behind = cursors.iter().filter(move |cursor| cursor.seq < seq);
    behind.map(move |cursor| Advance { projection: cursor.projection.name(), old: cursor.seq, new: seq })
}

/// The row operations of one record: the same for the projector and for whoever checks it.
pub fn project_record(
    projection: &dyn Projection,
    partition: u16,
    record: &TapeRecord,
    stamp: u64,
    ops: &mut Vec<RowOp>,
) {
    let writer = record.header.writer;
    let events = record.entries.len();
    projection.project_record(&RecordInfo { partition, seq: record.seq, writer, stamp, events }, ops);
    for (index, entry) in (0..).zip(&record.entries) {
        let offset = Offset::new(record.seq, index);
        projection.project(&ProjectedFact { partition, offset, writer, stamp, entry }, ops);
    }
}
