//! Verifies whole tapes in one pass: chains, decisions (by re-execution), invariants, and rows in Postgres against the
//! fold of the tape. Reads only.

mod rows;
mod source;
mod verifiers;

use std::collections::BTreeMap;

use serde::Serialize;
use tapedeck_kernel::invariants::{Invariants, TapeFact};
use tapedeck_kernel::{TapeRead, TapeRecord};
use tapedeck_runtime::Bus;
use tapedeck_schemas::event::TapeCreated;
use tapedeck_schemas::offset::Offset;

use crate::error::HistoryError;
use crate::reader::RecordReader;
use rows::RowComparison;
use verifiers::Verifiers;

pub use source::{Inboxes, Source};

/// Most findings that are kept; later ones mostly follow from the first ones.
const FINDINGS_MAX: usize = 20;

/// Counts of everything verified, and the findings.
#[derive(Debug, Default, Serialize)]
pub struct Verdict {
    /// Number of partitions verified.
    pub partitions: u64,
    /// Number of valid records.
    pub records: u64,
    /// Number of facts in these records.
    pub events: u64,
    /// Number of invalid records that break no writer's chain (arbitrary bytes on the tape). They are no finding.
    pub invalid_records: u64,
    /// For each machine: the number of inputs re-executed, of decisions compared byte for byte, and of inputs followed
    /// because another `LOGIC` decided on them.
    pub decisions: BTreeMap<&'static str, [u64; 3]>,
    /// For each invariant: the number of evaluations.
    pub invariants: BTreeMap<String, u64>,
    /// For each table: the number of rows of the fold, compared with Postgres.
    pub rows: BTreeMap<String, u64>,
    /// For each partition: how far it was compared, and what was not.
    pub extents: Vec<Extent>,
    /// The findings in the order in which they were found, at most 20.
    pub findings: Vec<String>,
}

/// How far a partition was compared.
#[derive(Debug, Serialize)]
pub struct Extent {
    /// Number of the partition.
    pub partition: u16,
    /// Sequence of the last record: the end of the tape when the verification began.
    pub records: u64,
    /// Sequence of the last record whose rows were compared; `None` without a database.
    pub rows: Option<u64>,
    /// What was not compared, a phrase each.
    pub not_compared: Vec<String>,
}

impl Verdict {
    /// Whether there are no findings.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    fn find(&mut self, finding: String) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        }
    }
}

/// Verifies these tapes; with a database, also that its rows are the fold of each tape up to the projector's progress.
pub async fn verify(
    bus: &Bus,
    tapes: &[TapeCreated],
    database: Option<&tokio_postgres::Client>,
) -> Result<Verdict, HistoryError> {
    let mut verdict = Verdict::default();
    // The snapshot of the database before the ends of the tapes: it is then not ahead of them, even if both grow.
    if let Some(client) = database {
        client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT 1").await?;
    }
    for tape in tapes {
        verify_source(Source::open(bus, tape).await?, database, &mut verdict).await?;
    }
    if let Some(client) = database {
        client.batch_execute("COMMIT").await?;
    }
    Ok(verdict)
}

/// Verifies the messages of one partition, and adds counts and findings to the verdict.
pub async fn verify_source(
    source: Source,
    database: Option<&tokio_postgres::Client>,
    verdict: &mut Verdict,
) -> Result<(), HistoryError> {
    let Source { tape, records, mut inboxes } = source;
    let (partition, lineage) = (tape.partition, tape.lineage());
    let mut records = RecordReader::over(partition, &lineage, records);
    let mut verifiers = Verifiers::new(&tape);
    let mut invariants = Invariants::new();
    let mut rows = match database {
        Some(client) => Some(RowComparison::open(client, &tape).await?),
        None => None,
    };
    while let Some(stored) = records.next().await? {
        match stored.read {
            TapeRead::Invalid { why, breaks_chain: true, writer } => {
                let writer = writer.map_or("no writer", |writer| writer.as_str());
                let place = lineage.print_record(partition, stored.seq);
                verdict.find(format!("{place} chain of {writer}: {why}"));
            }
            TapeRead::Invalid { .. } => verdict.invalid_records += 1,
            TapeRead::Record(record) => {
                verdict.records += 1;
                verdict.events += record.entries.len() as u64;
                check_invariants(&mut invariants, &tape, &record, verdict);
                verifiers.record(&record, &mut inboxes, verdict).await?;
                if let Some(rows) = &mut rows {
                    rows.record(&record, stored.stamp);
                }
            }
        }
        if let Some(rows) = &rows {
            rows.check_chains(records.checkpoint(), verdict);
        }
    }
    for violation in invariants.finish() {
        verdict.find(describe(&tape, &violation));
    }
    for (id, times) in invariants.checked() {
        *verdict.invariants.entry(id.name().to_string()).or_default() += times;
    }
    let records = records.last();
    let mut extent = Extent { partition, records, rows: None, not_compared: Vec::new() };
    verifiers.finish(&mut extent, verdict);
    match rows {
        Some(rows) => {
            extent.rows = Some(rows.projected());
            if rows.projected() < records {
                let rows = rows.projected() + 1;
                extent.not_compared.push(format!("rows of the records {rows} to {records}: they are not projected"));
            }
            rows.compare(verdict).await?;
        }
        None => extent.not_compared.push("rows in Postgres".into()),
    }
    verdict.extents.push(extent);
    verdict.partitions += 1;
    Ok(())
}

fn check_invariants(invariants: &mut Invariants, tape: &TapeCreated, record: &TapeRecord, verdict: &mut Verdict) {
    let (writer, inbox) = (record.header.writer, record.header.inbox_generation());
    for (index, entry) in (0..).zip(&record.entries) {
        let offset = Offset::new(record.seq, index);
        for violation in invariants.observe(&TapeFact { offset, writer, inbox, entry }) {
            verdict.find(describe(tape, &violation));
        }
    }
}

fn describe(tape: &TapeCreated, violation: &tapedeck_kernel::invariants::Violation) -> String {
    let offset = tape.lineage().print(tape.partition, violation.offset);
    format!("{offset} {}: {}", violation.id.name(), violation.detail)
}
