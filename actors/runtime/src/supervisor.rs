//! Supervision by ractor: every group is an actor, restarted after a failure. Control messages only.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::sync::watch;

use crate::DrainSignal;

/// Delay before a failed group is restarted.
const RESTART_AFTER: Duration = Duration::from_secs(1);

type Error = Box<dyn std::error::Error + Send + Sync>;
type Run = dyn Fn(DrainSignal) -> Pin<Box<dyn Future<Output = Result<(), Error>> + Send>> + Send + Sync;

/// A group to keep running.
#[derive(Clone)]
pub struct GroupTask {
    name: String,
    run: Arc<Run>,
}

impl GroupTask {
    /// The group of this name; `run` runs it until it is drained, and is called again after a failure.
    pub fn new<F, E>(name: String, run: impl Fn(DrainSignal) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Error> + 'static,
    {
        let run: Arc<Run> = Arc::new(move |drain| {
            let running = run(drain);
            Box::pin(async move { running.await.map_err(Into::into) })
        });
        Self { name, run }
    }
}

/// Messages to a group's actor.
#[derive(Debug)]
enum GroupMessage {
    /// The group's loop ended: drained, or failed with this error.
    Ended(Result<(), String>),
}

struct GroupActor;

impl Actor for GroupActor {
    type Msg = GroupMessage;
    type State = String;
    type Arguments = (GroupTask, DrainSignal);

    async fn pre_start(
        &self,
        myself: ActorRef<GroupMessage>,
        (task, drain): Self::Arguments,
    ) -> Result<String, ActorProcessingErr> {
        let running = (task.run)(drain);
        tokio::spawn(async move {
            let ended = running.await.map_err(|error| format!("{error:#}"));
            let _ = myself.cast(GroupMessage::Ended(ended));
        });
        Ok(task.name)
    }

    async fn handle(
        &self,
        myself: ActorRef<GroupMessage>,
        GroupMessage::Ended(ended): GroupMessage,
        _name: &mut String,
    ) -> Result<(), ActorProcessingErr> {
        ended?;
        myself.stop(None);
        Ok(())
    }
}

/// Messages to the supervisor.
#[derive(Debug)]
enum SupervisorMessage {
    /// Drain every group.
    Drain,
    /// Start the group of this index.
    Start(usize),
}

struct Supervisor {
    tasks: Vec<GroupTask>,
    drain: watch::Sender<bool>,
}

struct SupervisorState {
    actors: Vec<Option<ActorRef<GroupMessage>>>,
}

impl Supervisor {
    async fn start(&self, myself: &ActorRef<SupervisorMessage>, state: &mut SupervisorState, index: usize) {
        let arguments = (self.tasks[index].clone(), self.drain.subscribe());
        match Actor::spawn_linked(None, GroupActor, arguments, myself.get_cell()).await {
            Ok((actor, _)) => state.actors[index] = Some(actor),
            Err(error) => {
                tracing::error!(group = self.tasks[index].name, %error, "cannot start a group; retrying");
                drop(myself.send_after(RESTART_AFTER, move || SupervisorMessage::Start(index)));
            }
        }
    }

    fn index_of(state: &SupervisorState, id: ractor::ActorId) -> Option<usize> {
        state.actors.iter().position(|actor| actor.as_ref().is_some_and(|actor| actor.get_id() == id))
    }
}

impl Actor for Supervisor {
    type Msg = SupervisorMessage;
    type State = SupervisorState;
    type Arguments = ();

    async fn pre_start(
        &self,
        myself: ActorRef<SupervisorMessage>,
        (): (),
    ) -> Result<SupervisorState, ActorProcessingErr> {
        let mut state = SupervisorState { actors: self.tasks.iter().map(|_| None).collect() };
        for index in 0..self.tasks.len() {
            self.start(&myself, &mut state, index).await;
        }
        Ok(state)
    }

    async fn handle(
        &self,
        myself: ActorRef<SupervisorMessage>,
        message: SupervisorMessage,
        state: &mut SupervisorState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            SupervisorMessage::Drain => {
                self.drain.send_replace(true);
                if state.actors.iter().all(Option::is_none) {
                    myself.stop(None);
                }
            }
            SupervisorMessage::Start(_) if *self.drain.borrow() => {}
            SupervisorMessage::Start(index) => self.start(&myself, state, index).await,
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<SupervisorMessage>,
        event: SupervisionEvent,
        state: &mut SupervisorState,
    ) -> Result<(), ActorProcessingErr> {
        let (id, failure) = match event {
            SupervisionEvent::ActorTerminated(cell, ..) => (cell.get_id(), None),
            SupervisionEvent::ActorFailed(cell, error) => (cell.get_id(), Some(error)),
            _ => return Ok(()),
        };
        let Some(index) = Self::index_of(state, id) else { return Ok(()) };
        state.actors[index] = None;
        if let Some(error) = failure {
            tracing::error!(group = self.tasks[index].name, %error, "group failed; restarting it");
            drop(myself.send_after(RESTART_AFTER, move || SupervisorMessage::Start(index)));
        }
        if *self.drain.borrow() && state.actors.iter().all(Option::is_none) {
            myself.stop(None);
        }
        Ok(())
    }
}

/// The groups under supervision.
pub struct Supervised {
    actor: ActorRef<SupervisorMessage>,
    ended: tokio::task::JoinHandle<()>,
}

impl Supervised {
    /// Starts all groups.
    pub async fn start(tasks: Vec<GroupTask>) -> Result<Self, ractor::SpawnErr> {
        let supervisor = Supervisor { tasks, drain: watch::Sender::new(false) };
        let (actor, ended) = Actor::spawn(None, supervisor, ()).await?;
        Ok(Self { actor, ended })
    }

    /// Drains all groups and waits until they have stopped.
    pub async fn drain(self) {
        let _ = self.actor.cast(SupervisorMessage::Drain);
        let _ = self.ended.await;
    }
}
