//! A damaged round: load, damage, more load, what the deployment says of it, recovery, and an audit of all totals.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Result, ensure};
use tapedeck_runtime::database;
use tapedeck_schemas::record::Writer;

use crate::check::Audit;
use crate::damage::{Damage, Harm, Index, Killed, Store};
use crate::deployment::Deployment;
use crate::observe::{GroupState, Observed, observe_all};
use crate::process::Signal;
use crate::recover;
use crate::servers::END_MAX;
use crate::stores::{self, Contents};
use crate::table::DamageReport;
use crate::verdict::{self, Class, Loss};

/// How long the groups may take to be ready or stopped.
const OBSERVE_MAX: Duration = Duration::from_secs(45);
/// How long their answers must stay the same: more than the time between two checks of the streams.
const STABLE: Duration = Duration::from_millis(1_500);
/// How long a stopped group is watched: it must append nothing.
const WATCH: Duration = Duration::from_millis(1_000);
/// Load after the recovery.
const RESUMED: Duration = Duration::from_millis(1_500);
/// What a group logs when it stops.
const STOPPED: &str = "group stopped; see docs/recovery.md";
/// What `recover` says if the server does not have a stream.
const NO_STREAM: &str = "there is no such stream";
/// The line of `recover` with the generations in use from then on.
const NEXT: &str = "--generations ";

/// Performs the round. The problems are in the report; an error ends the round.
pub fn run(deployment: &mut Deployment, damage: &Damage, report: &mut DamageReport) -> Result<Audit> {
    if damage.is_database_old {
        deployment.save_database()?;
    }
    deployment.publishing = true;
    deployment.run_for(Duration::from_millis(damage.before_ms))?;
    let loss = inflict(deployment, damage, report)?;
    if damage.killed != Killed::None {
        deployment.run_for(Duration::from_millis(damage.held_ms))?;
        deployment.held.clear();
    }
    deployment.run_for(Duration::from_millis(damage.after_ms))?;
    let observed = observed(deployment, damage, &loss, report)?;
    let (class, problems) = verdict::classify(damage, &loss, &observed);
    report.record(&loss, class, &observed);
    report.problems.extend(problems);
    watch(deployment, &observed, report)?;
    operate(deployment, damage, &loss, &observed, report)?;
    audit(deployment, damage, report)
}

/// Does the damage; what was lost. The servers run again afterwards, the killed groups do not.
fn inflict(deployment: &mut Deployment, damage: &Damage, report: &mut DamageReport) -> Result<Loss> {
    for group in tapedeck_groups::names().filter(|group| damage.kills(group)) {
        deployment.hold(group)?;
    }
    if damage.kills_publishers {
        deployment.publishing = false;
        deployment.kill_publishers()?;
    }
    let mut loss = Loss::default();
    let generations = deployment.bus.generations().clone();
    match damage.harm {
        Some(Harm::Delete) => {
            loss.at = now();
            for store in &damage.stores {
                let stream = stores::stream(&generations, *store);
                let before = deployment.runtime.block_on(stores::read(&deployment.bus, &stream))?;
                deployment.note_outage_of_nats();
                let bus = deployment.bus.clone();
                deployment.runtime.block_on(async { bus.context().delete_stream(&stream).await })?;
                report.done.push(format!("{stream} deleted at {}", before.last));
                loss.lost.insert(*store, before.lost(&Contents::default()));
            }
            deployment.ok(&["provision"])?;
            deployment.nats_outage.end();
            loss.projected = (projected(deployment)?, projected(deployment)?);
        }
        harm => {
            match damage.index {
                Index::Complete => deployment.stop_nats()?,
                Index::AsKilled | Index::Removed => deployment.signal_nats(Signal::Kill)?,
            }
            loss.at = now();
            let nats = deployment.dir.join("nats");
            if let Some(harm) = harm {
                let before = stores::inspect(&deployment.runtime, &nats, &generations)?;
                for store in &damage.stores {
                    let stream = stores::stream(&generations, *store);
                    report.done.push(stores::damage(&nats, &stream, harm, damage.index)?);
                }
                loss.after = stores::inspect(&deployment.runtime, &nats, &generations)?;
                for store in Store::ALL {
                    loss.lost.insert(store, before[&store].lost(&loss.after[&store]));
                }
            }
            let projected_before = projected(deployment)?;
            if damage.is_database_old {
                deployment.restore_database()?;
            }
            loss.projected = (projected_before, projected(deployment)?);
            // A damaged block that is compressed keeps the server from loading the whole stream.
            deployment.may_lack_stream = matches!(harm, Some(Harm::Flip(..)));
            deployment.start_nats()?;
        }
    }
    deployment.publishing = true;
    Ok(loss)
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// The last record that every projection has committed.
fn projected(deployment: &Deployment) -> Result<u64> {
    let url = deployment.database_url().to_string();
    let least = deployment.runtime.block_on(async {
        let client = database::connect(url).await?;
        let (_, checkpoints) = database::checkpoints(&client, 0).await?;
        anyhow::Ok(checkpoints.iter().map(|one| one.seq).min())
    })?;
    Ok(least.unwrap_or(0))
}

/// What the groups say when each is ready or stopped. If messages were lost, and no group stopped, the groups are
/// restarted: what was read already is read again at a start only.
fn observed(
    deployment: &mut Deployment,
    damage: &Damage,
    loss: &Loss,
    report: &mut DamageReport,
) -> Result<BTreeMap<&'static str, Observed>> {
    let found = settle(deployment)?;
    if !verdict::codes(&found).is_empty() || loss.count() == 0 || loss.evidence(damage).is_empty() {
        return Ok(found);
    }
    report.is_noticed_at_restart = true;
    for (group, status) in deployment.end_groups(END_MAX)? {
        if status != Some(0) {
            report.problems.push(format!("{group}: exit status {status:?} before it stopped"));
        }
    }
    deployment.run_for(Duration::from_millis(1_000))?;
    settle(deployment)
}

