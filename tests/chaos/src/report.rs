//! The report of rounds: one line each, a table by nemesis, and the same as JSON.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::plan::{NEMESES, Plan};
use crate::table::DamageReport;

/// The result of a round.
#[derive(Debug, Serialize)]
pub struct Outcome {
    /// Number of the round, from 1.
    pub round: u64,
    /// Seed of the round: with the same `--only` it draws the same plan.
    pub seed: u64,
    /// The nemeses, in the order in which they were drawn.
    pub nemeses: Vec<NemesisReport>,
    /// Time from the last step to recovery, s; `None` if the deployment did not recover.
    pub recovery_seconds: Option<f64>,
    /// Failed checks; empty if the round passed.
    pub problems: Vec<String>,
    /// The state of the deployment after the round.
    pub counts: Counts,
    /// What happened in a damaged round.
    pub damage: Option<DamageReport>,
}

/// A nemesis of a round.
#[derive(Debug, Serialize)]
pub struct NemesisReport {
    /// Name, as in `--only`.
    pub name: &'static str,
    /// Start, ms after the start of the round.
    pub at_ms: u64,
    /// Target and duration.
    pub detail: String,
}

/// Counts of a deployment at the end of a round, since its start.
#[derive(Debug, Default, Clone, Serialize)]
pub struct Counts {
    /// Messages of the market inbox.
    pub inbox: u64,
    /// Records of the tape.
    pub tape: u64,
    /// Orders submitted.
    pub orders: u64,
    /// Epochs of all writers.
    pub epochs: u64,
    /// Log lines that a process was fenced.
    pub fenced: u64,
    /// Invalid records that break no chain.
    pub invalid_records: u64,
    /// Invalid records that break a chain.
    pub forged: u64,
    /// Messages of the market inbox that no publisher sent.
    pub foreign: u64,
    /// Items that publishers stored more than once.
    pub repeated: u64,
}

impl Outcome {
    /// The outcome of a round that is not performed yet.
    pub fn new(round: u64, plan: &Plan) -> Self {
        let report = |(nemesis, at, detail): &(crate::plan::Nemesis, u64, String)| NemesisReport {
            name: nemesis.name(),
            at_ms: *at,
            detail: detail.clone(),
        };
        let nemeses = plan.nemeses.iter().map(report).collect();
        let (problems, counts) = (Vec::new(), Counts::default());
        Self { round, seed: plan.seed, nemeses, recovery_seconds: None, problems, counts, damage: None }
    }

    /// The outcome in one line.
    pub fn line(&self) -> String {
        let nemeses = self.nemeses.iter().map(|NemesisReport { name, at_ms, detail }| match detail.is_empty() {
            true => format!("{name} at {at_ms} ms"),
            false => format!("{name} at {at_ms} ms ({detail})"),
        });
        let nemeses = nemeses.collect::<Vec<_>>().join(", ");
        let recovery = match self.recovery_seconds {
            Some(seconds) => format!("recovered in {seconds:.1} s"),
            None => "not recovered".into(),
        };
        let Counts { tape, orders, epochs, fenced, invalid_records, forged, repeated, .. } = self.counts;
        let verdict =
            if self.problems.is_empty() { "ok".into() } else { format!("FAILED: {}", self.problems.join("; ")) };
        if let Some(damage) = &self.damage {
            return format!(
                "round {:>3}  seed {:<20}  {nemeses}  |  {}  |  {verdict}",
                self.round,
                self.seed,
                damage.line()
            );
        }
        format!(
            "round {:>3}  seed {:<20}  {nemeses}  |  {recovery}, {tape} records, {orders} orders, {epochs} epochs, \
             {fenced} fenced, {invalid_records} invalid, {forged} forged, {repeated} repeated  |  {verdict}",
            self.round, self.seed
        )
    }
}

/// Rounds and failed rounds by nemesis.
pub fn by_nemesis(outcomes: &[Outcome]) -> BTreeMap<&'static str, [u64; 2]> {
    let mut table: BTreeMap<&'static str, [u64; 2]> = NEMESES.iter().map(|(_, name, _)| (*name, [0, 0])).collect();
    for outcome in outcomes {
        let mut names: Vec<_> = outcome.nemeses.iter().map(|nemesis| nemesis.name).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            let counts = table.entry(name).or_default();
            counts[0] += 1;
            counts[1] += u64::from(!outcome.problems.is_empty());
        }
    }
    table
}

/// Number of failed rounds.
pub fn failed(outcomes: &[Outcome]) -> usize {
    outcomes.iter().filter(|outcome| !outcome.problems.is_empty()).count()
}

/// Prints the table by nemesis and the totals.
pub fn print(outcomes: &[Outcome]) {
    println!("{:<18} {:>6} {:>6}", "nemesis", "rounds", "failed");
    for (name, [rounds, failed]) in by_nemesis(outcomes) {
        println!("{name:<18} {rounds:>6} {failed:>6}");
    }
    println!("{} rounds, {} failed", outcomes.len(), failed(outcomes));
}

/// Writes all outcomes as JSON.
pub fn write(path: &Path, seed: u64, outcomes: &[Outcome]) -> Result<()> {
    let summary = serde_json::json!({
        "seed": seed,
        "rounds": outcomes.len(),
        "failed": failed(outcomes),
        "by_nemesis": by_nemesis(outcomes),
        "outcomes": outcomes,
    });
    std::fs::write(path, serde_json::to_vec_pretty(&summary)?)
        .with_context(|| format!("cannot write {}", path.display()))
}
