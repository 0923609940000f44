//! One row a record: writer, number of facts, stamp.

use super::{table, text};
use crate::{Projection, RecordInfo, RowOp, Table};

pub(super) struct Records;

table!("records_v1", append: true,
    partition BigInt Key, generation BigInt Key, seq BigInt Key,
    writer Text Keep, events BigInt Keep, stamp BigInt Keep,
);

impl Projection for Records {
    fn name(&self) -> &'static str {
        TABLE.name
    }
    fn table(&self) -> &'static Table {
        &TABLE
    }
    fn project_record(&self, record: &RecordInfo, ops: &mut Vec<RowOp>) {
        let row = vec![
            text(record.partition),
            text(record.generation.get()),
            text(record.seq),
            text(record.writer),
            text(record.events),
            text(record.stamp),
        ];
        ops.push(RowOp { table: &TABLE, row });
    }
}
