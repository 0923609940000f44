//! A round: its steps done at their moments, the publishers running all the while.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::deployment::Deployment;
use crate::hostile;
use crate::plan::{Plan, Step, Which};
use crate::process::{Signal, signal};

/// Set by Ctrl-C.
static STOPPED: AtomicBool = AtomicBool::new(false);
/// Most records that break a chain on one tape: `verify` names 20 findings at most.
const FORGED_MAX: usize = 15;
/// How long one foreign message, or the looking for what to forge, may take.
const HOSTILE_MAX: Duration = Duration::from_secs(20);

/// Ends all waiting from now on.
pub fn stop() {
    STOPPED.store(true, Ordering::Relaxed);
}

/// An error once [`stop`] was called.
pub fn go_on() -> Result<()> {
    if STOPPED.load(Ordering::Relaxed) {
        bail!("stopped");
    }
    Ok(())
}

/// Does the plan; `forged` records are on the tape already. Gives how many more may be.
pub fn run(all: &mut Deployment, plan: &Plan, forged: usize) -> Result<()> {
    let mut may_forge = FORGED_MAX.saturating_sub(forged);
    all.publishing = true;
    let began = Instant::now();
    for (at, step) in &plan.steps {
        all.pass(Duration::from_millis(*at).saturating_sub(began.elapsed()))?;
        if matches!(step, Step::Forge(..)) {
            if may_forge == 0 {
                continue;
            }
            may_forge -= 1;
        }
        perform(all, step)?;
    }
    all.pass(Duration::from_millis(300))
}

fn perform(all: &mut Deployment, step: &Step) -> Result<()> {
    let bus = all.bus.clone();
    match step {
        Step::Signal(group, which, signal) => {
            let members = all.groups.entry(*group).or_default();
            let member = match which {
                Which::First => members.first_mut(),
                Which::Last => members.last_mut(),
            };
            member.map_or(Ok(()), |member| member.process.signal(*signal))
        }
        Step::SignalAll(groups, which) => {
            let mut pids = Vec::new();
            let groups = all.groups.iter_mut().filter(|(group, _)| groups.contains(group));
            for member in groups.flat_map(|(_, members)| members) {
                member.process.expect_end(*which);
                pids.push(member.process.pid());
            }
            signal(*which, &pids)
        }
        Step::StartSecond(group) => all.start_member(group),
        Step::Nats(signal) => all.signal_nats(*signal),
        Step::StartNats => all.start_nats(),
        Step::Postgres(signal) => all.signal_postgres(*signal),
        Step::StartPostgres => all.start_postgres(),
        Step::KillPublishers => all.kill_publishers(),
        Step::DisplacePublishers => {
            all.kill_publishers()?;
            send(all, hostile::displace(&bus))
        }
        Step::HostileMarket(seed) => send(all, hostile::market(&bus, *seed)),
        Step::HostileCommands(seed) => send(all, hostile::commands(&bus, *seed)),
        Step::HostileTape(on, seed) => send(all, hostile::tape(&bus, on, *seed)),
        Step::Forge(on, seed) => {
            let Ok(writer) = on.parse() else { bail!("{on} is no writer") };
            send(all, async { hostile::forge(&bus, writer, *seed).await.unwrap_or_default() })
        }
        Step::Halt(seed) => {
            let level = if seed.is_multiple_of(2) { "halted" } else { "reducing" };
            all.aside(&["halt", "--scope", "all", "--reason", "chaos", "--level", level, "--by", "chaos"])
        }
        Step::Resume => all.aside(&["resume", "--scope", "all", "--reason", "chaos", "--by", "chaos"]),
    }
}

fn send(all: &Deployment, sending: impl Future<Output = ()>) -> Result<()> {
    let sent = all.runtime.block_on(async { tokio::time::timeout(HOSTILE_MAX, sending).await });
    let _ = sent; // cut short: the streams tell what got through
    Ok(())
}

/// Whether a plan halts trading.
pub fn halts(plan: &Plan) -> bool {
    plan.steps.iter().any(|(_, step)| matches!(step, Step::Halt(_)))
}

/// Wakes whatever may stand still.
pub fn wake(all: &mut Deployment) -> Result<()> {
    all.signal_nats(Signal::Cont)?;
    all.signal_postgres(Signal::Cont)?;
    let pids: Vec<u32> = all.groups.values().flatten().map(|member| member.process.pid()).collect();
    signal(Signal::Cont, &pids)?;
    all.start_nats()?;
    all.start_postgres()
}
