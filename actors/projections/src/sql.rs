//! The SQL statements that follow from the description of a table, as text.

use crate::table::{ColumnMerge, ColumnType, Rows, Table, Value};

/// The statement that merges rows, given as one text array a column, into a table.
pub fn insert_statement(table: &Table) -> String {
    let names: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
    let names = names.join(", ");
    let casts: Vec<String> = table.columns.iter().map(|c| format!("u.{}::{}", c.name, c.ty.sql())).collect();
    let arrays: Vec<String> = (1..=table.columns.len()).map(|n| format!("${n}::text[]")).collect();
    let (casts, arrays) = (casts.join(", "), arrays.join(", "));
    let mut sql = format!(
        "INSERT INTO tapedeck.{} AS t ({names}) SELECT {casts} FROM UNNEST({arrays}) AS u({names})",
        table.name
    );
    if !table.append {
        let key: Vec<&str> = table.columns[..table.key_len()].iter().map(|column| column.name).collect();
        let merges: Vec<String> = table.columns[table.key_len()..]
            .iter()
            .map(|column| {
                let name = column.name;
                match column.merge {
                    ColumnMerge::Keep => format!("{name} = COALESCE(t.{name}, EXCLUDED.{name})"),
                    ColumnMerge::Add => {
                        format!("{name} = COALESCE(t.{name} + EXCLUDED.{name}, t.{name}, EXCLUDED.{name})")
                    }
                    ColumnMerge::Replace | ColumnMerge::Key => format!("{name} = COALESCE(EXCLUDED.{name}, t.{name})"),
                }
            })
            .collect();
        sql += &format!(" ON CONFLICT ({}) DO UPDATE SET {}", key.join(", "), merges.join(", "));
    }
    sql
}

/// The statement that selects the rows of partition `$1` as text, in the canonical form of [`Value`].
pub fn select_statement(table: &Table) -> String {
    let columns: Vec<String> = table
        .columns
        .iter()
        .map(|column| match column.ty {
            ColumnType::Numeric => format!("trim_scale({})::text", column.name),
            _ => format!("{}::text", column.name),
        })
        .collect();
    format!("SELECT {} FROM tapedeck.{} WHERE partition = $1", columns.join(", "), table.name)
}

/// Rows transposed to one array a column: the parameters of [`insert_statement`].
pub fn columns(table: &Table, rows: &Rows) -> Vec<Vec<Value>> {
    (0..table.columns.len()).map(|index| rows.values().map(|row| row[index].clone()).collect()).collect()
}
