//! The projector's database is the fold of a prefix of the tape, after each commit.
//!
//! After a commit the rows that its records touch are compared, and sometimes all rows, so that the total work stays
//! proportional to the tape. All rows are compared when the same progress is reported again, as at the end of a run.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use tapedeck_projections::{Fold, ProjectedFact, RecordInfo, RowOp, Rows, Value, all};
use tapedeck_schemas::generation::Generation;
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::{Entry, Writer};

use super::rules::{Checks, Rule, Violation};

/// A valid record that is not in the fold.
#[derive(Debug)]
struct Pending {
    seq: u64,
    writer: Writer,
    stamp: u64,
    entries: Vec<Entry>,
}

/// The fold up to the database's progress, and the records after it.
#[derive(Debug)]
pub(super) struct Database {
    partition: u16,
    pending: VecDeque<Pending>,
    fold: Fold,
    progress: u64,
    /// The progress at which all rows were last compared.
    whole: u64,
    /// Rows compared one by one since then.
    compared: usize,
    touched: BTreeSet<(&'static str, Vec<Value>)>,
}

impl Database {
    pub(super) fn new(partition: u16) -> Self {
        let (pending, fold, touched) = (VecDeque::new(), Fold::default(), BTreeSet::new());
        Self { partition, pending, fold, progress: 0, whole: 0, compared: 0, touched }
    }

    /// A valid record on the tape.
    pub(super) fn record(&mut self, seq: u64, writer: Writer, stamp: u64, entries: Vec<Entry>) {
        self.pending.push_back(Pending { seq, writer, stamp, entries });
    }

    /// The rows of one record, as the projector makes them.
    fn project(&self, record: &Pending) -> Vec<RowOp> {
        let Pending { seq, writer, stamp, ref entries } = *record;
        let (partition, generation) = (self.partition, Generation::FIRST);
        let mut ops = Vec::new();
        for projection in all() {
            let events = entries.len();
            projection.project_record(&RecordInfo { partition, generation, seq, writer, stamp, events }, &mut ops);
            for (index, entry) in (0..).zip(entries) {
                let offset = Offset::new(seq, index);
                projection.project(&ProjectedFact { partition, generation, offset, writer, stamp, entry }, &mut ops);
            }
        }
        ops
    }

    /// The database as committed, complete up to `seq`; the tape's last sequence is `last`.
    pub(super) fn projected(
        &mut self,
        seq: u64,
        last: u64,
        tables: &BTreeMap<&'static str, Rows>,
        checks: &mut Checks,
    ) -> Result<(), Violation> {
        checks.check(Rule::DatabaseAdvances, (self.progress..=last).contains(&seq), || {
            format!("the database's progress is {seq}, after {}; the tape ends at {last}", self.progress)
        })?;
        let again = seq == self.progress;
        self.progress = seq;
        while self.pending.front().is_some_and(|record| record.seq <= seq) {
            let Some(record) = self.pending.pop_front() else { break };
            for op in self.project(&record) {
                let merged = self.fold.apply(&op).map_err(|error| error.to_string());
                checks.check(Rule::DatabaseIsTheFold, merged.is_ok(), || format!("{}: {merged:?}", record.seq))?;
                self.touched.insert((op.table.name, op.row[..op.table.key_len()].to_vec()));
            }
        }
        let rows: usize = self.fold.tables.values().map(Rows::len).sum();
        self.compared += self.touched.len();
        let fault = if again || self.compared * 2 >= rows { self.compare_all(tables) } else { self.compare(tables) };
        self.touched.clear();
        checks.check(Rule::DatabaseIsTheFold, fault.is_none(), || format!("at {seq}: {}", fault.unwrap_or_default()))
    }

    /// Compares the rows touched since the last commit, and the number of rows of each table.
    fn compare(&self, tables: &BTreeMap<&'static str, Rows>) -> Option<String> {
        let count = |tables: &BTreeMap<&'static str, Rows>, name| tables.get(name).map_or(0, Rows::len);
        let names = self.fold.tables.keys().chain(tables.keys());
        for name in names {
            let (want, is) = (count(&self.fold.tables, *name), count(tables, *name));
            if want != is {
                return Some(format!("{name} has {is} rows, the fold {want}"));
            }
        }
        self.touched.iter().find_map(|(name, key)| {
            let (is, want) = (row(tables, name, key), row(&self.fold.tables, name, key));
            (is != want).then(|| format!("{name} {key:?} is {is:?}, the fold {want:?}"))
        })
    }

    /// Compares every row.
    fn compare_all(&mut self, tables: &BTreeMap<&'static str, Rows>) -> Option<String> {
        (self.whole, self.compared) = (self.progress, 0);
        let empty = Rows::new();
        for name in self.fold.tables.keys().chain(tables.keys()) {
            let (is, want) = (tables.get(name).unwrap_or(&empty), self.fold.tables.get(name).unwrap_or(&empty));
            if is == want {
                continue;
            }
            let odd =
                |a: &Rows, b: &Rows| a.iter().find(|(key, row)| b.get(*key) != Some(row)).map(|row| format!("{row:?}"));
            return Some(format!("{name} has {:?}, the fold {:?}", odd(is, want), odd(want, is)));
        }
        None
    }

    /// At rest the whole tape is in the database.
    pub(super) fn finish(&self, checks: &mut Checks) -> Result<(), Violation> {
        let missing = self.pending.front().map(|record| record.seq);
        checks.check(Rule::DatabaseIsComplete, missing.is_none(), || {
            format!("record {missing:?} is not in the database, whose progress is {}", self.progress)
        })?;
        checks.check(Rule::DatabaseIsComplete, self.whole == self.progress, || {
            format!("not all rows were compared at {}: report the progress again at the end", self.progress)
        })
    }
}

fn row<'a>(tables: &'a BTreeMap<&'static str, Rows>, name: &str, key: &[Value]) -> Option<&'a Vec<Value>> {
    tables.get(name)?.get(key)
}