fn settle(deployment: &mut Deployment) -> Result<BTreeMap<&'static str, Observed>> {
    let started = Instant::now();
    let mut since = Instant::now();
    let mut last = BTreeMap::new();
    loop {
        let found = observe_all(deployment);
        let is_settled = |one: &Observed| !matches!(one.state, GroupState::Waiting(_));
        let is_complete = found.len() == tapedeck_groups::names().count() && found.values().all(is_settled);
        if found != last || !is_complete {
            (last, since) = (found, Instant::now());
        }
        if since.elapsed() >= STABLE || started.elapsed() > OBSERVE_MAX {
            return Ok(last);
        }
        deployment.run_for(Duration::from_millis(150))?;
    }
}

/// A stopped group appends nothing, and `status` says that something is wrong.
fn watch(
    deployment: &mut Deployment,
    observed: &BTreeMap<&'static str, Observed>,
    report: &mut DamageReport,
) -> Result<()> {
    let stopped = observed.iter().filter(|(_, one)| matches!(one.state, GroupState::Stopped(_)));
    let writers: Vec<Writer> = stopped.filter_map(|(group, _)| group.parse().ok()).collect();
    let before = ends(deployment, &writers)?;
    deployment.run_for(WATCH)?;
    let after = ends(deployment, &writers)?;
    for ((writer, before), after) in writers.iter().zip(before).zip(after) {
        if before != after {
            report.problems.push(format!("{writer} stopped, and appended record {after} after record {before}"));
        }
    }
    let (code, output) = deployment.run(&["status"])?;
    let says: Vec<&str> = output.lines().map(str::trim).filter(|line| line.starts_with("lost ")).collect();
    let last = output.lines().last().unwrap_or_default();
    report.status = code;
    report.status_says = if says.is_empty() { last.to_string() } else { says.join("; ") };
    if report.class == Some(Class::Stopped) && code == Some(0) {
        report.problems.push(format!("groups stopped, and status exits with 0: {last}"));
    }
    Ok(())
}

/// The last sequence of each writer's records.
fn ends(deployment: &Deployment, writers: &[Writer]) -> Result<Vec<u64>> {
    let bus = &deployment.bus;
    let stream = bus.generations().tape_stream(0);
    deployment.runtime.block_on(async {
        let mut ends = Vec::new();
        for writer in writers {
            ends.push(bus.last_on(&stream, &bus.generations().tape_subject(0, *writer)).await?);
        }
        Ok(ends)
    })
}

