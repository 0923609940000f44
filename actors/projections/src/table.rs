//! The description of a table, and the merge of a row with an existing one, as data; no SQL is executed here.

use std::collections::BTreeMap;

use tapedeck_schemas::number::{NumberError, Total};

/// A column's type in Postgres.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// `text`.
    Text,
    /// `bigint`.
    BigInt,
    /// `numeric`, with up to 21 decimals.
    Numeric,
}

impl ColumnType {
    /// The type's name in SQL.
    pub const fn sql(self) -> &'static str {
        match self {
            ColumnType::Text => "text",
            ColumnType::BigInt => "bigint",
            ColumnType::Numeric => "numeric",
        }
    }
}

/// How a column is merged if a row of the same key exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnMerge {
    /// The column is part of the key.
    Key,
    /// The new value replaces the old one, unless it is null.
    Replace,
    /// The first value that is not null is kept.
    Keep,
    /// The values are added.
    Add,
}

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Name in SQL.
    pub name: &'static str,
    /// Type in SQL.
    pub ty: ColumnType,
    /// Merge rule.
    pub merge: ColumnMerge,
}

/// A [`Column`] of these fields, for short tables.
pub const fn column(name: &'static str, ty: ColumnType, merge: ColumnMerge) -> Column {
    Column { name, ty, merge }
}

/// The description of a table.
#[derive(Debug)]
pub struct Table {
    /// Name with version, such as `fills_v1`.
    pub name: &'static str,
    /// The columns; those of the key come first.
    pub columns: &'static [Column],
    /// Whether the table is append-only: a second row of the same key is an error.
    pub append: bool,
}

impl Table {
    /// Number of key columns.
    pub fn key_len(&self) -> usize {
        self.columns.iter().take_while(|column| column.merge == ColumnMerge::Key).count()
    }
}

/// A value as text in canonical form, which casts to the column's type; `None` is null.
pub type Value = Option<String>;

/// A row to be merged into a table.
#[derive(Debug, Clone)]
pub struct RowOp {
    /// The table to merge into.
    pub table: &'static Table,
    /// One value a column.
    pub row: Vec<Value>,
}

/// Rows by key.
pub type Rows = BTreeMap<Vec<Value>, Vec<Value>>;

/// Why rows cannot be merged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// An append-only table has a row of this key already.
    #[error("{0}: duplicate row of key {1:?}")]
    DuplicateKey(&'static str, Vec<Value>),
    /// A value of an [`ColumnMerge::Add`] column is not a number in the range of `Total`.
    #[error("{0}: cannot add {1:?}: {2}")]
    NotANumber(&'static str, String, NumberError),
}

/// Merges a row as the statement of [`crate::sql::insert_statement`] does.
pub fn merge(table: &Table, rows: &mut Rows, row: &[Value]) -> Result<(), MergeError> {
    let key = row[..table.key_len()].to_vec();
    let Some(existing) = rows.get_mut(&key) else {
        rows.insert(key, row.to_vec());
        return Ok(());
    };
    if table.append {
        return Err(MergeError::DuplicateKey(table.name, key));
    }
    for ((column, old), new) in table.columns.iter().zip(existing).zip(row) {
        match column.merge {
            ColumnMerge::Key => {}
            ColumnMerge::Keep if old.is_some() => {}
            ColumnMerge::Replace | ColumnMerge::Keep => {
                if new.is_some() {
                    old.clone_from(new);
                }
            }
            ColumnMerge::Add => *old = add(table.name, old.as_deref(), new.as_deref())?,
        }
    }
    Ok(())
}

fn add(table: &'static str, a: Option<&str>, b: Option<&str>) -> Result<Value, MergeError> {
    let number =
        |text: &str| text.parse::<Total>().map_err(|error| MergeError::NotANumber(table, text.to_string(), error));
    match (a, b) {
        (Some(a), Some(b)) => {
            // Postgres adds without a bound: beyond that of `Total` the two would differ unnoticed.
            let sum = number(a)?.checked_add(number(b)?);
            let out_of_range = || NumberError::OutOfRange(i128::MAX);
            let sum = sum.ok_or_else(|| MergeError::NotANumber(table, format!("{a} + {b}"), out_of_range()))?;
            Ok(Some(sum.to_string()))
        }
        (a, b) => Ok(a.or(b).map(str::to_string)),
    }
}
