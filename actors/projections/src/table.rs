//! What a read model's tables look like, and how a row meets the row that is there. Data only: nothing here runs SQL.

use std::collections::BTreeMap;

use tapedeck_schemas::number::{Money, NumberError};

/// A column's type in Postgres.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// `text`
    Text,
    /// `bigint`
    BigInt,
    /// `numeric`, exact to 1e-18.
    Numeric,
}

impl ColumnType {
    /// Its name in SQL.
    pub const fn sql(self) -> &'static str {
        match self {
            ColumnType::Text => "text",
            ColumnType::BigInt => "bigint",
            ColumnType::Numeric => "numeric",
        }
    }
}

/// What becomes of a column when its key is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnMerge {
    /// Part of the key.
    Key,
    /// The newer value holds, unless it is null.
    Replace,
    /// The first value holds.
    Keep,
    /// The values are summed.
    Add,
}

/// A column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub ty: ColumnType,
    /// How it merges.
    pub merge: ColumnMerge,
}

/// A column in one line.
pub const fn column(name: &'static str, ty: ColumnType, merge: ColumnMerge) -> Column {
    Column { name, ty, merge }
}

/// A table.
#[derive(Debug)]
pub struct Table {
    /// Its name, with its version.
    pub name: &'static str,
    /// Its columns, the key's first.
    pub columns: &'static [Column],
    /// Whether rows are only ever added: the same key twice is an error.
    pub append: bool,
}

impl Table {
    /// How many columns make the key.
    pub fn key_len(&self) -> usize {
        self.columns.iter().take_while(|column| column.merge == ColumnMerge::Key).count()
    }
}

/// A value; text that casts to the column's type, in its one canonical form.
pub type Value = Option<String>;

/// A row to be merged into a table.
#[derive(Debug, Clone)]
pub struct RowOp {
    /// Which table.
    pub table: &'static Table,
    /// Its values, in the order of the columns.
    pub row: Vec<Value>,
}

/// Rows by key.
pub type Rows = BTreeMap<Vec<Value>, Vec<Value>>;

/// Why rows cannot be merged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// A history row came twice.
    #[error("{0}: the row {1:?} came twice")]
    Twice(&'static str, Vec<Value>),
    /// A sum of what is no number.
    #[error("{0}: {1:?} cannot be summed: {2}")]
    NotANumber(&'static str, String, NumberError),
}

/// Merges a row exactly as the generated SQL does.
pub fn merge(table: &Table, rows: &mut Rows, row: &[Value]) -> Result<(), MergeError> {
    let key = row[..table.key_len()].to_vec();
    let Some(there) = rows.get_mut(&key) else {
        rows.insert(key, row.to_vec());
        return Ok(());
    };
    if table.append {
        return Err(MergeError::Twice(table.name, key));
    }
    for ((column, old), new) in table.columns.iter().zip(there).zip(row) {
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
        |text: &str| text.parse::<Money>().map_err(|error| MergeError::NotANumber(table, text.to_string(), error));
    match (a, b) {
        (Some(a), Some(b)) => {
            // Postgres sums without a bound, money saturates: beyond the bound the two would differ in silence.
            let units = number(a)?.units().checked_add(number(b)?.units());
            let sum = units.and_then(Money::from_units);
            let sum =
                sum.ok_or_else(|| MergeError::NotANumber(table, format!("{a} + {b}"), NumberError::OutOfRange))?;
            Ok(Some(sum.to_string()))
        }
        (a, b) => Ok(a.or(b).map(str::to_string)),
    }
}
