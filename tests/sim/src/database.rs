//! A model of the projector's database: atomic transactions, and progress by compare-and-set.

use std::collections::BTreeMap;

use tapedeck_kernel::{CheckpointMismatch, RequiredRecords, TapeCheckpoint, TapeRead, TapeReader, check_record};
use tapedeck_projections::projector::{Advance, Batch, ProjectionCursor, advances, least};
use tapedeck_projections::{Fold, MergeError, Rows, compact, table};
use tapedeck_schemas::event::TapeCreated;
use tapedeck_schemas::subject::TapeSubject;

use crate::broker::Broker;
use crate::message::Message;
use crate::world::TAPE;

/// The progress and the tables.
#[derive(Debug, Default)]
pub struct Database {
    progress: BTreeMap<&'static str, TapeCheckpoint>,
    fold: Fold,
}

impl Database {
    /// A copy, as a backup holds it.
    pub fn copy(&self) -> Self {
        Self { progress: self.progress.clone(), fold: Fold { tables: self.fold.tables.clone() } }
    }

    /// Each projection with the sequence up to which its rows are complete.
    pub fn cursors(&self) -> Vec<ProjectionCursor> {
        let cursor = |projection: &&'static dyn tapedeck_projections::Projection| ProjectionCursor {
            projection: *projection,
            seq: self.seq_of(projection.name()),
        };
        tapedeck_projections::all().iter().map(cursor).collect()
    }

    fn seq_of(&self, projection: &str) -> u64 {
        self.progress.get(projection).map_or(0, |checkpoint| checkpoint.seq)
    }

    /// The checkpoint of each projection.
    pub fn checkpoints(&self) -> Vec<TapeCheckpoint> {
        let checkpoint = |projection: &&'static dyn tapedeck_projections::Projection| {
            self.progress.get(projection.name()).cloned().unwrap_or_default()
        };
        tapedeck_projections::all().iter().map(checkpoint).collect()
    }

    /// The sequence up to which all projections are complete.
    pub fn seq(&self) -> u64 {
        self.cursors().iter().map(|cursor| cursor.seq).min().unwrap_or(0)
    }

    /// The rows of each table.
    pub fn tables(&self) -> &BTreeMap<&'static str, Rows> {
        &self.fold.tables
    }

    /// Compares the tape in `broker` with the records from which the rows were projected.
    pub fn check_tape(&self, broker: &Broker) -> Result<(), CheckpointMismatch> {
        let required = RequiredRecords::of(&self.checkpoints());
        required.check_last(broker.last_seq(TAPE))?;
        let payload_of = |seq| broker.get(TAPE, seq).map(|message| &message.payload[..]);
        required.records.iter().try_for_each(|(seq, hash)| check_record(*seq, *hash, payload_of(*seq)))
    }

    /// Commits a transaction; `false`, without a change, if the progress of a projection is not the expected one.
    pub fn commit(&mut self, transaction: &Transaction) -> Result<bool, MergeError> {
        let is_expected = |advance: &Advance| self.seq_of(advance.projection) == advance.old;
        if !transaction.advances.iter().all(is_expected) {
            return Ok(false);
        }
        for (table, rows) in compact(&transaction.batch.ops)? {
            let stored = self.fold.tables.entry(table.name).or_default();
            rows.values().try_for_each(|row| table::merge(table, stored, row))?;
        }
        for Advance { projection, .. } in &transaction.advances {
            self.progress.insert(projection, transaction.checkpoint.clone());
        }
        Ok(true)
    }
}

/// Rows and progress that a projector is about to commit.
#[derive(Debug)]
pub struct Transaction {
    batch: Batch,
    advances: Vec<Advance>,
    checkpoint: TapeCheckpoint,
}

/// A projector's process, with the loop of the real one: read the progress, check that the tape holds the records at
/// the checkpoints, then read the tape from the least checkpoint on and commit batch by batch. After an unknown outcome
/// it starts again.
pub struct Projector {
    /// The number of the process.
    pub uid: u64,
    /// Written and not committed.
    pub transaction: Option<Transaction>,
    cursors: Vec<ProjectionCursor>,
    reader: TapeReader,
}

impl Projector {
    /// Reads the progress from the database, and compares it with the tape in `broker`.
    pub fn open(
        uid: u64,
        tape: &TapeCreated,
        database: &Database,
        broker: &Broker,
    ) -> Result<Self, CheckpointMismatch> {
        let checkpoints = database.checkpoints();
        database.check_tape(broker)?;
        let reader = TapeReader::after(tape, least(&checkpoints));
        Ok(Self { uid, transaction: None, cursors: database.cursors(), reader })
    }

    /// The sequence to read next.
    pub fn next(&self) -> u64 {
        self.reader.last() + 1
    }

    /// Takes the next messages of the tape, in order.
    ///
    /// # Errors
    /// If the tape cannot be read on.
    pub fn take<'a>(&mut self, messages: impl Iterator<Item = &'a Message>) -> Result<(), String> {
        let mut batch = Batch::default();
        for message in messages {
            let subject = TapeSubject::parse(0, self.reader.lineage().generation, &message.subject);
            let read = self.reader.read(message.seq, subject, &message.payload).map_err(|fault| fault.to_string())?;
            if let TapeRead::Record(record) = read {
                batch.take(&self.cursors, 0, &record, message.stamp);
            }
            if batch.is_full() {
                break;
            }
        }
        let advances: Vec<Advance> = advances(&self.cursors, self.reader.last()).collect();
        if !advances.is_empty() {
            let checkpoint = self.reader.checkpoint().clone();
            self.transaction = Some(Transaction { batch, advances, checkpoint });
        }
        Ok(())
    }

    /// Records that the transaction was committed.
    pub fn committed(&mut self) {
        let Some(transaction) = self.transaction.take() else { return };
        for (cursor, advance) in self.cursors.iter_mut().zip(&transaction.advances) {
            cursor.seq = cursor.seq.max(advance.new);
        }
    }
}
