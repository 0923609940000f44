//! Runs the groups: each as a supervised task of this process.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use tapedeck_answers::{FollowedIngest, rejects, serve};
use tapedeck_groups::{GROUPS, Group, GroupWork, Visitor};
use tapedeck_kernel::{AnyMachine, Machine, ProcessIdentity, TapeFault};
use tapedeck_runtime::bus::NatsAccess;
use tapedeck_runtime::metrics::Metrics;
use tapedeck_runtime::projector::{self, ProjectorError};
use tapedeck_runtime::shell::{self, Place, ShellError, ShellTask};
use tapedeck_runtime::supervisor::GroupTask;
use tapedeck_runtime::{Bus, BusError, DrainSignal, GroupStatus, database, witness};
use tapedeck_schemas::event::TapeCreated;
use tapedeck_schemas::reason::Reason;
use tokio::task::JoinHandle;

/// Parses the name of a group; help and errors list the names.
pub fn parser() -> impl TypedValueParser<Value = &'static Group> {
    let names = GROUPS.iter().map(|group| PossibleValue::new(group.name).help(group.summary.trim_end_matches('.')));
    PossibleValuesParser::new(names).map(|name| tapedeck_groups::named(&name).expect("a name of the list"))
}

/// What every group of this process shares.
#[derive(Clone)]
pub struct Env {
    /// How to connect to NATS.
    pub nats: NatsAccess,
    /// How to connect to Postgres; only the projector needs it.
    pub database: Option<database::DatabaseAccess>,
    /// The metrics of all groups.
    pub metrics: Arc<Metrics>,
    /// Identity of this process, as its epochs record it.
    pub identity: ProcessIdentity,
    /// Whether groups wait for a witness of their tape.
    pub requires_witness: bool,
}

/// The task that runs a group on a partition, and its status.
pub fn task(env: &Env, group: &'static Group, partition: u16) -> (GroupTask, Arc<GroupStatus>) {
    let status = Arc::new(GroupStatus::new(group.name, partition));
    let (env, shared) = (env.clone(), status.clone());
    let task = GroupTask::new(format!("{}-p{partition}", group.name), move |drain| {
        let mut start = Start { env: env.clone(), status: shared.clone(), drain: drain.clone(), running: None };
        tapedeck_groups::visit_group(group, &mut start);
        let Start { env, status, running, .. } = start;
        // A projector that stopped is a witness still.
        let witness = env.database.clone().filter(|_| group.needs_database());
        let witness = witness.map(|database| tokio::spawn(witness::serve(env.nats.clone(), database, partition)));
        let witness = witness.map(AbortOnDrop);
        async move {
            let _witness = witness;
            let ended = match (running, group.work) {
                (Some(machine), _) => machine.await,
                (None, GroupWork::Answers) => answers(env, status.clone(), drain.clone()).await,
                (None, _) => project(env, status.clone(), drain.clone()).await,
            };
            let Err(error) = ended else { return Ok(()) };
            let Some(reason) = stop_of(&error) else { return Err(error) };
            // A restart would stop at the same place.
            let text = match error.downcast_ref() {
                Some(ShellError::Stopped { stop, .. }) => stop.to_string(),
                _ => error.to_string(),
            };
            status.set_stopped(reason, text);
            wait_for_drain(drain).await;
            Ok(())
        }
    });
    (task, status)
}

/// The reason for which a group stops for good; `None` if a restart may succeed.
fn stop_of(error: &anyhow::Error) -> Option<Reason> {
    let shell = error.downcast_ref().and_then(|error| match error {
        ShellError::Stopped { stop, .. } => Some(stop.reason()),
        ShellError::Bus(error) => error.stop(),
    });
    let bus = || error.downcast_ref().and_then(BusError::stop);
    let projector = || error.downcast_ref().and_then(ProjectorError::stop);
    let rejects = || error.downcast_ref().map(TapeFault::reason);
    shell.or_else(bus).or_else(projector).or_else(rejects).filter(|reason| reason.is_stop())
}

/// A task that ends when this is dropped.
struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn wait_for_drain(mut drain: DrainSignal) {
    // An error means that the sender is gone: the process is stopping.
    let _ = drain.wait_for(|drain| *drain).await;
}

type MachineTask = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// Starts the machine that it is handed.
struct Start {
    env: Env,
    status: Arc<GroupStatus>,
    drain: DrainSignal,
    running: Option<MachineTask>,
}

impl Visitor for Start {
    fn visit<M: Machine>(&mut self, _: &'static Group, make: fn(&TapeCreated) -> M) {
        let running = machine(self.env.clone(), self.status.clone(), self.drain.clone(), make, ShellTask::Own);
        self.running = Some(Box::pin(running));
    }
}

/// The follower of ingest, and beside it the tasks that answer publishers. One that fails is started again with the
/// others; the follower says when the group stops.
async fn answers(env: Env, status: Arc<GroupStatus>, drain: DrainSignal) -> Result<()> {
    let bus = Bus::connect(&env.nats, &format!("tapedeck-answers-p{}", status.partition)).await?;
    let tape = witness::tape(&bus, status.partition).await?;
    let follower = machine(env, status, drain, |_| FollowedIngest::new(), ShellTask::Follow(serve::answer));
    tokio::select! { biased;
        done = follower => done,
        done = serve::serve(&bus) => Ok(done?),
        done = rejects::run(&bus, &tape) => Ok(done?),
    }
}

async fn machine<M: AnyMachine>(
    env: Env,
    status: Arc<GroupStatus>,
    drain: DrainSignal,
    make: impl Fn(&TapeCreated) -> M,
    task: ShellTask<M>,
) -> Result<()> {
    let bus = Bus::connect(&env.nats, &format!("tapedeck-{}-p{}", status.group, status.partition)).await?;
    let tape = witness::tape(&bus, status.partition).await?;
    let place = Place {
        bus,
        partition: status.partition,
        tape: tape.lineage(),
        identity: env.identity.clone(),
        requires_witness: env.requires_witness,
        metrics: env.metrics.group(status.group, status.partition),
        status,
    };
    Ok(shell::run(place, || make(&tape), task, drain).await?)
}

async fn project(env: Env, status: Arc<GroupStatus>, drain: DrainSignal) -> Result<()> {
    let database = env.database.clone().context("no URL of Postgres for the projector; give --database-url")?;
    let bus = Bus::connect(&env.nats, &format!("tapedeck-projector-p{}", status.partition)).await?;
    let tape = witness::tape_of_rows(&bus, &database, status.partition).await?;
    let metrics = env.metrics.group(status.group, status.partition);
    let target = projector::Target { bus, database, partition: status.partition, tape: tape.lineage() };
    Ok(projector::run(target, status, metrics, drain).await?)
}
