//! Read models: facts in, row operations out, as pure data. What is here never talks to Postgres.
//!
//! To add one: a file in `models/`, a line in [`all`], its table in a new migration.
#![forbid(unsafe_code)]

pub mod migrations;
mod models;
pub mod projector;
pub mod report;
pub mod sql;
pub mod table;

use std::collections::BTreeMap;

use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::{Entry, Writer};

pub use models::all;
pub use table::{MergeError, RowOp, Rows, Table, Value};

/// An event, as a projection is handed it.
#[derive(Debug, Clone, Copy)]
pub struct ProjectedFact<'a> {
    /// Which partition.
    pub partition: u16,
    /// Where the event stands.
    pub offset: Offset,
    /// Who decided it.
    pub writer: Writer,
    /// When the broker stored its record, ns.
    pub stamp: u64,
    /// The event.
    pub entry: &'a Entry,
}

/// A record, as a projection is handed it before its events.
#[derive(Debug, Clone, Copy)]
pub struct RecordInfo {
    /// Which partition.
    pub partition: u16,
    /// Its sequence.
    pub seq: u64,
    /// Who appended it.
    pub writer: Writer,
    /// When the broker stored it, ns.
    pub stamp: u64,
    /// How many events it holds.
    pub events: usize,
}

/// A read model.
pub trait Projection: Sync {
    /// Its name, with its version: its progress is kept under it.
    fn name(&self) -> &'static str;
    /// Its table.
    fn table(&self) -> &'static Table;
    /// The rows that an event makes.
    fn project(&self, _event: &ProjectedFact<'_>, _ops: &mut Vec<RowOp>) {}
    /// The rows that a record makes.
    fn project_record(&self, _record: &RecordInfo, _ops: &mut Vec<RowOp>) {}
}

/// Every table in memory: the fold that Postgres must be equal to.
#[derive(Debug, Default)]
pub struct Fold {
    /// Rows by table.
    pub tables: BTreeMap<&'static str, Rows>,
}

impl Fold {
    /// Merges a row.
    pub fn apply(&mut self, op: &RowOp) -> Result<(), MergeError> {
        table::merge(op.table, self.tables.entry(op.table.name).or_default(), &op.row)
    }
}

/// The rows of a batch with at most one a key, by table, as one statement each wants them.
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
