//! Compares the rows in Postgres with the fold of the tape up to the progress of each projection, and the checkpoints
//! with the chains of the tape.

use tapedeck_kernel::{TapeCheckpoint, TapeRecord};
use tapedeck_projections::projector::project_record;
use tapedeck_projections::{Fold, MergeError, Projection, Rows, all, sql};
use tapedeck_runtime::database;
use tapedeck_schemas::event::TapeCreated;
use tokio_postgres::Client;

use super::Verdict;
use crate::error::HistoryError;

/// The fold so far, and each projection's progress.
pub(super) struct RowComparison<'a> {
    client: &'a Client,
    partition: u16,
    progress: Vec<(&'static dyn Projection, TapeCheckpoint)>,
    fold: Fold,
    failed: Option<MergeError>,
}

impl<'a> RowComparison<'a> {
    /// Reads the progress of each projection; one without progress must have no rows.
    pub(super) async fn open(client: &'a Client, tape: &TapeCreated) -> Result<Self, HistoryError> {
        let mut progress = Vec::new();
        for projection in all() {
            let committed = database::progress(client, &tape.lineage(), tape.partition, projection.name()).await?;
            progress.push((*projection, committed.unwrap_or_default()));
        }
        Ok(Self { client, partition: tape.partition, progress, fold: Fold::default(), failed: None })
    }

    /// The last record whose rows every projection has committed.
    pub(super) fn projected(&self) -> u64 {
        self.progress.iter().map(|(_, committed)| committed.seq).min().unwrap_or(0)
    }

    /// Folds a record for the projections whose progress includes it.
    pub(super) fn record(&mut self, record: &TapeRecord, stamp: u64) {
        let mut ops = Vec::new();
        for (projection, _) in self.progress.iter().filter(|(_, committed)| record.seq <= committed.seq) {
            project_record(*projection, self.partition, record, stamp, &mut ops);
        }
        let failed = ops.iter().find_map(|op| self.fold.apply(op).err());
        self.failed = self.failed.take().or(failed);
    }

    /// Compares the checkpoints of the sequence that was just read with the chains of the tape there.
    pub(super) fn check_chains(&self, read: &TapeCheckpoint, verdict: &mut Verdict) {
        for (projection, committed) in self.progress.iter().filter(|(_, committed)| committed.seq == read.seq) {
            if committed != read {
                let (partition, name, seq) = (self.partition, projection.name(), read.seq);
                verdict.find(format!(
                    "p{partition} checkpoint of {name} at {seq}: Postgres has {committed:?}, the tape {read:?}"
                ));
            }
        }
    }

    /// Compares every table, row by row.
    pub(super) async fn compare(mut self, verdict: &mut Verdict) -> Result<(), HistoryError> {
        if let Some(failed) = &self.failed {
            verdict.find(format!("p{} fold: {failed}", self.partition));
        }
        for (projection, _) in std::mem::take(&mut self.progress) {
            let table = projection.table();
            let folded = self.fold.tables.remove(table.name).unwrap_or_default();
            let mut found = Rows::new();
            for row in self.client.query(&sql::select_statement(table), &[&i64::from(self.partition)]).await? {
                let row: Vec<Option<String>> = (0..table.columns.len()).map(|index| row.get(index)).collect();
                found.insert(row[..table.key_len()].to_vec(), row);
            }
            *verdict.rows.entry(table.name.to_string()).or_default() += folded.len() as u64;
            if let Some(difference) = first_difference(&folded, &found) {
                verdict.find(format!("p{} rows of {}: {difference}", self.partition, table.name));
            }
        }
        Ok(())
    }
}

fn first_difference(folded: &Rows, found: &Rows) -> Option<String> {
    let show = |row: Option<&Vec<Option<String>>>| match row {
        None => "no row".to_string(),
        Some(row) => row.iter().map(|value| value.as_deref().unwrap_or("null")).collect::<Vec<_>>().join(" "),
    };
    let keys: std::collections::BTreeSet<_> = folded.keys().chain(found.keys()).collect();
    let different = keys.into_iter().find(|key| folded.get(*key) != found.get(*key))?;
    let (want, have) = (show(folded.get(different)), show(found.get(different)));
    Some(format!("Postgres has [{have}], the tape folds to [{want}]"))
}
