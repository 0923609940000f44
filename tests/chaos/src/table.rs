//! The report of damaged rounds: one row for each case, with what the deployment said, and the totals.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::Serialize;

use crate::observe::{GroupState, Observed};
use crate::report::Outcome;
use crate::verdict::{Class, Loss};

/// What happened in a damaged round.
#[derive(Debug, Default, Serialize)]
pub struct DamageReport {
    /// Nemesis and variant.
    pub case: String,
    /// What was done to the files, a sentence each.
    pub done: Vec<String>,
    /// The classification; `None` if the round ended before.
    pub class: Option<Class>,
    /// Number of lost messages by store.
    pub lost: BTreeMap<&'static str, u64>,
    /// Whether the groups were restarted before one stopped.
    pub is_noticed_at_restart: bool,
    /// The stop code of each group that stopped.
    pub stops: BTreeMap<&'static str, String>,
    /// Number of groups that were ready.
    pub ready: u64,
    /// Exit status of `tapedeck status`, and what it said.
    pub status: Option<i32>,
    /// Its lines about losses, or its last line.
    pub status_says: String,
    /// Exit status of each group after SIGTERM.
    pub exits: BTreeMap<&'static str, Option<i32>>,
    /// The generations that `tapedeck recover` began; `None` if nothing was lost.
    pub generation: Option<String>,
    /// Whether everything published was answered and projected afterwards.
    pub is_recovered: bool,
    /// Last sequence of the market inbox, at the end.
    pub inbox: u64,
    /// Last sequence of the tape, at the end.
    pub tape: u64,
    /// Items of the inbox that are on the tape and in Postgres exactly once.
    pub items: u64,
    /// Items that were published, lost and not published again.
    pub missing: u64,
    /// Gaps that ingest reports.
    pub gaps: u64,
    /// Failed checks.
    pub problems: Vec<String>,
}

impl DamageReport {
    /// Records what was lost and what the groups say.
    pub fn record(&mut self, loss: &Loss, class: Class, observed: &BTreeMap<&'static str, Observed>) {
        self.class = Some(class);
        self.lost = loss.lost.iter().map(|(store, lost)| (store.name(), lost.len() as u64)).collect();
        self.lost.retain(|_, count| *count > 0);
        for (group, one) in observed {
            match &one.state {
                GroupState::Stopped(reason) => drop(self.stops.insert(*group, reason.to_string())),
                GroupState::Ready => self.ready += 1,
                GroupState::Waiting(_) => {}
            }
        }
    }

    /// The round in one line.
    pub fn line(&self) -> String {
        let class = self.class.map_or("not classified", Class::name);
        let lost: Vec<String> = self.lost.iter().map(|(store, count)| format!("{count} of {store}")).collect();
        let lost = if lost.is_empty() { "0".into() } else { lost.join(", ") };
        let at_restart = if self.is_noticed_at_restart { " at a restart" } else { "" };
        format!(
            "{}: {}; lost {lost}; {class}{at_restart}: {}; status {}: {}; {}; {} items, {} missing, {} gaps",
            self.case,
            self.done.join("; "),
            codes(&[self]),
            number(self.status),
            self.status_says,
            self.generation.as_deref().unwrap_or("no new generation"),
            self.items,
            self.missing,
            self.gaps
        )
    }
}

