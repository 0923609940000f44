//! The status of sources: how many of their events were accepted and rejected. Each partition's ingest knows its own
//! part; an answer to a publisher gathers the parts.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use tapedeck_ingest::Ingest;
use tapedeck_ingest::numbering::NumberRange;
use tapedeck_runtime::Bus;
use tapedeck_schemas::ids::SourceId;
use tapedeck_schemas::record::Writer;
use tapedeck_schemas::subject;

/// Time limit of a request to the ingest of a partition.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// Interval at which reading the tapes is retried.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// Number of requests that are answered concurrently.
const REQUESTS_MAX: usize = 32;

/// The status of one source, over all of its sessions and partitions.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct SourceStatus {
    /// Name of the source.
    pub source: String,
    /// Number of partitions.
    pub partitions: u16,
    /// Partitions whose ingest did not answer; the other fields do not count them.
    pub missing: Vec<u16>,
    /// Inbox messages of all sources that ingest has not read yet; the other fields do not count them.
    pub waiting: u64,
    /// The last number accepted, by session and instrument.
    pub sessions: Vec<SessionStatus>,
    /// Number of events that became facts.
    pub accepted: u64,
    /// Number of rejected events, by reason.
    pub rejects: BTreeMap<String, u64>,
    /// Number of gaps.
    pub gaps: u64,
}

/// The status of one session of a source, for one instrument.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SessionStatus {
    /// Partition of the instrument.
    pub partition: u16,
    /// Name of the session.
    pub session: String,
    /// Name of the instrument.
    pub instrument: String,
    /// The last number accepted. The next one is expected to be greater by one.
    pub last_seq: u64,
    /// Ranges of numbers that were skipped and have not arrived since, first and last: what is to be published again.
    #[serde(default)] // the ingest of an earlier build does not say
    pub missing: Vec<NumberRange>,
    /// Age of the inbox message that held the number, in ms since its stamp.
    pub age_ms: u64,
}

/// The answer of the ingest of one partition.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct SourcesReply {
    /// Inbox messages that ingest has not read yet.
    pub waiting: u64,
    /// Status of each source, by name.
    pub sources: BTreeMap<String, SourceStatus>,
    /// Rejected events whose source could not be read, by reason.
    pub unreadable: BTreeMap<String, u64>,
}

/// The answer of ingest to a request about one source, or about all sources if `about` is empty.
pub fn answer(ingest: &Ingest, about: &str, waiting: u64) -> Vec<u8> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos() as u64);
    let mut reply = SourcesReply { waiting, ..SourcesReply::default() };
    let matches = |name: &str| about.is_empty() || about == name;
    for (source, counts) in ingest.sources().iter() {
        let rejects = counts.rejects.iter().map(|(reason, count)| (reason.to_string(), *count)).collect();
        match source.map(|source| source.to_string()) {
            None => reply.unreadable = rejects,
            Some(name) if matches(&name) => {
                let (accepted, gaps) = (counts.accepted, counts.gaps);
                reply.sources.insert(name, SourceStatus { accepted, rejects, gaps, ..SourceStatus::default() });
            }
            Some(_) => {}
        }
    }
    for ((source, session, instrument), numbering) in ingest.numberings().iter() {
        let name = source.to_string();
        if matches(&name) {
            let (session, instrument) = (session.to_string(), instrument.to_string());
            let age_ms = now.saturating_sub(numbering.stamp) / 1_000_000;
            let (last_seq, missing) = (numbering.last_seq, numbering.missing.clone());
            let one = SessionStatus { partition: 0, session, instrument, last_seq, missing, age_ms };
            reply.sources.entry(name).or_default().sessions.push(one);
        }
    }
    serde_json::to_vec(&reply).expect("writing an answer to memory cannot fail")
}

/// Requests the status of one source, or of all, from the ingest of a partition.
pub async fn ask(bus: &Bus, partition: u16, about: &str) -> Result<SourcesReply> {
    let subject = bus.generations().question_subject(partition, Writer::Ingest);
    let request = async_nats::Request::new().payload(about.to_string().into()).timeout(Some(ANSWER_TIMEOUT));
    let asked = bus.client().send_request(subject, request).await;
    let answer = asked.with_context(|| format!("no answer from the ingest of partition {partition}"))?;
    let mut reply: SourcesReply = serde_json::from_slice(&answer.payload)?;
    let sessions = reply.sources.values_mut().flat_map(|source| &mut source.sessions);
    sessions.for_each(|session| session.partition = partition);
    Ok(reply)
}

/// The status of one source, gathered from every partition.
pub async fn gather(bus: &Bus, partitions: u16, source: SourceId) -> SourceStatus {
    let name = source.to_string();
    let answers = join_all((0..partitions).map(|partition| ask(bus, partition, &name))).await;
    let mut all = SourceStatus { source: name.clone(), partitions, ..SourceStatus::default() };
    for (partition, answer) in (0..).zip(answers) {
        match answer {
            Err(_) => all.missing.push(partition),
            Ok(mut reply) => {
                all.waiting += reply.waiting;
                let one = reply.sources.remove(&name).unwrap_or_default();
                all.accepted += one.accepted;
                all.gaps += one.gaps;
                all.sessions.extend(one.sessions);
                one.rejects.into_iter().for_each(|(reason, count)| *all.rejects.entry(reason).or_default() += count);
            }
        }
    }
    all
}

/// Answers publishers on `md-status.<source>`, as one of a queue group: a request is answered once. Up to
/// `REQUESTS_MAX` requests are answered concurrently.
pub async fn serve(bus: &Bus) -> Result<()> {
    let partitions = loop {
        match bus.tapes().await {
            Ok(tapes) => break u16::try_from(tapes.len())?,
            // A tape of another partition may not exist yet. That is no reason for ingest to end.
            Err(error) => tracing::warn!(%error, "cannot answer publishers yet: not every tape can be read; retrying"),
        }
        tokio::time::sleep(RETRY_INTERVAL).await;
    };
    let queue = "md-status".to_string();
    let questions = bus.client().queue_subscribe(subject::STATUS_SUBJECTS, queue).await?;
    let answered = questions.for_each_concurrent(REQUESTS_MAX, async |question| {
        if let Err(error) = answer_publisher(bus, partitions, question).await {
            tracing::warn!(%error, "cannot answer a publisher");
        }
    });
    answered.await;
    anyhow::bail!("the subscription to {} ended", subject::STATUS_SUBJECTS)
}

async fn answer_publisher(bus: &Bus, partitions: u16, question: async_nats::Message) -> Result<()> {
    let Some(reply) = question.reply else { return Ok(()) };
    let answer = match subject::parse_status_subject(&question.subject) {
        Some(source) => serde_json::to_vec(&gather(bus, partitions, source).await)?,
        None => serde_json::to_vec(&serde_json::json!({
            "error": format!("{} has no source; send to md-status.<source>", question.subject)
        }))?,
    };
    Ok(bus.client().publish(reply, answer.into()).await?)
}
