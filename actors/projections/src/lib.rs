//! Projections: pure functions from facts to row operations. No code here connects to Postgres.
//!
//! To add one: a file in `models/`, a line in [`all`], and its table in a new migration.
#![forbid(unsafe_code)]

pub mod migrations;
mod models;
pub mod projector;
pub mod report;
pub mod sql;
pub mod table;

use std::collections::BTreeMap;

use tapedeck_schemas::generation::Generation;
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::{Entry, Writer};

pub use models::all;
pub use table::{MergeError, RowOp, Rows, Table, Value};

/// The input of [`Projection::project`].
#[derive(Debug, Clone, Copy)]
pub struct ProjectedFact<'a> {
    /// Number of the partition.
    pub partition: u16,
    /// The generation of the tape to which the record was appended first.
    pub generation: Generation,
    /// Offset of the fact on the tape.
    pub offset: Offset,
    /// Writer of the fact's record.
    pub writer: Writer,
    /// Time at which JetStream stored the record, ns since the epoch.
    pub stamp: u64,
    /// The fact with its cause and its tape time.
    pub entry: &'a Entry,
}

/// The input of [`Projection::project_record`].
#[derive(Debug, Clone, Copy)]
pub struct RecordInfo {
    /// Number of the partition.
    pub partition: u16,
    /// The generation of the tape to which the record was appended first.
    pub generation: Generation,
    /// Sequence of the record on the tape.
    pub seq: u64,
    /// Writer of the record.
    pub writer: Writer,
    /// Time at which JetStream stored the record, ns since the epoch.
    pub stamp: u64,
    /// Number of facts in the record.
    pub events: usize,
}

/// A read model: a table and the function from facts to its rows.
pub trait Projection: Sync {
    /// Name with version, such as `fills_v1`; the key of its progress.
    fn name(&self) -> &'static str;
    /// The table that it writes.
    fn table(&self) -> &'static Table;
    /// Adds the rows of a fact to `ops`.
    fn project(&self, _event: &ProjectedFact<'_>, _ops: &mut Vec<RowOp>) {}
    /// Adds the rows of a record to `ops`; called before its facts are projected.
    fn project_record(&self, _record: &RecordInfo, _ops: &mut Vec<RowOp>) {}
}

/// All tables in memory; the verifier compares them with Postgres.
#[derive(Debug, Default)]
pub struct Fold {
    /// Rows by table name.
    pub tables: BTreeMap<&'static str, Rows>,
}

impl Fold {
    /// Merges a row into its table.
    pub fn apply(&mut self, op: &RowOp) -> Result<(), MergeError> {
        table::merge(op.table, self.tables.entry(op.table.name).or_default(), &op.row)
    }
}

/// The rows of a batch by table, merged to one a key: the rows of one insert statement a table.
pub fn compact(ops: &[RowOp]) -> Result<Vec<(&'static Table, Rows)>, MergeError> {
    let mut tables: BTreeMap<&str, (&'static Table, Rows)> = BTreeMap::new();
    for op in ops {
        let (_, rows) = tables.entry(op.table.name).or_insert_with(|| (op.table, Rows::new()));
        table::merge(op.table, rows, &op.row)?;
    }
    Ok(tables.into_values().collect())
}

#[cfg(test)]
mod tests;
