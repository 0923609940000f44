//! The groups, in one list: what each name runs.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use tapedeck_kernel::{Machine, Owner};
use tapedeck_runtime::bus::NatsAccess;
use tapedeck_runtime::metrics::Metrics;
use tapedeck_runtime::shell::{self, Answerer, Group};
use tapedeck_runtime::supervisor::GroupTask;
use tapedeck_runtime::{Bus, GroupStatus, database, projector, rejects};
use tapedeck_schemas::event::TapeCreated;
use tapedeck_schemas::ids::StrategyId;
use tapedeck_schemas::param::ParamSpec;

use crate::sources;

/// A group that can be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum GroupName {
    /// Checks the market and puts it on the tape.
    Ingest,
    /// Turns commands into facts.
    Control,
    /// Raises signals.
    Signal,
    /// Sizes and checks orders.
    Risk,
    /// Runs the order life cycle.
    Execution,
    /// The simulated exchange.
    Paper,
    /// Keeps positions and books.
    Portfolio,
    /// Projects the tape into Postgres.
    Projector,
}

impl GroupName {
    /// Every group, in the order of the data's way.
    pub const ALL: [GroupName; 8] = [
        GroupName::Ingest,
        GroupName::Control,
        GroupName::Signal,
        GroupName::Risk,
        GroupName::Execution,
        GroupName::Paper,
        GroupName::Portfolio,
        GroupName::Projector,
    ];

    /// Its name in labels and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            GroupName::Ingest => "ingest",
            GroupName::Control => "control",
            GroupName::Signal => "signal",
            GroupName::Risk => "risk",
            GroupName::Execution => "execution",
            GroupName::Paper => "paper",
            GroupName::Portfolio => "portfolio",
            GroupName::Projector => "projector",
        }
    }
}

/// What every group of this process shares.
#[derive(Clone)]
pub struct Env {
    /// NATS.
    pub nats: NatsAccess,
    /// Postgres, for the projector.
    pub database: Option<database::DatabaseAccess>,
    /// Where all groups count.
    pub metrics: Arc<Metrics>,
    /// Who runs them.
    pub owner: Owner,
}

/// One place a machine can be made anew: called for each group, by the shell and by `verify` alike.
pub mod machines {
    use super::*;

    /// Ingest.
    pub fn ingest(_: &TapeCreated) -> tapedeck_ingest::Ingest {
        tapedeck_ingest::Ingest::new()
    }
    /// Control, which knows every declared parameter and strategy.
    pub fn control(_: &TapeCreated) -> tapedeck_control::Control {
        tapedeck_control::Control::new(params(), strategies())
    }
    /// Signal.
    pub fn signal(tape: &TapeCreated) -> tapedeck_signal::Signal {
        tapedeck_signal::Signal::new(tape.partition)
    }
    /// Risk.
    pub fn risk(tape: &TapeCreated) -> tapedeck_risk::Risk {
        tapedeck_risk::Risk::new(tape.tape, tape.partition)
    }
    /// Execution.
    pub fn execution(_: &TapeCreated) -> tapedeck_execution::Execution {
        tapedeck_execution::Execution::new()
    }
    /// The simulated exchange.
    pub fn paper(tape: &TapeCreated) -> tapedeck_paper::Paper {
        tapedeck_paper::Paper::new(tape.tape)
    }
    /// Portfolio.
    pub fn portfolio(_: &TapeCreated) -> tapedeck_portfolio::Portfolio {
        tapedeck_portfolio::Portfolio::new()
    }
}

/// Every declared limit and parameter.
pub fn params() -> Vec<ParamSpec> {
    let mut all = tapedeck_signal::params();
    all.extend(tapedeck_risk::params());
    all.extend(tapedeck_execution::params());
    all.extend(tapedeck_paper::params());
    all.extend(tapedeck_portfolio::params());
    all
}

/// Every strategy that can be weighted.
pub fn strategies() -> Vec<StrategyId> {
    tapedeck_signal::strategies()
}

/// (writer, LOGIC) of every machine of this build.
pub fn logics() -> Vec<(&'static str, u32)> {
    fn logic<M: Machine>(_: fn(&TapeCreated) -> M) -> (&'static str, u32) {
        (M::WRITER.as_str(), M::LOGIC)
    }
    vec![
        logic(machines::ingest),
        logic(machines::control),
        logic(machines::signal),
        logic(machines::risk),
        logic(machines::execution),
        logic(machines::paper),
        logic(machines::portfolio),
    ]
}

/// The task that runs a group on a partition, and its status.
pub fn task(env: &Env, name: GroupName, partition: u16) -> (GroupTask, Arc<GroupStatus>) {
    let status = Arc::new(GroupStatus::new(name.as_str(), partition));
    let (env, shared) = (env.clone(), status.clone());
    let label = format!("{}-p{partition}", name.as_str());
    let task = GroupTask::new(label, move |drain| {
        let (env, status) = (env.clone(), shared.clone());
        async move {
            match name {
                GroupName::Ingest => ingest(env, status, drain).await,
                GroupName::Control => machine(env, status, drain, machines::control, None).await,
                GroupName::Signal => machine(env, status, drain, machines::signal, None).await,
                GroupName::Risk => machine(env, status, drain, machines::risk, None).await,
                GroupName::Execution => machine(env, status, drain, machines::execution, None).await,
                GroupName::Paper => machine(env, status, drain, machines::paper, None).await,
                GroupName::Portfolio => machine(env, status, drain, machines::portfolio, None).await,
                GroupName::Projector => project(env, status, drain).await,
            }
        }
    });
    (task, status)
}

/// Ingest, and beside it what publishers are told.
async fn ingest(env: Env, status: Arc<GroupStatus>, drain: tapedeck_runtime::DrainSignal) -> Result<()> {
    let bus = Bus::connect(&env.nats, &format!("tapedeck-sources-p{}", status.partition)).await?;
    let tape = bus.tape(status.partition).await?;
    tokio::select! { biased;
        done = machine(env, status, drain, machines::ingest, Some(sources::answer)) => done,
        done = sources::serve(&bus) => done.context("answering publishers"),
        done = rejects::run(&bus, &tape) => done.context("bringing refusals to their publishers"),
    }
}

async fn machine<M: Machine>(
    env: Env,
    status: Arc<GroupStatus>,
    drain: tapedeck_runtime::DrainSignal,
    make: fn(&TapeCreated) -> M,
    answerer: Option<Answerer<M>>,
) -> Result<()> {
    let bus = Bus::connect(&env.nats, &format!("tapedeck-{}-p{}", status.group, status.partition)).await?;
    let tape = bus.tape(status.partition).await?;
    let group = Group {
        bus,
        partition: status.partition,
        tape: tape.tape,
        owner: env.owner.clone(),
        metrics: env.metrics.group(status.group, status.partition),
        status,
    };
    Ok(shell::run(group, || make(&tape), answerer, drain).await?)
}

async fn project(env: Env, status: Arc<GroupStatus>, drain: tapedeck_runtime::DrainSignal) -> Result<()> {
    let database = env.database.clone().context("the projector needs --database-url")?;
    let bus = Bus::connect(&env.nats, &format!("tapedeck-projector-p{}", status.partition)).await?;
    let tape = bus.tape(status.partition).await?;
    let metrics = env.metrics.group(status.group, status.partition);
    let target = projector::Target { bus, database, partition: status.partition, tape: tape.tape };
    Ok(projector::run(target, status, metrics, drain).await?)
}
