//! Verification of a whole partition: one pass over its tape, with every check that there is.
//!
//! Chain, decisions (each machine decides again), invariants, and rows = fold. Reads only.

mod rows;
mod source;
mod verifiers;

use std::collections::BTreeMap;

use anyhow::Result;
use serde::Serialize;
use tapedeck_kernel::invariants::{Invariants, TapeFact};
use tapedeck_kernel::{TapeRead, TapeReader, TapeRecord};
use tapedeck_runtime::Bus;
use tapedeck_runtime::shell::writer_of;
use tapedeck_schemas::event::TapeCreated;
use tapedeck_schemas::offset::Offset;

use rows::Rows;
pub use source::{Messages, Source};
use verifiers::Verifiers;

/// Most findings that are kept: the first ones tell the story.
const FINDINGS_MAX: usize = 20;

/// What was checked, and what was found.
#[derive(Debug, Default, Serialize)]
pub struct Verdict {
    /// Partitions.
    pub partitions: u64,
    /// Records whose chain was checked.
    pub records: u64,
    /// Events in them.
    pub events: u64,
    /// invalid records that harm nobody (foreign bytes on the tape), skipped.
    pub invalid_records: u64,
    /// Per machine: inputs decided again, events compared byte for byte, inputs followed only (another logic's).
    pub decisions: BTreeMap<&'static str, [u64; 3]>,
    /// Per invariant: how often it was evaluated.
    pub invariants: BTreeMap<String, u64>,
    /// Per table: rows compared with the fold.
    pub rows: BTreeMap<String, u64>,
    /// What does not hold, in the order found; empty if clean.
    pub findings: Vec<String>,
}

impl Verdict {
    /// Whether everything holds.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    fn find(&mut self, finding: String) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        }
    }
}

/// Verifies every tape; with a database also that its rows are the fold of the tape up to its progress.
pub async fn verify(bus: &Bus, tapes: &[TapeCreated], database: Option<&tokio_postgres::Client>) -> Result<Verdict> {
    let mut verdict = Verdict::default();
    // The database first, as it is at one moment: it is behind the tapes then, however fast both move on.
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

/// Verifies one partition's messages, wherever they come from, and adds to the verdict.
pub async fn verify_source(
    mut source: Source,
    database: Option<&tokio_postgres::Client>,
    verdict: &mut Verdict,
) -> Result<()> {
    let partition = source.tape.partition;
    let mut reader = TapeReader::new(source.tape.tape);
    let mut verifiers = Verifiers::new(&source.tape);
    let mut invariants = Invariants::new();
    let mut rows = match database {
        Some(client) => Some(Rows::open(client, &source.tape).await?),
        None => None,
    };
    while let Some(stored) = source.records.next().await {
        match reader.read(stored.seq, writer_of(partition, &stored.subject), &stored.payload)? {
            TapeRead::Invalid { why, breaks_chain: true, writer } => {
                let writer = writer.map_or("nobody", |writer| writer.as_str());
                verdict.find(format!("p{partition}:{} chain of {writer}: {why}", stored.seq));
            }
            TapeRead::Invalid { .. } => verdict.invalid_records += 1,
            TapeRead::Record(record) => {
                verdict.records += 1;
                verdict.events += record.entries.len() as u64;
                check_invariants(&mut invariants, partition, &record, verdict);
                verifiers.record(&record, &mut source, verdict).await;
                if let Some(rows) = &mut rows {
                    rows.record(&record, stored.stamp);
                }
            }
        }
    }
    for violation in invariants.finish() {
        verdict.find(describe(partition, &violation));
    }
    for (id, times) in invariants.checked() {
        *verdict.invariants.entry(id.name().to_string()).or_default() += times;
    }
    verifiers.finish(partition, verdict);
    if let Some(rows) = rows {
        rows.compare(verdict).await?;
    }
    verdict.partitions += 1;
    Ok(())
}

fn check_invariants(invariants: &mut Invariants, partition: u16, record: &TapeRecord, verdict: &mut Verdict) {
    for (index, entry) in (0..).zip(&record.entries) {
        let offset = Offset::new(record.seq, index);
        for violation in invariants.observe(&TapeFact { offset, writer: record.header.writer, entry }) {
            verdict.find(describe(partition, &violation));
        }
    }
}

fn describe(partition: u16, violation: &tapedeck_kernel::invariants::Violation) -> String {
    format!("{} {}: {}", violation.offset.in_partition(partition), violation.id.name(), violation.detail)
}
