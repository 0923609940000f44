//! A model of the projector's database: transactions that are whole or not there, and progress by compare-and-set.

use std::collections::BTreeMap;

use tapedeck_kernel::{TapeRead, TapeReader};
use tapedeck_projections::projector::{Advance, Batch, ProjectionCursor, advances};
use tapedeck_projections::{Fold, MergeError, Rows, compact, table};
use tapedeck_schemas::ids::TapeId;
use tapedeck_schemas::record::Writer;

use crate::message::Message;

/// The database.
#[derive(Debug, Default)]
pub struct Database {
    progress: BTreeMap<&'static str, u64>,
    fold: Fold,
}

impl Database {
    /// Every projection, from where its rows are complete.
    pub fn cursors(&self) -> Vec<ProjectionCursor> {
        let cursor = |projection: &&'static dyn tapedeck_projections::Projection| ProjectionCursor {
            projection: *projection,
            seq: self.progress.get(projection.name()).copied().unwrap_or(0),
        };
        tapedeck_projections::all().iter().map(cursor).collect()
    }

    /// Up to which sequence every projection is complete.
    pub fn seq(&self) -> u64 {
        self.cursors().iter().map(|cursor| cursor.seq).min().unwrap_or(0)
    }

    /// The tables.
    pub fn tables(&self) -> &BTreeMap<&'static str, Rows> {
        &self.fold.tables
    }

    /// Commits a transaction; `false` when some progress did not stand where it was expected, and nothing changed.
    pub fn commit(&mut self, transaction: &Transaction) -> Result<bool, MergeError> {
        let stands = |advance: &Advance| self.progress.get(advance.projection).copied().unwrap_or(0) == advance.old;
        if !transaction.advances.iter().all(stands) {
            return Ok(false);
        }
        for (table, rows) in compact(&transaction.batch.ops)? {
            let there = self.fold.tables.entry(table.name).or_default();
            rows.values().try_for_each(|row| table::merge(table, there, row))?;
        }
        for Advance { projection, new, .. } in &transaction.advances {
            self.progress.insert(projection, *new);
        }
        Ok(true)
    }
}

/// What a projector is about to commit.
#[derive(Debug)]
pub struct Transaction {
    batch: Batch,
    advances: Vec<Advance>,
}

/// A projector's process. Its loop is the real one's: read the progress, read the tape from its beginning, batch by
/// batch, commit, go on; after anything unclear, from the start.
pub struct Projector {
    /// Its number.
    pub uid: u64,
    /// What it has written and not committed.
    pub transaction: Option<Transaction>,
    cursors: Vec<ProjectionCursor>,
    reader: TapeReader,
}

impl Projector {
    /// Reads the progress.
    pub fn open(uid: u64, tape: TapeId, database: &Database) -> Self {
        Self { uid, transaction: None, cursors: database.cursors(), reader: TapeReader::new(tape) }
    }

    /// The sequence to read next.
    pub fn next(&self) -> u64 {
        self.reader.last() + 1
    }

    /// Takes what is on the tape, in order; an error means that reading cannot go on.
    pub fn take<'a>(&mut self, messages: impl Iterator<Item = (&'a Message, Option<Writer>)>) -> Result<(), String> {
        let mut batch = Batch::default();
        for (message, writer) in messages {
            let read = self.reader.read(message.seq, writer, &message.payload).map_err(|fault| fault.to_string())?;
            if let TapeRead::Record(record) = read {
                batch.take(&self.cursors, 0, &record, message.stamp);
            }
            if batch.is_full() {
                break;
            }
        }
        let advances: Vec<Advance> = advances(&self.cursors, self.reader.last()).collect();
        if !advances.is_empty() {
            self.transaction = Some(Transaction { batch, advances });
        }
        Ok(())
    }

    /// The transaction is known to be committed.
    pub fn committed(&mut self) {
        let Some(transaction) = self.transaction.take() else { return };
        for (cursor, advance) in self.cursors.iter_mut().zip(&transaction.advances) {
            cursor.seq = cursor.seq.max(advance.new);
        }
    }
}
