//! The witness of a tape: the projector tells the groups from which records the rows in Postgres were projected, so
//! that a group without rights on the database notices a tape that lost them.

use std::time::Duration;

use async_nats::Request;
use bytes::Bytes;
use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};
use tapedeck_kernel::driver::Input;
use tapedeck_kernel::guard::{StreamState, StreamsAnswer, StreamsQuestion, WitnessAnswer};
use tapedeck_kernel::{CheckpointMismatch, RequiredRecords, TapeCheckpoint, check_record};
use tapedeck_schemas::event::TapeCreated;
use tapedeck_schemas::generation::{Generation, Lineage};
use tapedeck_schemas::ids::TapeId;
use tapedeck_schemas::reason::Reason;
use tokio_postgres::Client;

use crate::bus::{Bus, BusError, NatsAccess};
use crate::database::{self, DatabaseAccess, DatabaseError};
use crate::streams;

/// How long a group waits for one answer. Until it continues without a witness, it asks again.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);
/// How long the witness may read the database for one answer.
const READ_TIMEOUT: Duration = Duration::from_millis(800);
/// Delay before the witness connects again.
const RETRY_AFTER: Duration = Duration::from_millis(500);
/// Name of the queue group of the witnesses of a partition, so that one of several projectors answers.
const QUEUE: &str = "projector";

/// The answer of the witness.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct WitnessReply {
    /// The tape and the generation from which the rows were projected; `None` before the first.
    tape: Option<(TapeId, Generation)>,
    /// The checkpoints of the projections, each once.
    checkpoints: Vec<TapeCheckpoint>,
}

/// Answers the groups of a partition for as long as it is polled, whatever becomes of the projector beside it.
pub async fn serve(nats: NatsAccess, database: DatabaseAccess, partition: u16) {
    loop {
        let error = match answer_all(&nats, &database, partition).await {
            Ok(()) => "the subscription ended".into(),
            Err(error) => error.to_string(),
        };
        tracing::warn!(partition, error, "cannot answer the groups about the database; retrying");
        tokio::time::sleep(RETRY_AFTER).await;
    }
}

async fn answer_all(nats: &NatsAccess, database: &DatabaseAccess, partition: u16) -> Result<(), BusError> {
    let bus = Bus::connect(nats, &format!("tapedeck-witness-p{partition}")).await?;
    let subject = bus.generations().witness_subject(partition);
    let subscribed = bus.client().queue_subscribe(subject.clone(), QUEUE.into()).await;
    let mut questions = subscribed.map_err(|error| BusError::request(format!("subscribing to {subject}"), error))?;
    let mut connected = None;
    while let Some(question) = questions.next().await {
        let Some(reply) = question.reply else { continue };
        let read = tokio::time::timeout(READ_TIMEOUT, read(database, &mut connected, partition)).await;
        let answer = match read {
            Ok(Ok(answer)) => Bytes::from(serde_json::to_vec(&answer).expect("writing to memory cannot fail")),
            failed => {
                connected = None;
                let error =
                    failed.map_or_else(|_| "Postgres does not answer".into(), |read| format!("{:?}", read.err()));
                tracing::warn!(partition, error, "cannot read the progress of the projections for a group");
                Bytes::new()
            }
        };
        if let Err(error) = bus.client().publish(reply, answer).await {
            tracing::warn!(partition, %error, "cannot answer a group about the database");
        }
    }
    Ok(())
}

async fn read(
    database: &DatabaseAccess,
    connected: &mut Option<Client>,
    partition: u16,
) -> Result<WitnessReply, DatabaseError> {
    let client = match connected {
        Some(client) => client,
        None => connected.insert(database::connect(database).await?),
    };
    let (tape, checkpoints) = database::checkpoints(client, partition).await?;
    Ok(WitnessReply { tape, checkpoints })
}

/// The result of a check of the streams.
pub(crate) struct CheckedStreams {
    /// The answer for the driver.
    pub(crate) input: Input<'static>,
    /// Whether the leaders answered.
    pub(crate) is_answered: bool,
    /// `TapeFull` or `InboxFull`, if a stream has no space.
    pub(crate) full: Option<Reason>,
}

/// Asks the witness, if the question says so, and then reads the streams from their leaders.
pub(crate) async fn check_streams(
    bus: Bus,
    partition: u16,
    tape: Lineage,
    inbox: Option<String>,
    question: StreamsQuestion,
) -> CheckedStreams {
    let mut full = None;
    let answer = answer(&bus, partition, &tape, inbox.as_deref(), question, &mut full).await;
    let answer = answer.inspect_err(|error| tracing::warn!(partition, %error, "cannot check the streams; retrying"));
    let is_answered = answer.is_ok();
    let input = Input::Streams { number: question.number, answer: answer.ok().map(Box::new) };
    CheckedStreams { input, is_answered, full }
}

