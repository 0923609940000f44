//! Requests about sources: each partition knows its own part, and a reply to a publisher gathers the parts.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use tapedeck_kernel::{Driver, Inbox};
use tapedeck_runtime::{Bus, BusError};
use tapedeck_schemas::generation::StreamFamily;
use tapedeck_schemas::ids::SourceId;
use tapedeck_schemas::subject;

use crate::followed::FollowedIngest;
use crate::status::{DecidedInbox, PartitionReply, PartitionRequest, SourceStatus, StatusRequest, partition_reply};

/// Time limit of a request to a partition.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// Interval at which reading the tapes is retried.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// Number of requests that are answered concurrently.
const REQUESTS_MAX: usize = 32;

/// Answers a question of [`ask`]: what is known of one partition. `stored` is the last known sequence of its inbox.
pub fn answer(driver: &Driver<FollowedIngest>, question: &[u8], stored: u64) -> Vec<u8> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos() as u64);
    // A request of a later build may ask for what this one does not know.
    let reply = match serde_json::from_slice::<PartitionRequest>(question) {
        Ok(asked) => serde_json::to_vec(&partition_reply(driver, &asked, stored, now)),
        Err(error) => serde_json::to_vec(&UnreadableRequest { error: error.to_string() }),
    };
    reply.expect("writing to memory cannot fail")
}

/// The reply to a request that cannot be read.
#[derive(Serialize, Deserialize)]
struct UnreadableRequest {
    error: String,
}

/// Requests what a partition knows of one source, or of all if `source` is `None`.
pub async fn ask(
    bus: &Bus,
    partition: u16,
    source: Option<String>,
    request: StatusRequest,
) -> Result<PartitionReply, BusError> {
    let failed = |why: String| {
        BusError::request(format!("requesting the state of the sources from `answers` on partition {partition}"), why)
    };
    let question = serde_json::to_vec(&PartitionRequest { source, request }).expect("writing to memory cannot fail");
    let request = async_nats::Request::new().payload(question.into()).timeout(Some(ANSWER_TIMEOUT));
    let asked = bus.client().send_request(bus.generations().answers_subject(partition), request).await;
    let answer = asked.map_err(|error| failed(error.to_string()))?;
    if let Ok(UnreadableRequest { error }) = serde_json::from_slice(&answer.payload) {
        return Err(failed(error));
    }
    let mut reply: PartitionReply =
        serde_json::from_slice(&answer.payload).map_err(|error| failed(error.to_string()))?;
    reply.inbox.partition = partition;
    reply.inbox.stream = bus.generations().inbox_stream(partition);
    let generation = bus.generations().of(StreamFamily::Inbox, partition);
    let prefix = format!("{}.{generation}", Inbox::Market.prefix());
    for source in reply.sources.values_mut() {
        source.sessions.iter_mut().for_each(|session| session.partition = partition);
        let of_session = source.session.iter_mut().flat_map(|session| session.first.values_mut());
        source.first.values_mut().chain(of_session).for_each(|one| one.offset = format!("{prefix}:{}", one.offset));
    }
    Ok(reply)
}

/// As [`ask`]; the reply counts every message that was stored when the request arrived.
async fn ask_up_to_date(
    bus: &Bus,
    partition: u16,
    source: String,
    request: StatusRequest,
) -> Result<PartitionReply, BusError> {
    // What the reader of the inbox last heard of its end may be older.
    let stored = bus.last_sequence(&bus.generations().inbox_stream(partition)).await?;
    let mut reply = ask(bus, partition, Some(source), request).await?;
    reply.inbox.stored = reply.inbox.stored.max(stored);
    Ok(reply)
}

/// The state of one source, gathered from every partition.
pub async fn gather(bus: &Bus, partitions: u16, source: SourceId, request: &StatusRequest) -> SourceStatus {
    let name = source.to_string();
    let asked = (0..partitions).map(|partition| ask_up_to_date(bus, partition, name.clone(), request.clone()));
    let answers = join_all(asked).await;
    let mut all = SourceStatus { source: name.clone(), partitions, ..Default::default() };
    for (partition, answer) in (0..).zip(answers) {
        let mut reply = match answer {
            Ok(reply) => reply,
            Err(error) => {
                tracing::warn!(partition, %error, "the reply to a publisher lacks a partition");
                all.missing.push(partition);
                continue;
            }
        };
        let DecidedInbox { decided, stored, .. } = reply.inbox;
        all.waiting += stored - decided;
        all.decided.push(reply.inbox);
        all.add(reply.sources.remove(&name).unwrap_or_default());
    }
    all.cut();
    all
}

/// Answers publishers on `md-status.<source>`, as one of a queue group: a request is answered once. Up to
/// `REQUESTS_MAX` requests are answered concurrently. Ends with an error only.
pub async fn serve(bus: &Bus) -> Result<(), BusError> {
    let partitions = loop {
        match bus.partitions().await {
            Ok(partitions) => break partitions.len() as u16, // at most `PARTITIONS_MAX`
            Err(error) => tracing::warn!(%error, "cannot answer publishers yet: the streams cannot be read; retrying"),
        }
        tokio::time::sleep(RETRY_INTERVAL).await;
    };
    let queue = "md-status".to_string();
    let failed = |why: String| BusError::request(format!("subscribing to {}", subject::STATUS_SUBJECTS), why);
    let questions = bus.client().queue_subscribe(subject::STATUS_SUBJECTS, queue).await;
    let questions = questions.map_err(|error| failed(error.to_string()))?;
    let answered = questions.for_each_concurrent(REQUESTS_MAX, async |question| {
        if let Err(error) = answer_publisher(bus, partitions, question).await {
            tracing::warn!(%error, "cannot answer a publisher");
        }
    });
    answered.await;
    Err(failed("the subscription ended".into()))
}

async fn answer_publisher(
    bus: &Bus,
    partitions: u16,
    question: async_nats::Message,
) -> Result<(), async_nats::PublishError> {
    let Some(reply) = question.reply else { return Ok(()) };
    let error = |error: String| serde_json::json!({ "error": error }).to_string().into_bytes();
    let request = match &*question.payload {
        [] => Ok(StatusRequest::default()),
        [b'[', ..] => Err(serde::de::Error::custom("it is an array")),
        payload => serde_json::from_slice(payload),
    };
    let answer = match (subject::parse_status_subject(&question.subject), request) {
        (None, _) => error(format!("{} has no source; send to md-status.<source>", question.subject)),
        (_, Err(why)) => error(format!(
            "the payload is neither empty nor a request like {{\"session\":\"s1\",\"after\":\"s1/v.A\"}}: {why}"
        )),
        (Some(source), Ok(request)) => {
            let status = gather(bus, partitions, source, &request).await;
            serde_json::to_vec(&status).expect("writing to memory cannot fail")
        }
    };
    bus.client().publish(reply, answer.into()).await
}