/// Recovers as the documentation says: `recover --yes`, the end of every process, their start with the generations that
/// it prints; the publishers publish their sessions again.
fn operate(
    deployment: &mut Deployment,
    damage: &Damage,
    loss: &Loss,
    observed: &BTreeMap<&'static str, Observed>,
    report: &mut DamageReport,
) -> Result<()> {
    if !damage.recovers_under_load {
        deployment.publishing = false;
        deployment.kill_publishers()?;
    }
    let (mut code, mut output) = deployment.run(&["recover", "--yes"])?;
    if code == Some(2) && output.contains(NO_STREAM) {
        // The server cannot read the files of the stream any more.
        deployment.ok(&["provision"])?;
        (code, output) = deployment.run(&["recover", "--yes"])?;
    }
    ensure!(code == Some(0), "recover --yes: exit status {code:?}: {output}");
    std::fs::write(deployment.dir.join("recover.txt"), &output)?;
    let says_lost = output.lines().any(|line| line.starts_with("  lost "));
    report.problems.extend(verdict::check_recovery(loss, says_lost, output.trim()));
    let next = output.lines().find_map(|line| line.trim().strip_prefix(NEXT)?.split(' ').next());
    ensure!(next.is_some() == says_lost, "recover: a generation and a loss belong together: {output}");
    deployment.may_lack_stream = false;
    report.exits = deployment.end_groups(END_MAX)?;
    report.problems.extend(verdict::check_exits(observed, &report.exits, says_lost));
    deployment.publishing = false;
    deployment.kill_publishers()?;
    deployment.read_logs()?;
    deployment.problems.retain(|problem| !problem.contains(STOPPED));
    report.generation = next.map(String::from);
    if let Some(next) = &report.generation {
        deployment.use_generations(next)?;
        deployment.runtime.block_on(check_named(deployment))?;
    }
    if damage.stores.contains(&Store::Command) {
        // The lost commands are sent again, as an operator does.
        let path = deployment.dir.join("setup.toml").display().to_string();
        deployment.run_for(Duration::from_millis(500))?;
        deployment.ok(&["control", "apply", "--no-wait", &path])?;
    }
    deployment.publishing = true;
    deployment.run_for(RESUMED)
}

/// An error if the new generation names a message as lost that the inbox holds: its machine would stop there.
async fn check_named(deployment: &Deployment) -> Result<()> {
    let bus = &deployment.bus;
    for lost in bus.tape(0).await?.lost {
        let inbox = match lost.reader {
            Writer::Control => bus.generations().command_stream(0),
            _ => bus.generations().inbox_stream(0),
        };
        for seq in [lost.first, lost.last] {
            let is_stored = bus.message(&inbox, seq).await?.is_some();
            ensure!(!is_stored, "recover names message {seq} of {inbox} as lost ({lost:?}), which is stored");
        }
    }
    Ok(())
}

/// Waits until all is answered and projected; then every total must agree, and nothing may be said to be lost.
fn audit(deployment: &mut Deployment, damage: &Damage, report: &mut DamageReport) -> Result<Audit> {
    recover::recover(deployment, false)?;
    let mut audit = Audit::open_damaged(deployment)?;
    report.problems.extend(audit.check(deployment)?);
    let missing = audit.expected.missing;
    if verdict::must_resume(damage) && missing > deployment.missing {
        let before = deployment.missing;
        report.problems.push(format!("{missing} items are missing, {before} before, although publishers resumed"));
    }
    deployment.missing = missing;
    let (code, output) = deployment.run(&["recover"])?;
    if code != Some(0) || !output.contains("  nothing is lost") {
        report.problems.push(format!("recover after the recovery: exit status {code:?}: {output}"));
    }
    report.is_recovered = true;
    let accepted = audit.expected.counter.tally();
    report.items = accepted.markets.values().map(|one| one.quotes + one.trades).sum::<u64>() + accepted.definitions;
    (report.missing, report.gaps) = (missing, accepted.gaps);
    (report.inbox, report.tape) = (audit.expected.read, audit.recorded.read);
    Ok(audit)
}