async fn answer(
    bus: &Bus,
    partition: u16,
    tape: &Lineage,
    inbox: Option<&str>,
    question: StreamsQuestion,
    full: &mut Option<Reason>,
) -> Result<StreamsAnswer, BusError> {
    let reply = if question.asks_witness { Some(ask(bus, partition).await) } else { None };
    let stream = bus.generations().tape_stream(partition);
    let Some((state, is_full)) = read_stream(bus, &stream, question.tape, question.tape_next).await? else {
        return Ok(StreamsAnswer { witness: WitnessAnswer::NotAsked, tape: None, inbox: None });
    };
    *full = is_full.then_some(Reason::TapeFull);
    let witness = match reply {
        None => WitnessAnswer::NotAsked,
        Some(None) => WitnessAnswer::Missing,
        Some(Some(reply)) => compare(bus, &stream, tape, &reply).await?,
    };
    let inbox = match inbox {
        Some(inbox) => read_stream(bus, inbox, question.inbox, question.inbox_next).await?,
        None => None,
    };
    if full.is_none() && inbox.as_ref().is_some_and(|(_, is_full)| *is_full) {
        *full = Some(Reason::InboxFull);
    }
    Ok(StreamsAnswer { witness, tape: Some(state), inbox: inbox.map(|(state, _)| state) })
}

/// The answer of the witness; `None` if there is none in time, or it could not read the database.
async fn ask(bus: &Bus, partition: u16) -> Option<WitnessReply> {
    let subject = bus.generations().witness_subject(partition);
    let request = Request::new().payload(Bytes::new()).timeout(Some(ANSWER_TIMEOUT));
    let reply = bus.client().send_request(subject, request).await.ok()?;
    serde_json::from_slice(&reply.payload).ok()
}

/// The first fact of the tape of a partition, as [`Bus::tape`] reads it.
///
/// # Errors
/// If there is no tape. If the witness has rows of one, it is lost.
pub async fn tape(bus: &Bus, partition: u16) -> Result<TapeCreated, BusError> {
    tape_known_by(bus, partition, async { ask(bus, partition).await }).await
}

/// As [`tape`], for the projector, which reads the database itself.
pub async fn tape_of_rows(bus: &Bus, database: &DatabaseAccess, partition: u16) -> Result<TapeCreated, BusError> {
    tape_known_by(bus, partition, async { read(database, &mut None, partition).await.ok() }).await
}

/// `witness` is polled if there is no tape.
async fn tape_known_by(
    bus: &Bus,
    partition: u16,
    witness: impl Future<Output = Option<WitnessReply>>,
) -> Result<TapeCreated, BusError> {
    match bus.tape(partition).await {
        Err(BusError::NoTape { stream, .. }) if witness.await.is_some_and(|reply| reply.tape.is_some()) => {
            Err(BusError::LostTape { stream })
        }
        found => found,
    }
}

/// The state of a stream, with the message `seq`, from its leader, and whether the stream is full
/// ([`streams::is_full`]); `None` if there is no such stream. `next` is the sequence of the next message to read.
pub(crate) async fn read_stream(
    bus: &Bus,
    name: &str,
    seq: u64,
    next: u64,
) -> Result<Option<(StreamState, bool)>, BusError> {
    let Some(stream) = bus.find_stream(name).await? else { return Ok(None) };
    let info = stream.cached_info();
    let created = u64::try_from(info.created.unix_timestamp_nanos()).unwrap_or(0);
    let message = if seq == 0 { None } else { bus.message(name, seq).await? };
    let time = message.as_ref().map(|message| message.time.unix_timestamp_nanos());
    let stamp = time.and_then(|time| u64::try_from(time).ok()).unwrap_or(0);
    let message = message.map(|message| (message.subject.to_string(), message.payload.to_vec()));
    let (first, last) = (info.state.first_sequence, info.state.last_sequence);
    let lacks_next = (first..=last).contains(&next) && bus.message(name, next).await?.is_none();
    let (messages, is_sealed) = (info.state.messages, info.config.sealed);
    let state = StreamState { created, first, last, messages, message, stamp, lacks_next, is_sealed };
    Ok(Some((state, streams::is_full(info))))
}

/// Compares the tape with the records from which the rows were projected.
async fn compare(bus: &Bus, stream: &str, tape: &Lineage, reply: &WitnessReply) -> Result<WitnessAnswer, BusError> {
    match &reply.tape {
        None => return Ok(WitnessAnswer::Agrees),
        Some(found) if *found != (tape.tape, tape.generation) => {
            return Ok(WitnessAnswer::OtherTape(format!("tape {} (generation {})", found.0, found.1)));
        }
        Some(_) => {}
    }
    let first = compare_checkpoints(bus, stream, &reply.checkpoints).await?.mismatches.into_iter().next();
    Ok(first.map_or(WitnessAnswer::Agrees, WitnessAnswer::Differs))
}

/// A tape, compared with the records at checkpoints.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ComparedTape {
    /// What the tape lacks of these records.
    pub mismatches: Vec<CheckpointMismatch>,
    /// The last of them that the tape holds, before the first one that it lacks; 0 if there is none.
    pub agreed: u64,
}

/// Compares the tape with the records at these checkpoints.
pub async fn compare_checkpoints(
    bus: &Bus,
    stream: &str,
    checkpoints: &[TapeCheckpoint],
) -> Result<ComparedTape, BusError> {
    let required = RequiredRecords::of(checkpoints);
    let last = bus.last_sequence(stream).await?;
    let mut compared = ComparedTape { mismatches: Vec::from_iter(required.check_last(last).err()), agreed: 0 };
    let mut is_agreed = true;
    for (seq, hash) in required.records.into_iter().filter(|(seq, _)| *seq <= last) {
        let payload = bus.message(stream, seq).await?.map(|message| message.payload);
        match check_record(seq, hash, payload.as_deref()) {
            Ok(()) if is_agreed => compared.agreed = seq,
            Ok(()) => {}
            Err(mismatch) => {
                is_agreed = false;
                compared.mismatches.push(mismatch);
            }
        }
    }
    Ok(compared)
}
