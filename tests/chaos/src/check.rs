//! Judgement of a quiet deployment: inbox, tape and Postgres must tell the same, and `verify` must be clean.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use tapedeck_runtime::database;
use tapedeck_schemas::subject;

use crate::deployment::Deployment;
use crate::expected::{Expected, Market, Tally};
use crate::recorded::Recorded;
use crate::streams;

/// What was read of a deployment's streams so far.
pub struct Books {
    /// What must be.
    pub expected: Expected,
    /// What is.
    pub recorded: Recorded,
}

impl Books {
    /// Nothing read yet.
    pub fn open(all: &Deployment) -> Result<Self> {
        let tape = all.runtime.block_on(all.bus.tape(0))?;
        Ok(Self { expected: Expected::default(), recorded: Recorded::new(tape.tape) })
    }

    /// Reads on, and says what does not hold.
    pub fn check(&mut self, all: &mut Deployment) -> Result<Vec<String>> {
        let commands = all.runtime.block_on(self.read(all))?;
        let (expected, recorded) = (self.expected.counter.tally(), self.recorded.counter.tally());
        let mut wrong = self.expected.unfinished(&all.loads);
        wrong.extend(differences("tape", &expected, &recorded));
        let asked: BTreeSet<u64> = (1..=commands).collect();
        let mut differ = asked.symmetric_difference(&self.recorded.commands);
        if let Some(first) = differ.next() {
            wrong.push(format!("commands: {first} of {commands} is not answered, or was never asked"));
        }
        let rows = all.runtime.block_on(rows(all.database_url()))?;
        wrong.extend(differences("Postgres", &Tally { definitions: rows.definitions, ..expected.clone() }, &rows));
        wrong.extend(self.ask_ingest(all, &expected)?);
        wrong.extend(self.verify(all)?);
        Ok(wrong)
    }

    async fn read(&mut self, all: &Deployment) -> Result<u64> {
        let (bus, expected, recorded) = (&all.bus, &mut self.expected, &mut self.recorded);
        let after = expected.read;
        streams::read(bus, &subject::inbox_stream(0), after, |seq, one| expected.take(seq, one, &all.loads)).await?;
        let after = recorded.read;
        streams::read(bus, &subject::tape_stream(0), after, |seq, one| recorded.take(seq, one)).await?;
        streams::last(bus, &subject::command_stream(0)).await
    }

    /// Ingest's own counts, which it keeps for publishers.
    fn ask_ingest(&self, all: &mut Deployment, expected: &Tally) -> Result<Vec<String>> {
        let said = all.ok(&["status", "--json"])?;
        let status: serde_json::Value = serde_json::from_str(&said).context("status --json")?;
        let one = &status["partitions"][0];
        let sources = one["sources"].as_array().cloned().unwrap_or_default();
        let sum = |name: &str| sources.iter().filter_map(|source| source[name].as_u64()).sum::<u64>();
        let mut rejects: BTreeMap<String, u64> = BTreeMap::new();
        for counts in sources.iter().map(|source| &source["rejects"]).chain([&one["unreadable"]]) {
            for (reason, count) in counts.as_object().into_iter().flatten() {
                *rejects.entry(reason.clone()).or_default() += count.as_u64().unwrap_or(0);
            }
        }
        let accepted = expected.markets.values().map(|one| one.quotes + one.trades).sum::<u64>() + expected.definitions;
        let mut wrong = Vec::new();
        compare("ingest: accepted", &accepted, &sum("accepted"), &mut wrong);
        compare("ingest: gaps", &expected.gaps, &sum("gaps"), &mut wrong);
        compare("ingest: rejects", &expected.rejects, &rejects, &mut wrong);
        Ok(wrong)
    }

    /// `verify` must name the records that were forged, each in its place, and nothing else.
    fn verify(&self, all: &mut Deployment) -> Result<Vec<String>> {
        let (code, said) = all.run(&["verify", "--json"])?;
        let verdict: serde_json::Value =
            serde_json::from_str(&said).with_context(|| format!("verify: exit {code:?}: {said}"))?;
        let findings: Vec<&str> =
            verdict["findings"].as_array().into_iter().flatten().filter_map(|f| f.as_str()).collect();
        let forged: Vec<String> =
            self.recorded.forged.iter().map(|(seq, writer)| format!("p0:{seq} chain of {writer}: ")).collect();
        let mut wrong = Vec::new();
        let as_forged = findings.len() == forged.len()
            && findings.iter().zip(&forged).all(|(finding, forged)| finding.starts_with(forged));
        if !as_forged {
            wrong.push(format!("verify: {} records forged, but found: {}", forged.len(), findings.join("; ")));
        }
        compare("verify: exit", &Some(i32::from(!forged.is_empty())), &code, &mut wrong);
        compare(
            "verify: invalid records",
            &Some(self.recorded.invalid_records),
            &verdict["invalid_records"].as_u64(),
            &mut wrong,
        );
        Ok(wrong)
    }
}

fn compare<T: PartialEq + std::fmt::Debug>(what: &str, want: &T, have: &T, wrong: &mut Vec<String>) {
    if want != have {
        wrong.push(format!("{what}: {have:?}, must be {want:?}"));
    }
}

/// Where a tally differs from what it must be.
fn differences(place: &str, want: &Tally, have: &Tally) -> Vec<String> {
    let mut wrong = Vec::new();
    let names: BTreeSet<&String> = want.markets.keys().chain(have.markets.keys()).collect();
    for name in names {
        compare(&format!("{place}: {name}"), &want.markets.get(name), &have.markets.get(name), &mut wrong);
    }
    compare(&format!("{place}: rejects"), &want.rejects, &have.rejects, &mut wrong);
    compare(&format!("{place}: gaps"), &want.gaps, &have.gaps, &mut wrong);
    compare(&format!("{place}: definitions"), &want.definitions, &have.definitions, &mut wrong);
    wrong
}

/// What Postgres holds; it keeps no definitions.
async fn rows(url: &str) -> Result<Tally> {
    let client = database::connect(url.to_string()).await?;
    let mut tally = Tally::default();
    let markets = "SELECT instrument, coalesce(quotes, 0), coalesce(trades, 0), \
                   trim_scale(coalesce(quantity, 0))::text, trim_scale(last_bid)::text, trim_scale(last_ask)::text \
                   FROM tapedeck.market_totals";
    for row in client.query(markets, &[]).await? {
        let count = |index| row.get::<_, i64>(index).unsigned_abs();
        let last: (Option<String>, Option<String>) = (row.get(4), row.get(5));
        let market = Market { quotes: count(1), trades: count(2), quantity: row.get(3), last: last.0.zip(last.1) };
        tally.markets.insert(row.get(0), market);
    }
    for row in client.query("SELECT reason, count(*) FROM tapedeck.rejects GROUP BY reason", &[]).await? {
        let (reason, count): (String, i64) = (row.get(0), row.get(1));
        match reason.as_str() {
            "gap" => tally.gaps = count.unsigned_abs(),
            _ => drop(tally.rejects.insert(reason, count.unsigned_abs())),
        }
    }
    Ok(tally)
}