/// The table of all damaged rounds, as Markdown; empty without one.
pub fn markdown(outcomes: &[Outcome]) -> String {
    let mut cases: BTreeMap<&str, Vec<&DamageReport>> = BTreeMap::new();
    let mut failed: BTreeMap<&str, u64> = BTreeMap::new();
    for outcome in outcomes {
        if let Some(report) = &outcome.damage {
            cases.entry(&report.case).or_default().push(report);
            *failed.entry(&report.case).or_default() += u64::from(!outcome.problems.is_empty());
        }
    }
    if cases.is_empty() {
        return String::new();
    }
    let mut text = String::from(
        "| case | rounds | outcome | lost messages | stop codes (groups) | readyz, livez, metric | status | exit \
         statuses | recovery | items on tape and in Postgres (missing, gaps) | failed |\n\
         |---|---:|---|---:|---|---|---|---|---|---:|---:|\n",
    );
    for (case, reports) in &cases {
        let lost: u64 = reports.iter().flat_map(|one| one.lost.values()).sum();
        let stopped: u64 = reports.iter().map(|one| one.stops.len() as u64).sum();
        let ready: u64 = reports.iter().map(|one| one.ready).sum();
        let recovered = reports.iter().filter(|one| one.is_recovered).count();
        let begun = reports.iter().filter(|one| one.generation.is_some()).count();
        let items: u64 = reports.iter().map(|one| one.items).sum();
        let (missing, gaps) = reports.iter().fold((0, 0), |sums, one| (sums.0 + one.missing, sums.1 + one.gaps));
        let _ = writeln!(
            text,
            "| {case} | {} | {} | {lost} | {} | {stopped}× 503/200/1, {ready}× 200/200/0 | {} | {} | {recovered} of \
             {} recovered, {begun} by a new generation | {items} ({missing}, {gaps}) | {} |",
            reports.len(),
            outcomes_of(reports),
            codes(reports),
            statuses(reports),
            exits(reports),
            reports.len(),
            failed[case],
        );
    }
    let _ = writeln!(text, "\n{}", summary(outcomes));
    text
}

/// Number of damaged rounds by classification.
pub fn summary(outcomes: &[Outcome]) -> String {
    let reports: Vec<&DamageReport> = outcomes.iter().filter_map(|outcome| outcome.damage.as_ref()).collect();
    let count = |class: Class| reports.iter().filter(|one| one.class == Some(class)).count();
    let recovered = reports.iter().filter(|one| one.is_recovered).count();
    format!(
        "{} damaged rounds: {} stopped ({} at a restart), {} nothing lost, {} not witnessed, {} unnoticed; {recovered} \
         recovered",
        reports.len(),
        count(Class::Stopped),
        reports.iter().filter(|one| one.is_noticed_at_restart && one.class == Some(Class::Stopped)).count(),
        count(Class::NothingLost),
        count(Class::Unwitnessed),
        count(Class::Unnoticed),
    )
}

fn outcomes_of(reports: &[&DamageReport]) -> String {
    let name = |one: &&DamageReport| match (one.class, one.is_noticed_at_restart) {
        (Some(Class::Stopped), true) => "stopped at a restart",
        (class, _) => class.map_or("not classified", Class::name),
    };
    counted(reports.iter().map(name).map(String::from))
}

/// The stop codes, each with the groups that stopped with it.
fn codes(reports: &[&DamageReport]) -> String {
    let mut groups: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (group, code) in reports.iter().flat_map(|one| &one.stops) {
        groups.entry(code).or_default().insert(group);
    }
    let all = tapedeck_groups::names().count();
    let listed = |(code, groups): (&&str, &BTreeSet<&str>)| match groups.len() == all {
        true => format!("{code} (all)"),
        false => format!("{code} ({})", groups.iter().copied().collect::<Vec<_>>().join(" ")),
    };
    let listed: Vec<String> = groups.iter().map(listed).collect();
    if listed.is_empty() { "none".into() } else { listed.join(", ") }
}

/// The exit statuses of `tapedeck status` with what it said, without numbers and ids, so that equal
/// sentences are counted once.
fn statuses(reports: &[&DamageReport]) -> String {
    let says = |one: &&DamageReport| {
        let words = one.status_says.split_whitespace();
        let is_number = |word: &str| word.trim_end_matches([',', ';', ':']).parse::<u64>().is_ok() || is_id(word);
        let words: Vec<&str> = words.map(|word| if is_number(word) { "N" } else { word }).collect();
        format!("{}: {}", number(one.status), words.join(" "))
    };
    counted(reports.iter().map(says))
}

/// Whether a word is the id of a tape.
fn is_id(word: &str) -> bool {
    word.len() == 32 && word.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn exits(reports: &[&DamageReport]) -> String {
    counted(reports.iter().flat_map(|one| one.exits.values()).map(|status| number(*status)))
}

fn number(status: Option<i32>) -> String {
    status.map_or("none".into(), |status| status.to_string())
}

/// Each text once, with how often it occurs.
fn counted(texts: impl Iterator<Item = String>) -> String {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    texts.for_each(|text| *counts.entry(text).or_default() += 1);
    counts.iter().map(|(text, count)| format!("{count}× {text}")).collect::<Vec<_>>().join(", ")
}
