//! What became of each source's events: told by ingest's owners, gathered over the partitions for whoever asks.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use tapedeck_ingest::Ingest;
use tapedeck_runtime::Bus;
use tapedeck_schemas::ids::SourceId;
use tapedeck_schemas::record::Writer;
use tapedeck_schemas::subject;

/// How long a partition's ingest may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// How long after a look for the tapes that failed the next one comes.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Most publishers answered at once.
const QUESTIONS_MAX: usize = 32;

/// One source, over all of its sessions and partitions.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct SourceStatus {
    /// Its name.
    pub source: String,
    /// How many partitions there are.
    pub partitions: u16,
    /// Those that did not answer: what follows is without them.
    pub missing: Vec<u16>,
    /// Inbox messages, of anybody, that ingest has yet to read: what follows is without them.
    pub waiting: u64,
    /// The last number taken, by session and instrument.
    pub sessions: Vec<SessionStatus>,
    /// Events that became facts (heartbeats become none).
    pub accepted: u64,
    /// Events refused, by reason.
    pub rejects: BTreeMap<String, u64>,
    /// Times that numbers were skipped.
    pub gaps: u64,
}

/// One numbering.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SessionStatus {
    /// Where the instrument is placed.
    pub partition: u16,
    /// The session.
    pub session: String,
    /// The instrument.
    pub instrument: String,
    /// The last number taken; the next one is expected to be one more.
    pub last_seq: u64,
    /// How long ago the broker stored what brought it, ms.
    pub age_ms: u64,
}

/// What one partition's ingest says: every source asked for, and what nobody's name could be read on.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct SourcesReply {
    /// Inbox messages that ingest has yet to read.
    pub waiting: u64,
    /// The sources, by name.
    pub sources: BTreeMap<String, SourceStatus>,
    /// Refused without a readable source, by reason.
    pub unreadable: BTreeMap<String, u64>,
}

/// The answer of partition `P`'s ingest to a question about one source, or about all if it names none.
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
    for ((source, session, instrument), last_seq, stamp) in ingest.numberings().iter() {
        let name = source.to_string();
        if matches(&name) {
            let (session, instrument) = (session.to_string(), instrument.to_string());
            let age_ms = now.saturating_sub(stamp) / 1_000_000;
            let one = SessionStatus { partition: 0, session, instrument, last_seq, age_ms };
            reply.sources.entry(name).or_default().sessions.push(one);
        }
    }
    serde_json::to_vec(&reply).expect("writing an answer to memory cannot fail")
}

/// Asks one partition's ingest.
pub async fn ask(bus: &Bus, partition: u16, about: &str) -> Result<SourcesReply> {
    let subject = subject::question_subject(partition, Writer::Ingest);
    let request = async_nats::Request::new().payload(about.to_string().into()).timeout(Some(ANSWER_TIMEOUT));
    let asked = bus.client().send_request(subject, request).await;
    let answer = asked.with_context(|| format!("ingest of partition {partition} does not answer"))?;
    let mut reply: SourcesReply = serde_json::from_slice(&answer.payload)?;
    let sessions = reply.sources.values_mut().flat_map(|source| &mut source.sessions);
    sessions.for_each(|session| session.partition = partition);
    Ok(reply)
}

/// What every partition says of one source.
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

/// Answers publishers on `md-status.<source>`, one of all that serve each time. One question that is slow to gather
/// keeps no other waiting, until too many wait.
pub async fn serve(bus: &Bus) -> Result<()> {
    let partitions = loop {
        match bus.tapes().await {
            Ok(tapes) => break u16::try_from(tapes.len())?,
            // Another partition is not there yet, or cannot be asked: no reason for ingest to end.
            Err(error) => tracing::warn!(%error, "publishers get no answer yet: not every tape can be seen"),
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    };
    let queue = "md-status".to_string();
    let questions = bus.client().queue_subscribe(subject::STATUS_SUBJECTS, queue).await?;
    let answered = questions.for_each_concurrent(QUESTIONS_MAX, async |question| {
        if let Err(error) = answer_publisher(bus, partitions, question).await {
            tracing::warn!(%error, "cannot answer a publisher");
        }
    });
    answered.await;
    Ok(())
}

async fn answer_publisher(bus: &Bus, partitions: u16, question: async_nats::Message) -> Result<()> {
    let Some(reply) = question.reply else { return Ok(()) };
    let answer = match subject::parse_status_subject(&question.subject) {
        Some(source) => serde_json::to_vec(&gather(bus, partitions, source).await)?,
        None => serde_json::to_vec(&serde_json::json!({
            "error": format!("{} names no source (want md-status.<source>)", question.subject)
        }))?,
    };
    Ok(bus.client().publish(reply, answer.into()).await?)
}
