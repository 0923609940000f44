//! Performs the steps of a round at their times, while the publishers run.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::damage::{Damage, Harm, Store};
use crate::deployment::Deployment;
use crate::hostile;
use crate::plan::{Pick, Plan, Step};
use crate::process::{Signal, signal};

/// Set by Ctrl-C and SIGTERM.
static STOP_REQUESTED: AtomicBool = AtomicBool::new(false);
/// Most records on one tape that break a chain: `verify` lists at most 20 findings.
const FORGED_MAX: usize = 15;
/// How long the hostile messages of a step may take.
const HOSTILE_MAX: Duration = Duration::from_secs(20);

/// Makes [`check_stopped`] fail from now on.
pub fn stop() {
    STOP_REQUESTED.store(true, Ordering::Relaxed);
}

/// An error after [`stop`] was called.
pub fn check_stopped() -> Result<()> {
    if STOP_REQUESTED.load(Ordering::Relaxed) {
        bail!("stopped");
    }
    Ok(())
}

/// Performs the plan; `forged` records are on the tape already.
pub fn run(deployment: &mut Deployment, plan: &Plan, forged: usize) -> Result<()> {
    let mut forgeries_left = FORGED_MAX.saturating_sub(forged);
    deployment.publishing = true;
    let started = Instant::now();
    for (at, step) in &plan.steps {
        deployment.run_for(Duration::from_millis(*at).saturating_sub(started.elapsed()))?;
        if matches!(step, Step::Forge(..)) {
            if forgeries_left == 0 {
                continue;
            }
            forgeries_left -= 1;
        }
        perform(deployment, step)?;
    }
    deployment.run_for(Duration::from_millis(300))
}

fn perform(deployment: &mut Deployment, step: &Step) -> Result<()> {
    let bus = deployment.bus.clone();
    match step {
        Step::Signal(group, which, signal) => {
            let members = deployment.groups.entry(*group).or_default();
            let member = match which {
                Pick::Oldest => members.first_mut(),
                Pick::Newest => members.last_mut(),
            };
            member.map_or(Ok(()), |member| member.process.signal(*signal))
        }
        Step::SignalAll(groups, which) => {
            let mut pids = Vec::new();
            let groups = deployment.groups.iter_mut().filter(|(group, _)| groups.contains(group));
            for member in groups.flat_map(|(_, members)| members) {
                member.process.note_end_signal(*which);
                pids.push(member.process.pid());
            }
            signal(*which, &pids)
        }
        Step::StartSecond(group) => deployment.start_member(group),
        Step::Nats(signal) => deployment.signal_nats(*signal),
        Step::StartNats => deployment.start_nats(),
        Step::Postgres(signal) => deployment.signal_postgres(*signal),
        Step::StartPostgres => deployment.start_postgres(),
        Step::KillPublishers => deployment.kill_publishers(),
        Step::DisplacePublishers => {
            deployment.kill_publishers()?;
            send(deployment, hostile::displace(&bus))
        }
        Step::HostileMarket(seed) => send(deployment, hostile::market(&bus, *seed)),
        Step::HostileCommands(seed) => send(deployment, hostile::commands(&bus, *seed)),
        Step::HostileTape(on, seed) => send(deployment, hostile::tape(&bus, on, *seed)),
        Step::Forge(on, seed) => {
            let Ok(writer) = on.parse() else { bail!("{on} is not a writer") };
            send(deployment, async { hostile::forge(&bus, writer, *seed).await.unwrap_or_default() })
        }
        Step::Halt(seed) => {
            let level = if seed.is_multiple_of(2) { "halted" } else { "reducing" };
            deployment
                .start_command(&["halt", "--scope", "all", "--reason", "chaos", "--level", level, "--by", "chaos"])
        }
        Step::Resume => deployment.start_command(&["resume", "--scope", "all", "--reason", "chaos", "--by", "chaos"]),
    }
}

fn send(deployment: &Deployment, sending: impl Future<Output = ()>) -> Result<()> {
    let sent = deployment.runtime.block_on(async { tokio::time::timeout(HOSTILE_MAX, sending).await });
    let _ = sent; // after a timeout, the streams show which messages were stored
    Ok(())
}

/// Whether a plan can be performed on a deployment. A tape that is deleted is provisioned in its first generation only,
/// and the checks of ordinary rounds expect that generation.
pub fn is_possible(deployment: &Deployment, plan: &Plan) -> bool {
    let deletes_tape = |damage: &Damage| damage.harm == Some(Harm::Delete) && damage.stores.contains(&Store::Tape);
    deployment.generations.is_empty() || plan.damage.as_ref().is_some_and(|damage| !deletes_tape(damage))
}

/// Whether a plan halts trading.
pub fn halts(plan: &Plan) -> bool {
    plan.steps.iter().any(|(_, step)| matches!(step, Step::Halt(_)))
}

/// Continues stopped processes and restarts killed servers.
pub fn resume_servers(deployment: &mut Deployment) -> Result<()> {
    deployment.signal_nats(Signal::Cont)?;
    deployment.signal_postgres(Signal::Cont)?;
    let pids: Vec<u32> = deployment.groups.values().flatten().map(|member| member.process.pid()).collect();
    signal(Signal::Cont, &pids)?;
    deployment.start_nats()?;
    deployment.start_postgres()
}
