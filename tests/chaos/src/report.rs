//! What is said of rounds: a line each, a table by nemesis, and the same as JSON.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::plan::{NEMESES, Plan};

/// What became of a round.
#[derive(Debug, Serialize)]
pub struct Outcome {
    /// Its number, from 1.
    pub round: u64,
    /// Its seed: with the same `--only` it draws the same plan.
    pub seed: u64,
    /// What was done, and at which moment, ms.
    pub nemeses: Vec<Done>,
    /// From the last step to all ready, judged and projected, s; none if that did not come.
    pub heal_seconds: Option<f64>,
    /// What did not hold; empty if all did.
    pub problems: Vec<String>,
    /// What there was to judge.
    pub seen: Seen,
}

/// A nemesis in a round.
#[derive(Debug, Serialize)]
pub struct Done {
    /// Its name.
    pub name: &'static str,
    /// When, ms from the round's start.
    pub at_ms: u64,
    /// On whom, for how long.
    pub words: String,
}

/// How much a deployment held at the end of a round.
#[derive(Debug, Default, Clone, Serialize)]
pub struct Seen {
    /// Messages of the market inbox.
    pub inbox: u64,
    /// Records of the tape.
    pub tape: u64,
    /// Orders submitted.
    pub orders: u64,
    /// Times that a group was taken over.
    pub epochs: u64,
    /// Times that a process was told by the fence that it owns nothing any more.
    pub fenced: u64,
    /// invalid records that harm nobody.
    pub invalid_records: u64,
    /// invalid records that break a chain.
    pub forged: u64,
    /// Messages on the inbox that no publisher sent.
    pub foreign: u64,
    /// Items that publishers stored more than once.
    pub repeated: u64,
}

impl Outcome {
    /// Of a plan, before anything is known.
    pub fn of(round: u64, plan: &Plan) -> Self {
        let done = |(nemesis, at, words): &(crate::plan::Nemesis, u64, String)| Done {
            name: nemesis.name(),
            at_ms: *at,
            words: words.clone(),
        };
        let nemeses = plan.nemeses.iter().map(done).collect();
        Self { round, seed: plan.seed, nemeses, heal_seconds: None, problems: Vec::new(), seen: Seen::default() }
    }

    /// One line.
    pub fn line(&self) -> String {
        let done = self.nemeses.iter().map(|Done { name, at_ms, words }| match words.is_empty() {
            true => format!("{name} at {at_ms} ms"),
            false => format!("{name} at {at_ms} ms ({words})"),
        });
        let done = done.collect::<Vec<_>>().join(", ");
        let healed = self.heal_seconds.map_or("not healed".into(), |took| format!("healed in {took:.1} s"));
        let Seen { tape, orders, epochs, fenced, invalid_records, forged, repeated, .. } = self.seen;
        let verdict =
            if self.problems.is_empty() { "ok".into() } else { format!("FAILED: {}", self.problems.join("; ")) };
        format!(
            "round {:>3}  seed {:<20}  {done}  |  {healed}, {tape} records, {orders} orders, {epochs} epochs, \
             {fenced} fenced, {invalid_records} invalid, {forged} forged, {repeated} repeated  |  {verdict}",
            self.round, self.seed
        )
    }
}

/// Rounds and failures of each nemesis.
pub fn by_nemesis(outcomes: &[Outcome]) -> BTreeMap<&'static str, [u64; 2]> {
    let mut table: BTreeMap<&'static str, [u64; 2]> = NEMESES.iter().map(|(_, name, _)| (*name, [0, 0])).collect();
    for outcome in outcomes {
        let mut names: Vec<_> = outcome.nemeses.iter().map(|done| done.name).collect();
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

/// How many failed.
pub fn failed(outcomes: &[Outcome]) -> usize {
    outcomes.iter().filter(|outcome| !outcome.problems.is_empty()).count()
}

/// Prints the table and the sum.
pub fn print(outcomes: &[Outcome]) {
    println!("{:<18} {:>6} {:>6}", "nemesis", "rounds", "failed");
    for (name, [rounds, failed]) in by_nemesis(outcomes) {
        println!("{name:<18} {rounds:>6} {failed:>6}");
    }
    println!("{} rounds, {} failed", outcomes.len(), failed(outcomes));
}

/// Writes all of it as JSON.
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
