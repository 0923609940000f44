//! Waits until a deployment has recovered: all groups ready, everything published answered and projected.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use crate::deployment::Deployment;
use crate::observe;
use crate::process::Signal;
use crate::round::{self, check_stopped};

/// How long the groups may take to be ready under load.
const READY_MAX: Duration = Duration::from_secs(120);
/// How long to wait further without load, to find out whether the load is the cause.
const UNLOADED_MAX: Duration = Duration::from_secs(40);
/// How long it may take until everything published is answered and projected.
const SETTLE_MAX: Duration = Duration::from_secs(180);
/// The refusal of a `resume` of what is not halted.
const NOT_HALTED: &str = "was not halted; halts in force: none";
/// How long the tape must not have grown.
const QUIET: Duration = Duration::from_millis(400);

/// Waits until all groups are ready, stops the publishers, and waits until their messages are answered and projected.
/// The time that this took.
pub fn recover(deployment: &mut Deployment, halted: bool) -> Result<Duration> {
    let started = Instant::now();
    round::resume_servers(deployment)?;
    loop {
        let missing = not_ready(deployment)?;
        if missing.is_empty() && deployment.background.is_empty() {
            break;
        }
        if started.elapsed() > READY_MAX {
            return without_load(deployment, &missing);
        }
        deployment.run_for(Duration::from_millis(100))?;
    }
    if halted {
        end_halt(deployment)?;
    }
    deployment.publishing = false;
    deployment.kill_publishers()?;
    let stopped = Instant::now();
    let mut last_end = None;
    let mut since = Instant::now();
    loop {
        check_stopped()?;
        let end = settled(deployment)?;
        if end.is_none() || end != last_end {
            last_end = end;
            since = Instant::now();
        } else if since.elapsed() >= QUIET && not_ready(deployment)?.is_empty() {
            return Ok(started.elapsed());
        }
        if stopped.elapsed() > SETTLE_MAX {
            let (_, output) = deployment.run(&["status"])?;
            bail!("not settled after {} s: {output}", SETTLE_MAX.as_secs());
        }
        deployment.run_for(Duration::from_millis(100))?;
    }
}

/// Resumes trading, unless the plan's own `resume` did.
fn end_halt(deployment: &mut Deployment) -> Result<()> {
    let resume = ["resume", "--scope", "all", "--reason", "end of the round", "--by", "chaos"];
    let (code, output) = deployment.run(&resume)?;
    ensure!(
        code == Some(0) || code == Some(1) && output.contains(NOT_HALTED),
        "{resume:?}: exit status {code:?}: {output}"
    );
    Ok(())
}

/// The error of a deployment that did not recover under load, and whether it recovers without load.
fn without_load(deployment: &mut Deployment, missing: &[&str]) -> Result<Duration> {
    let groups = missing.join(" ");
    let waited = READY_MAX.as_secs();
    deployment.publishing = false;
    deployment.kill_publishers()?;
    let started = Instant::now();
    while started.elapsed() < UNLOADED_MAX {
        deployment.run_for(Duration::from_millis(200))?;
        if not_ready(deployment)?.is_empty() {
            let after = started.elapsed().as_secs_f64();
            bail!("not ready after {waited} s under load: {groups}; ready {after:.1} s after the load was stopped");
        }
    }
    bail!(
        "not ready after {waited} s under load: {groups}; nor {} s after the load was stopped",
        UNLOADED_MAX.as_secs()
    )
}

/// The groups without a ready process, or with several processes. If one process is ready, the others are killed.
fn not_ready(deployment: &mut Deployment) -> Result<Vec<&'static str>> {
    let mut missing = Vec::new();
    for group in tapedeck_groups::names() {
        let members = deployment.groups.get_mut(group).context("a group")?;
        let ready: Vec<bool> = members.iter().map(|member| is_ready(&member.http)).collect();
        let Some(keep) = ready.iter().position(|ready| *ready) else {
            missing.push(group);
            continue;
        };
        for (index, member) in members.iter_mut().enumerate() {
            if index != keep {
                member.process.signal(Signal::Kill)?;
            }
        }
        if members.len() > 1 {
            missing.push(group);
        }
    }
    Ok(missing)
}

/// The last sequence of the tape, if everything published is answered and projected.
fn settled(deployment: &mut Deployment) -> Result<Option<u64>> {
    let (code, output) = deployment.run(&["status", "--json"])?;
    let Some(line) = output.lines().find(|line| line.starts_with('{')) else { return Ok(None) };
    let status: serde_json::Value = serde_json::from_str(line).context("status --json")?;
    let partition = &status["partitions"][0];
    let decided = |writer: &str| {
        let writers = partition["writers"].as_array().cloned().unwrap_or_default();
        writers.iter().find(|one| one["writer"] == writer).map(|one| one["decided"].clone())
    };
    let all_decided = decided("ingest").as_ref() == Some(&partition["market_inbox_last"])
        && decided("control").as_ref() == Some(&partition["command_inbox_last"]);
    Ok(partition["tape_last"].as_u64().filter(|_| code == Some(0) && all_decided))
}

fn is_ready(http: &str) -> bool {
    observe::get(http, "/readyz").is_some_and(|(status, _)| status == 200)
}
