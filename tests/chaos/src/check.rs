//! Checks a recovered deployment: inbox, tape and Postgres must agree, and `verify` must report nothing unexpected.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use tapedeck_ingest::floods::SINGLE_REJECTIONS_MAX;
use tapedeck_runtime::database;
use tapedeck_schemas::event::LostMessages;
use tapedeck_schemas::record::Writer;

use crate::deployment::Deployment;
use crate::inbox::{InboxTally, InstrumentTally, Tally};
use crate::streams;
use crate::tape::TapeTally;

/// The counts of a deployment's streams, continued from round to round.
pub struct Audit {
    /// What must be on the tape, by the market inbox.
    pub expected: InboxTally,
    /// What is on the tape.
    pub recorded: TapeTally,
    /// The messages that the inboxes are known to have lost.
    lost: Vec<LostMessages>,
}

impl Audit {
    /// An audit that has read nothing yet.
    pub fn open(deployment: &Deployment) -> Result<Self> {
        let tape = deployment.runtime.block_on(deployment.bus.tape(0))?;
        let recorded = TapeTally::new(&tape);
        Ok(Self { expected: InboxTally::default(), recorded, lost: tape.lost })
    }

    /// An audit of streams that lost messages: what is left of the inbox must be on the tape, and items of publishers
    /// may be missing.
    pub fn open_damaged(deployment: &Deployment) -> Result<Self> {
        let mut audit = Self::open(deployment)?;
        audit.expected.may_miss = true;
        Ok(audit)
    }

    /// Reads the streams to their ends; the failed checks.
    pub fn check(&mut self, deployment: &mut Deployment) -> Result<Vec<String>> {
        let commands = deployment.runtime.block_on(self.read(deployment))?;
        let (expected, recorded) = (self.expected.counter.tally(), self.recorded.counter.tally());
        let mut problems = self.expected.unfinished(&deployment.loads);
        problems.extend(differences("tape", &expected, &recorded));
        let lost = of(&self.lost, Writer::Control);
        let is_stored = |seq: &u64| !lost.iter().any(|(first, last)| (first..=last).contains(&seq));
        let sent: BTreeSet<u64> = (1..=commands).filter(is_stored).collect();
        if let Some(first) = sent.symmetric_difference(&self.recorded.commands).next() {
            problems.push(format!("commands: {first} of {commands} is not answered, or was never sent"));
        }
        let rows = deployment.runtime.block_on(read_rows(deployment.database_url()))?;
        problems.extend(differences("Postgres", &Tally { definitions: rows.definitions, ..expected.clone() }, &rows));
        problems.extend(self.check_status(deployment, &expected)?);
        problems.extend(self.verify(deployment)?);
        Ok(problems)
    }

    async fn read(&mut self, deployment: &Deployment) -> Result<u64> {
        let Self { expected, recorded, lost } = self;
        let bus = &deployment.bus;
        let after = expected.read;
        let taking = |seq, one: &_| expected.take(seq, one, &deployment.loads);
        let (stream, lost) = (bus.generations().inbox_stream(0), of(lost, Writer::Ingest));
        let end = streams::read_beside(bus, &stream, after, &lost, taking).await?;
        expected.read = end;
        let after = recorded.read;
        streams::read(bus, &bus.generations().tape_stream(0), after, |seq, one| recorded.take(seq, one)).await?;
        streams::last(bus, &bus.generations().command_stream(0)).await
    }

    /// Compares the counts of `tapedeck status`, which ingest keeps for publishers.
    fn check_status(&self, deployment: &mut Deployment, expected: &Tally) -> Result<Vec<String>> {
        let output = deployment.ok(&["status", "--json"])?;
        let status: serde_json::Value = serde_json::from_str(&output).context("status --json")?;
        let partition = &status["partitions"][0];
        let sources = partition["sources"].as_array().cloned().unwrap_or_default();
        let sum = |name: &str| sources.iter().filter_map(|source| source[name].as_u64()).sum::<u64>();
        let mut rejects: BTreeMap<String, u64> = BTreeMap::new();
        for counts in sources.iter().map(|source| &source["rejects"]).chain([&partition["unreadable"]]) {
            for (reason, count) in counts.as_object().into_iter().flatten() {
                *rejects.entry(reason.clone()).or_default() += count.as_u64().unwrap_or(0);
            }
        }
        let accepted = expected.markets.values().map(|one| one.quotes + one.trades).sum::<u64>() + expected.definitions;
        let mut problems = Vec::new();
        compare("ingest: accepted", &accepted, &sum("accepted"), &mut problems);
        compare("ingest: gaps", &expected.gaps, &sum("gaps"), &mut problems);
        compare("ingest: rejects", &expected.rejects, &rejects, &mut problems);
        Ok(problems)
    }

