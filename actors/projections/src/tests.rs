//! The fold, the batches and the DDL are consistent with each other.

use proptest::prelude::*;

use crate::table::{ColumnMerge, ColumnType};
use crate::{Fold, RowOp, Table, Value, all, compact, migrations::MIGRATIONS, sql};

/// The columns of a table in the DDL: name, type, whether it is part of the key.
fn ddl(table: &Table) -> Vec<(String, String, bool)> {
    let text: String = MIGRATIONS.iter().map(|(_, _, sql)| *sql).collect();
    let head = format!("CREATE TABLE tapedeck.{} (", table.name);
    let body = text.split(&head).nth(1).unwrap_or_else(|| panic!("no table {}", table.name));
    let body = body.split("\n);").next().unwrap();
    let key = body.split("PRIMARY KEY (").nth(1).unwrap().split(')').next().unwrap();
    let key: Vec<&str> = key.split(", ").collect();
    let columns = body.lines().filter_map(|line| {
        let mut words = line.trim().trim_end_matches(',').split_whitespace();
        let (name, ty) = (words.next()?, words.next()?);
        (name != "PRIMARY").then(|| (name.to_string(), ty.to_string(), key.contains(&name)))
    });
    columns.collect()
}

#[test]
fn the_migrations_create_every_table_as_described_and_its_view() {
    for projection in all() {
        let table = projection.table();
        assert_eq!(table.name, projection.name());
        let described: Vec<_> = table
            .columns
            .iter()
            .map(|column| (column.name.to_string(), column.ty.sql().to_string(), column.merge == ColumnMerge::Key))
            .collect();
        assert_eq!(ddl(table), described, "{}", table.name);
        assert_eq!(table.columns[0].name, "partition");
        let view = table.name.rsplit_once("_v").unwrap().0;
        let create = format!("CREATE VIEW tapedeck.{view} AS SELECT * FROM tapedeck.{};", table.name);
        assert!(MIGRATIONS.iter().any(|(_, _, sql)| sql.contains(&create)), "{create}");
    }
}

static EXAMPLE: Table = Table {
    name: "example",
    append: false,
    columns: &[
        crate::table::column("partition", ColumnType::BigInt, ColumnMerge::Key),
        crate::table::column("first", ColumnType::Text, ColumnMerge::Keep),
        crate::table::column("last", ColumnType::Text, ColumnMerge::Replace),
        crate::table::column("sum", ColumnType::Numeric, ColumnMerge::Add),
    ],
};

#[test]
fn the_insert_statement_merges_each_column_by_its_rule() {
    assert_eq!(
        sql::insert_statement(&EXAMPLE),
        "INSERT INTO tapedeck.example AS t (partition, first, last, sum) \
         SELECT u.partition::bigint, u.first::text, u.last::text, u.sum::numeric \
         FROM UNNEST($1::text[], $2::text[], $3::text[], $4::text[]) AS u(partition, first, last, sum) \
         ON CONFLICT (partition) DO UPDATE SET first = COALESCE(t.first, EXCLUDED.first), \
         last = COALESCE(EXCLUDED.last, t.last), sum = COALESCE(t.sum + EXCLUDED.sum, t.sum, EXCLUDED.sum)"
    );
}

#[test]
fn a_duplicate_row_of_an_append_only_table_is_an_error() {
    let fills = all().iter().find(|projection| projection.name() == "fills_v1").unwrap().table();
    let op = RowOp { table: fills, row: vec![Some("0".into()); fills.columns.len()] };
    let mut fold = Fold::default();
    fold.apply(&op).unwrap();
    assert!(fold.apply(&op).is_err());
    assert!(compact(&[op.clone(), op]).is_err());
}

#[test]
fn a_sum_beyond_the_range_of_money_is_exact_and_one_beyond_that_of_a_total_is_an_error() {
    let row = |sum: &str| vec![Some("0".into()), None, None, Some(sum.into())];
    let op = |sum: &str| RowOp { table: &EXAMPLE, row: row(sum) };
    let mut fold = Fold::default();
    fold.apply(&op("99999999999999999.999999999999999999999")).unwrap();
    fold.apply(&op("0.000000000000000000002")).unwrap();
    assert_eq!(fold.tables["example"].values().next(), Some(&row("100000000000000000.000000000000000000001")));
    let huge = "9".repeat(38);
    fold.apply(&op(&huge)).unwrap();
    assert!(fold.apply(&op(&huge)).is_err());
    assert!(fold.apply(&op("0.0000000000000000000001")).is_err());
}

proptest! {
    #[test]
    fn folding_batches_equals_folding_row_by_row(
        ops in prop::collection::vec((0..3u8, any::<Option<u8>>(), any::<Option<u8>>(), any::<Option<u8>>()), 0..40),
        cut in 0usize..40,
    ) {
        let text = |value: Option<u8>| -> Value { value.map(|n| n.to_string()) };
        let ops: Vec<RowOp> = ops
            .into_iter()
            .map(|(key, a, b, c)| RowOp { table: &EXAMPLE, row: vec![text(Some(key)), text(a), text(b), text(c)] })
            .collect();
        let mut one_by_one = Fold::default();
        ops.iter().for_each(|op| one_by_one.apply(op).unwrap());
        let mut batched = Fold::default();
        let (first, second) = ops.split_at(cut.min(ops.len()));
        for batch in [first, second] {
            for (table, rows) in compact(batch).unwrap() {
                rows.into_values().for_each(|row| batched.apply(&RowOp { table, row }).unwrap());
            }
        }
        prop_assert_eq!(one_by_one.tables, batched.tables);
    }
}
