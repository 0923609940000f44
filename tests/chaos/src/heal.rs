//! Waiting until a deployment is well again: all groups ready, all that was published judged and projected.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::deployment::Deployment;
use crate::process::Signal;
use crate::round::{self, go_on};

/// How long it may take at most, under load; a take-over alone waits for 15 s.
const READY_MAX: Duration = Duration::from_secs(120);
/// How long it is then looked at without load, to tell what it hangs on.
const UNLOADED_MAX: Duration = Duration::from_secs(40);
/// How long what was published may take to be judged and projected.
const SETTLE_MAX: Duration = Duration::from_secs(180);
/// How long a control that nobody asks anything stays a standby before it is asked.
const ASK_AFTER: Duration = Duration::from_secs(2);
/// The tape must not have grown for so long.
const QUIET: Duration = Duration::from_millis(400);

/// Until all groups are ready; then the publishers are stopped where they are, and what they sent is waited for.
pub fn heal(all: &mut Deployment, halted: bool) -> Result<Duration> {
    let began = Instant::now();
    round::wake(all)?;
    let mut asked = false;
    loop {
        let missing = not_ready(all)?;
        if missing.is_empty() && all.asides.is_empty() {
            break;
        }
        if began.elapsed() > READY_MAX {
            return without_load(all, &missing);
        }
        if !asked && missing.contains(&"control") && began.elapsed() > ASK_AFTER {
            all.aside(&["resume", "--scope", "all", "--reason", "is anybody there", "--by", "chaos"])?;
            asked = true;
        }
        all.pass(Duration::from_millis(100))?;
    }
    if halted {
        all.ok(&["resume", "--scope", "all", "--reason", "chaos is over", "--by", "chaos"])?;
    }
    all.publishing = false;
    all.kill_publishers()?;
    let stopped = Instant::now();
    let (mut before, mut since) = (None, Instant::now());
    loop {
        go_on()?;
        let now = settled(all)?;
        if now.is_none() || now != before {
            (before, since) = (now, Instant::now());
        } else if since.elapsed() >= QUIET && not_ready(all)?.is_empty() {
            return Ok(began.elapsed());
        }
        if stopped.elapsed() > SETTLE_MAX {
            let (_, said) = all.run(&["status"])?;
            bail!("not settled after {} s: {said}", SETTLE_MAX.as_secs());
        }
        all.pass(Duration::from_millis(100))?;
    }
}

/// The round has failed; whether it was the load that kept it from healing is worth knowing.
fn without_load(all: &mut Deployment, missing: &[&str]) -> Result<Duration> {
    let (groups, under) = (missing.join(" "), READY_MAX.as_secs());
    all.publishing = false;
    all.kill_publishers()?;
    let began = Instant::now();
    while began.elapsed() < UNLOADED_MAX {
        all.pass(Duration::from_millis(200))?;
        if not_ready(all)?.is_empty() {
            let after = began.elapsed().as_secs_f64();
            bail!("not ready for {under} s under load: {groups}; ready {after:.1} s after the load was stopped");
        }
    }
    bail!("not ready for {under} s under load: {groups}; nor {} s after the load was stopped", UNLOADED_MAX.as_secs())
}

/// The groups of which no process is ready. Of two processes the one that is not ready goes once the other is.
fn not_ready(all: &mut Deployment) -> Result<Vec<&'static str>> {
    let mut missing = Vec::new();
    for group in tapedeck_groups::names() {
        let members = all.groups.get_mut(group).context("a group")?;
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

/// The tape's end, if everything published is judged and projected.
fn settled(all: &mut Deployment) -> Result<Option<u64>> {
    let (code, said) = all.run(&["status", "--json"])?;
    let Some(line) = said.lines().find(|line| line.starts_with('{')) else { return Ok(None) };
    let status: serde_json::Value = serde_json::from_str(line).context("status --json")?;
    let one = &status["partitions"][0];
    let decided = |writer: &str| {
        let writers = one["writers"].as_array().cloned().unwrap_or_default();
        writers.iter().find(|one| one["writer"] == writer).map(|one| one["decided"].clone())
    };
    let all_decided = decided("ingest").as_ref() == Some(&one["market_inbox_last"])
        && decided("control").as_ref() == Some(&one["command_inbox_last"]);
    Ok(one["tape_last"].as_u64().filter(|_| code == Some(0) && all_decided))
}

fn is_ready(http: &str) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(http)?;
        stream.set_read_timeout(Some(Duration::from_millis(500)))?;
        write!(stream, "GET /readyz HTTP/1.1\r\nHost: {http}\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.take(4096).read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}