    /// `verify` must report each forged record that breaks a chain, and nothing else.
    fn verify(&self, deployment: &mut Deployment) -> Result<Vec<String>> {
        let (code, output) = deployment.run(&["verify", "--json"])?;
        let verdict: serde_json::Value =
            serde_json::from_str(&output).with_context(|| format!("verify: exit status {code:?}: {output}"))?;
        let findings: Vec<&str> =
            verdict["findings"].as_array().into_iter().flatten().filter_map(|f| f.as_str()).collect();
        let forged: Vec<String> =
            self.recorded.forged.iter().map(|(seq, writer)| format!("p0g1:{seq} chain of {writer}: ")).collect();
        let mut problems = Vec::new();
        let as_forged = findings.len() == forged.len()
            && findings.iter().zip(&forged).all(|(finding, forged)| finding.starts_with(forged));
        if !as_forged {
            problems.push(format!("verify: {} records are forged, reported: {}", forged.len(), findings.join("; ")));
        }
        compare("verify: exit status", &Some(i32::from(!forged.is_empty())), &code, &mut problems);
        compare(
            "verify: invalid records",
            &Some(self.recorded.invalid_records),
            &verdict["invalid_records"].as_u64(),
            &mut problems,
        );
        Ok(problems)
    }
}

/// The ranges of messages that the inbox of a machine lost.
fn of(lost: &[LostMessages], reader: Writer) -> Vec<(u64, u64)> {
    lost.iter().filter(|one| one.reader == reader).map(|one| (one.first, one.last)).collect()
}

fn compare<T: PartialEq + std::fmt::Debug>(name: &str, want: &T, have: &T, problems: &mut Vec<String>) {
    if want != have {
        problems.push(format!("{name}: {have:?}, want {want:?}"));
    }
}

/// The differences between two tallies; `place` is that of `have`.
fn differences(place: &str, want: &Tally, have: &Tally) -> Vec<String> {
    let mut problems = Vec::new();
    let names: BTreeSet<&String> = want.markets.keys().chain(have.markets.keys()).collect();
    for name in names {
        compare(&format!("{place}: {name}"), &want.markets.get(name), &have.markets.get(name), &mut problems);
    }
    // Rejections beyond 100 a minute are summed, and the last sums are written at the next event after their minute.
    let rejections = |tally: &Tally| tally.rejects.values().sum::<u64>() + tally.gaps;
    let may_wait = have.rejects.values().sum::<u64>() >= u64::from(SINGLE_REJECTIONS_MAX);
    let is_part = have.rejects.iter().all(|(reason, count)| want.rejects.get(reason).is_some_and(|want| count <= want));
    if !may_wait || !is_part || rejections(have) > rejections(want) {
        compare(&format!("{place}: rejects"), &want.rejects, &have.rejects, &mut problems);
        compare(&format!("{place}: gaps"), &want.gaps, &have.gaps, &mut problems);
    }
    compare(&format!("{place}: definitions"), &want.definitions, &have.definitions, &mut problems);
    problems
}

/// The tally of the rows in Postgres, which has no definitions.
async fn read_rows(url: &str) -> Result<Tally> {
    let client = database::connect(url.to_string()).await?;
    let mut tally = Tally::default();
    let markets = "SELECT instrument, coalesce(quotes, 0), coalesce(trades, 0), \
                   trim_scale(coalesce(quantity, 0))::text, trim_scale(last_bid)::text, trim_scale(last_ask)::text \
                   FROM tapedeck.market_totals";
    for row in client.query(markets, &[]).await? {
        let count = |index| row.get::<_, i64>(index).unsigned_abs();
        let last: (Option<String>, Option<String>) = (row.get(4), row.get(5));
        let market =
            InstrumentTally { quotes: count(1), trades: count(2), quantity: row.get(3), last: last.0.zip(last.1) };
        tally.markets.insert(row.get(0), market);
    }
    let rejects = "SELECT reason, sum(count)::bigint, \
                   coalesce(sum((detail::json->>'gaps')::bigint) FILTER (WHERE code = 'rejected_many'), 0)::bigint \
                   FROM tapedeck.rejects GROUP BY reason";
    for row in client.query(rejects, &[]).await? {
        let (reason, count): (String, i64) = (row.get(0), row.get(1));
        match reason.as_str() {
            "gap" => tally.gaps += count.unsigned_abs(),
            _ => drop(tally.rejects.insert(reason, count.unsigned_abs())),
        }
        tally.gaps += row.get::<_, i64>(2).unsigned_abs();
    }
    Ok(tally)
}
