//! The state of the groups of a process, on request: what `/readyz` says, for commands that reach NATS only.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::select_all;
use serde::{Deserialize, Serialize};
use tapedeck_schemas::reason::Reason;

use crate::bus::{Bus, BusError, NatsAccess};
use crate::status::GroupStatus;

/// How long to wait for the next answer, of the processes of all groups.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(500);
/// Most answers that are read.
const ANSWERS_MAX: usize = 1000;
/// Delay before the process connects again.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// The state of a group in one process.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct GroupState {
    /// Name of the group.
    pub group: String,
    /// Number of the partition.
    pub partition: u16,
    /// The reason for which the group is not ready; `None` if it is.
    pub reason: Option<String>,
    /// Text of the stop, if the group stopped.
    pub stop: Option<String>,
    /// Whether the tape was compared with Postgres.
    pub witnessed: bool,
}

impl GroupState {
    /// The state of a group of this process.
    pub fn of(status: &GroupStatus) -> Self {
        Self {
            group: status.group.into(),
            partition: status.partition,
            reason: status.reason().map(|reason| reason.to_string()),
            stop: status.stopped().map(|(_, text)| text),
            witnessed: status.is_witnessed(),
        }
    }

    /// The state as a line: `ready`, or the reason and the text of the stop; and whether the group has no witness.
    pub fn line(&self) -> String {
        let reason = self.reason.as_deref().unwrap_or("ready");
        let text = match &self.stop {
            Some(text) => format!(": {text}"),
            None if !self.witnessed => ", without a witness".into(),
            None => String::new(),
        };
        format!("{} on partition {}: {reason}{text}", self.group, self.partition)
    }

    /// The text of the stop, or the meaning of the reason `named`.
    pub fn text(&self, named: &str) -> String {
        let about = || named.parse().map_or_else(|_| "a reason of another build".into(), Reason::about);
        self.stop.clone().unwrap_or_else(about)
    }
}

/// Answers for as long as it is polled.
pub async fn serve(nats: NatsAccess, groups: Arc<Vec<Arc<GroupStatus>>>) {
    loop {
        if let Err(error) = answer_all(&nats, &groups).await {
            tracing::debug!(%error, "cannot answer requests for the state of the groups; retrying");
        }
        tokio::time::sleep(RETRY_AFTER).await;
    }
}

async fn answer_all(nats: &NatsAccess, groups: &[Arc<GroupStatus>]) -> Result<(), BusError> {
    let bus = Bus::connect(nats, "tapedeck-state").await?;
    let mut subscriptions = Vec::new();
    for status in groups {
        let subject = bus.generations().state_subject(status.partition, status.group);
        let subscribed = bus.client().subscribe(subject.clone()).await;
        let questions = subscribed.map_err(|error| BusError::request(format!("subscribing to {subject}"), error))?;
        subscriptions.push(questions.map(move |question| (question, status)));
    }
    let mut questions = select_all(subscriptions);
    while let Some((question, status)) = questions.next().await {
        let Some(reply) = question.reply else { continue };
        let answer = serde_json::to_vec(&GroupState::of(status)).expect("writing to memory cannot fail");
        if let Err(error) = bus.client().publish(reply, answer.into()).await {
            tracing::warn!(%error, "cannot reply to a request for the state of a group");
        }
    }
    Ok(())
}

/// Asks every process of these groups on a partition; the answers in order.
pub async fn ask(bus: &Bus, partition: u16, groups: impl Iterator<Item = &str>) -> Result<Vec<GroupState>, BusError> {
    let failed = |error: String| BusError::request("asking the groups for their state", error);
    let inbox = bus.client().new_inbox();
    let mut answers = bus.client().subscribe(inbox.clone()).await.map_err(|error| failed(error.to_string()))?;
    for group in groups {
        let subject = bus.generations().state_subject(partition, group);
        let asked = bus.client().publish_with_reply(subject, inbox.clone(), Bytes::new()).await;
        asked.map_err(|error| failed(error.to_string()))?;
    }
    let mut states = Vec::new();
    while states.len() < ANSWERS_MAX
        && let Ok(Some(answer)) = tokio::time::timeout(ANSWER_TIMEOUT, answers.next()).await
    {
        states.extend(serde_json::from_slice::<GroupState>(&answer.payload)); // none in a report of no responders
    }
    states.sort();
    Ok(states)
}
