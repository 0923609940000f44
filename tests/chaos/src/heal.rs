//! Waiting until a deployment is well again: all groups ready, all that was published judged and projected.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::deployment::Deployment;
use crate::plan::GROUPS;
use crate::process::Signal;
use crate::round::{self, go_on};

/// How long it may take at most; a take-over alone waits for 15 s.
pub const HEAL_MAX: Duration = Duration::from_secs(240);
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
        if began.elapsed() > HEAL_MAX {
            bail!("not ready after {} s: {}", HEAL_MAX.as_secs(), missing.join(" "));
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
    let (mut before, mut since) = (None, Instant::now());
    loop {
        go_on()?;
        let now = settled(all)?;
        if now.is_none() || now != before {
            (before, since) = (now, Instant::now());
        } else if since.elapsed() >= QUIET && not_ready(all)?.is_empty() {
            return Ok(began.elapsed());
        }
        if began.elapsed() > HEAL_MAX {
            let (_, said) = all.run(&["status"])?;
            bail!("not settled after {} s: {said}", HEAL_MAX.as_secs());
        }
        all.pass(Duration::from_millis(100))?;
    }
}

/// The groups of which no process is ready. Of two processes the one that is not ready goes once the other is.
fn not_ready(all: &mut Deployment) -> Result<Vec<&'static str>> {
    let mut missing = Vec::new();
    for group in GROUPS {
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
    let judged = |writer: &str| {
        let writers = one["writers"].as_array().cloned().unwrap_or_default();
        writers.iter().find(|one| one["writer"] == writer).map(|one| one["judged"].clone())
    };
    let all_judged = judged("ingest").as_ref() == Some(&one["market_inbox_last"])
        && judged("control").as_ref() == Some(&one["command_inbox_last"]);
    Ok(one["tape_last"].as_u64().filter(|_| code == Some(0) && all_judged))
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
