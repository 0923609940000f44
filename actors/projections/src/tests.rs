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
    // Columns that a later migration adds, after those of the first.
    let alter = format!("ALTER TABLE tapedeck.{} ADD COLUMN ", table.name);
    let added = text.split(&alter).skip(1).filter_map(|rest| {
        let mut words = rest.split([' ', ';']);
        Some((words.next()?.to_string(), words.next()?.to_string(), false))
    });
    columns.chain(added).collect()
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

#[test]
fn a_tape_must_hold_what_every_checkpoint_names_and_reading_begins_at_the_least() {
    use crate::projector::least;
    use tapedeck_kernel::{ChainEnd, TapeCheckpoint};
    use tapedeck_kernel::{CheckpointMismatch, RequiredRecords, check_record};
    use tapedeck_schemas::record::{RecordHash, Writer};

    let payload = |seq: u64| seq.to_be_bytes();
    let end = |seq| ChainEnd { seq, hash: RecordHash::of(&payload(seq)), epoch: 1, build: None };
    let checkpoint = |seq, ingest, risk| TapeCheckpoint {
        seq,
        chains: [(Writer::Ingest, end(ingest)), (Writer::Risk, end(risk))].into(),
        ..TapeCheckpoint::default()
    };
    let checkpoints = [checkpoint(9, 9, 3), checkpoint(7, 6, 3), checkpoint(9, 9, 3)];
    assert_eq!(least(&checkpoints), checkpoints[1]);
    assert_eq!(least(&[TapeCheckpoint::default(), checkpoints[0].clone()]).seq, 0, "a new projection");
    let required = RequiredRecords::of(&checkpoints);
    let names: Vec<u64> = required.records.iter().map(|(seq, _)| *seq).collect();
    assert_eq!(names, [3, 6, 9]);
    assert_eq!(required.check_last(9), Ok(()));
    assert_eq!(required.check_last(8), Err(CheckpointMismatch::Short { projected: 9, last: 8 }));
    for (seq, want) in required.records {
        assert_eq!(check_record(seq, want, Some(&payload(seq))), Ok(()));
        let found = Some(RecordHash::of(&payload(seq + 1)));
        let other = CheckpointMismatch::Record { seq, want, found };
        assert_eq!(check_record(seq, want, Some(&payload(seq + 1))), Err(other));
        let gone = CheckpointMismatch::Record { seq, want, found: None };
        assert_eq!(check_record(seq, want, None), Err(gone));
    }
}

#[test]
fn a_checkpoint_is_read_from_json_as_it_was_written_and_an_unknown_writer_is_an_error() {
    use tapedeck_kernel::{ChainEnd, TapeCheckpoint};
    use tapedeck_schemas::record::{RecordHash, Writer};

    let end = ChainEnd { seq: u64::MAX, hash: RecordHash([0xab; 32]), epoch: 7, build: Some("1.0.0+a".into()) };
    let checkpoint = TapeCheckpoint { seq: 9, chains: [(Writer::Risk, end)].into(), ..TapeCheckpoint::default() };
    let text = serde_json::to_string(&checkpoint.chains).unwrap();
    assert!(text.starts_with(r#"{"risk":{"seq":18446744073709551615,"hash":"abab"#), "{text}");
    assert_eq!(serde_json::from_str::<std::collections::BTreeMap<Writer, ChainEnd>>(&text).unwrap(), checkpoint.chains);
    let newer = text.replace("risk", "venue");
    assert!(serde_json::from_str::<std::collections::BTreeMap<Writer, ChainEnd>>(&newer).is_err());
}
