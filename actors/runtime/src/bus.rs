//! The NATS connection, and the requests on which exactly-once depends: the fenced append and reads by the leader.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::response::Response;
use async_nats::jetstream::stream::RawMessage;
use async_nats::jetstream::{self, ErrorCode};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;
use tapedeck_kernel::Answer;
use tapedeck_kernel::reply::{EXPECTED_LAST_SEQUENCE, Reply, append_headers};
use tapedeck_schemas::event::{Event, TapeCreated};
use tapedeck_schemas::generation::{Generation, Generations, StreamFamily};
use tapedeck_schemas::record::RecordHash;
use tapedeck_schemas::{record, subject};
use tokio::sync::watch;

mod credentials;
mod error;

use credentials::sign;
pub use credentials::without_credentials;
pub use error::BusError;
use error::request_error;

/// How long to wait for the reply to an append before it is retried.
pub const APPEND_TIMEOUT: Duration = Duration::from_secs(5);

/// The address of NATS, the credentials, and the generations of the streams to use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NatsAccess {
    /// For example nats://host:4222.
    pub url: String,
    /// The file with the seed of the nkey; read at every connect, so that it can be replaced. `None` for a server
    /// without authentication. With an nkey, the JetStream API has the prefix [`subject::API_PREFIX`].
    pub nkey: Option<PathBuf>,
    /// The generations of the streams. Others are neither read nor written.
    pub generations: Generations,
}

impl From<&str> for NatsAccess {
    fn from(url: &str) -> Self {
        Self { url: url.into(), nkey: None, generations: Generations::default() }
    }
}

impl From<&String> for NatsAccess {
    fn from(url: &String) -> Self {
        url.as_str().into()
    }
}

impl From<&NatsAccess> for NatsAccess {
    fn from(access: &NatsAccess) -> Self {
        access.clone()
    }
}

/// A connection to NATS.
#[derive(Debug, Clone)]
pub struct Bus {
    client: async_nats::Client,
    context: jetstream::Context,
    generations: Arc<Generations>,
    disconnects: watch::Receiver<u64>,
    uses_consumers: bool,
    /// Prefix of the JetStream API.
    api: &'static str,
}

/// JetStream's reply to a request for a message.
#[derive(Deserialize)]
struct Stored {
    message: RawMessage,
}

/// JetStream's reply to a publish.
#[derive(Deserialize)]
struct PubAck {
    seq: Option<u64>,
    error: Option<ApiError>,
}

#[derive(Deserialize)]
struct ApiError {
    err_code: u64,
    description: String,
}

impl Bus {
    /// Connects; the client reconnects by itself for as long as it lives.
    pub async fn connect(access: impl Into<NatsAccess>, name: &str) -> Result<Self, BusError> {
        let NatsAccess { url, nkey, generations } = access.into();
        let options = match &nkey {
            None => async_nats::ConnectOptions::new(),
            Some(seed) => {
                let seed = seed.clone();
                async_nats::ConnectOptions::with_auth_callback(move |nonce| {
                    let signed = sign(&seed, &nonce).map_err(async_nats::AuthError::new);
                    async move { signed }
                })
            }
        };
        let (disconnected, disconnects) = watch::channel(0);
        let client = options
            .name(name)
            .client_capacity(4096)
            .event_callback(move |event| {
                match event {
                    async_nats::Event::Connected | async_nats::Event::Closed | async_nats::Event::ClientError(_) => {
                        tracing::debug!(%event, "nats connection")
                    }
                    async_nats::Event::Disconnected => {
                        disconnected.send_modify(|count| *count += 1);
                        tracing::warn!("disconnected from nats, reconnecting")
                    }
                    other => tracing::warn!(event = %other, "nats connection event"),
                }
                std::future::ready(())
            })
            .connect(&url)
            .await
            .map_err(|source| {
                let url = without_credentials(&url);
                match source.kind() {
                    async_nats::ConnectErrorKind::AuthorizationViolation => BusError::Unauthorized { url },
                    _ => BusError::Connect { url, source },
                }
            })?;
        let timed = || jetstream::ContextBuilder::new().timeout(APPEND_TIMEOUT);
        let context = timed().build(client.clone());
        let generations = Arc::new(generations);
        let mut bus = Self { client, context, generations, disconnects, uses_consumers: true, api: "$JS.API" };
        if nkey.is_some() && !bus.owns_streams().await? {
            bus.context = timed().api_prefix(subject::API_PREFIX).build(bus.client.clone());
            bus.api = subject::API_PREFIX;
        }
        Ok(bus)
    }

    /// The same connection, whose readers create no consumers at the server: they read in batches, and poll at the end
    /// of a stream. A stream has a bounded number of consumers, which are for the groups.
    #[must_use]
    pub fn without_consumers(self) -> Self {
        Self { uses_consumers: false, ..self }
    }

    /// Whether readers create consumers.
    pub fn uses_consumers(&self) -> bool {
        self.uses_consumers
    }

    /// Subject of a request to the JetStream API.
    pub(crate) fn api_subject(&self, request: &str) -> String {
        format!("{}.{request}", self.api)
    }

    /// Whether JetStream is enabled in this account; otherwise it is imported from another account.
    async fn owns_streams(&self) -> Result<bool, BusError> {
        use async_nats::jetstream::context::AccountErrorKind;
        let account = self.context.query_account().await;
        match account.map_err(|error| error.kind()) {
            Ok(_) => Ok(true),
            Err(AccountErrorKind::JetStream(error))
                if error.error_code() == ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT =>
            {
                Ok(false)
            }
            Err(AccountErrorKind::JetStreamUnavailable) => Ok(false),
            Err(kind) => Err(BusError::request("reading the JetStream account", kind)),
        }
    }

    /// The client, for messages that are not stored.
    pub fn client(&self) -> &async_nats::Client {
        &self.client
    }

    /// Whether the streams belong to another NATS account: then the broker names the source of what is published.
    pub fn is_client(&self) -> bool {
        self.api == subject::API_PREFIX
    }

    /// Whether the client is connected, as far as it knows.
    pub fn is_connected(&self) -> bool {
        self.client.connection_state() == async_nats::connection::State::Connected
    }

    /// The generations of the streams that this process uses, from which their names follow.
    pub fn generations(&self) -> &Generations {
        &self.generations
    }

    /// The JetStream context.
    pub fn context(&self) -> &jetstream::Context {
        &self.context
    }

    /// The number of times that the connection was lost.
    pub fn disconnects(&self) -> watch::Receiver<u64> {
        self.disconnects.clone()
    }

    /// Appends a record once, if `expected` is the last sequence on its subject.
    pub async fn append(&self, stream: &str, subject: &str, expected: u64, payload: Bytes) -> Answer {
        let mut headers = HeaderMap::new();
        for (name, value) in append_headers(expected) {
            headers.insert(name, value);
        }
        match self.publish(subject, headers, payload).await {
            Answer::WrongLast(_) => Answer::WrongLast(self.last_on(stream, subject).await.ok()),
            answer => answer,
        }
    }

    /// Appends a message once, if `expected` is the last sequence of the stream: for a stream with one writer.
    pub async fn append_to_stream(
        &self,
        subject: &str,
        expected: u64,
        mut headers: HeaderMap,
        payload: Bytes,
    ) -> Answer {
        headers.insert(EXPECTED_LAST_SEQUENCE, expected.to_string());
        self.publish(subject, headers, payload).await
    }

    /// Publishes to a stream once.
    pub async fn publish(&self, subject: &str, headers: HeaderMap, payload: Bytes) -> Answer {
        let request = async_nats::Request::new().headers(headers).payload(payload).timeout(Some(APPEND_TIMEOUT));
        let reply = self.client.send_request(subject.to_string(), request).await;
        let ack = reply.ok().and_then(|reply| serde_json::from_slice::<PubAck>(&reply.payload).ok());
        let reply = match &ack {
            Some(PubAck { seq: Some(seq), error: None }) => Reply::Ack(*seq),
            Some(PubAck { error: Some(error), .. }) => {
                Reply::Error { err_code: error.err_code, description: &error.description }
            }
            Some(PubAck { seq: None, error: None }) | None => Reply::None,
        };
        reply.into()
    }

    /// Sequence of the last message on a subject, read from the stream's leader; 0 if there is none.
    pub async fn last_on(&self, stream: &str, subject: &str) -> Result<u64, BusError> {
        Ok(self.last_message_on(stream, subject).await?.map_or(0, |message| message.sequence))
    }

    /// The last message on a subject, read from the stream's leader.
    pub async fn last_message_on(&self, stream: &str, subject: &str) -> Result<Option<StreamMessage>, BusError> {
        self.stored(stream, json!({ "last_by_subj": subject })).await
    }

    /// The message with a sequence, from 1, read from the stream's leader; `None` if the stream has none.
    pub async fn message(&self, stream: &str, seq: u64) -> Result<Option<StreamMessage>, BusError> {
        self.stored(stream, json!({ "seq": seq })).await
    }

    /// The first message on a subject, or a wildcard, at a sequence or after it, read from the stream's leader.
    pub async fn message_from(&self, stream: &str, seq: u64, subject: &str) -> Result<Option<StreamMessage>, BusError> {
        self.stored(stream, json!({ "seq": seq, "next_by_subj": subject })).await
    }

    /// The last sequence of a stream, and its message if the stream still has it, read from the leader.
    pub async fn last_message(&self, stream: &str) -> Result<(u64, Option<StreamMessage>), BusError> {
        let last = self.last_sequence(stream).await?;
        Ok((last, if last == 0 { None } else { self.message(stream, last).await? }))
    }

    /// Reads a stored message as JSON. Headers that the client cannot parse are left out, and a subject that is not
    /// UTF-8 has replacement characters: a client that receives such a message as it is loses its connection.
    async fn stored(&self, stream: &str, request: serde_json::Value) -> Result<Option<StreamMessage>, BusError> {
        let failed = |why: String| BusError::request(format!("reading the message {request} of {stream}"), why);
        let reply = self.context.request(format!("STREAM.MSG.GET.{stream}"), &request).await;
        match reply.map_err(|error| failed(request_error(&error, self.is_client())))? {
            Response::Err { error } if error.error_code() == ErrorCode::NO_MESSAGE_FOUND => Ok(None),
            Response::Err { error } => Err(failed(error.to_string())),
            Response::Ok(Stored { message }) => {
                let bare = RawMessage { headers: None, ..message.clone() };
                let message = StreamMessage::try_from(message).or_else(|_| bare.try_into());
                message.map(Some).map_err(|error| failed(error.to_string()))
            }
        }
    }

    /// The `TapeCreated` of the first record of the tape, which must have the configured generation and hold the
    /// records that were copied.
    pub async fn tape(&self, partition: u16) -> Result<TapeCreated, BusError> {
        self.tape_of(partition, self.generations.tape(partition)).await
    }

    /// The `TapeCreated` of a generation of the tape, as [`Bus::tape`] reads it.
    pub async fn tape_of(&self, partition: u16, of: Generation) -> Result<TapeCreated, BusError> {
        let stream = StreamFamily::Tape.stream(partition, of);
        let no_tape = |why: String| BusError::NoTape { partition, stream: stream.clone(), why };
        let Some(found) = self.find_stream(&stream).await? else {
            return Err(match of == Generation::FIRST {
                true => no_tape("there is no such stream".into()),
                false => BusError::NoGeneration { stream },
            });
        };
        let last = found.cached_info().state.last_sequence;
        let Some(first) = self.message(&stream, 1).await? else {
            return Err(match last {
                0 => no_tape("it has no first record".into()),
                last => BusError::LostBeginning { stream, last },
            });
        };
        let (_, entries) = record::decode(&first.payload).map_err(|e| no_tape(e.to_string()))?;
        match entries.into_iter().next().map(|entry| entry.event) {
            Some(Event::TapeCreated(created)) => {
                let TapeCreated { partition: found, generation, .. } = created;
                match (found, generation) == (partition, of) {
                    true => self.complete(stream, created).await,
                    false => Err(BusError::OtherTape { stream, partition: found, generation }),
                }
            }
            _ => Err(no_tape("its first record is not a TapeCreated".into())),
        }
    }

    async fn complete(&self, stream: String, created: TapeCreated) -> Result<TapeCreated, BusError> {
        let Some(copied) = created.copied.last() else { return Ok(created) };
        let last = copied.last;
        let found = self.message(&stream, last).await?;
        match found.is_some_and(|found| RecordHash::of(&found.payload) == copied.hash) {
            true => Ok(created),
            false => Err(BusError::IncompleteTape { stream, last }),
        }
    }

    /// A stream, or `None` if the server says that there is none.
    pub async fn find_stream(&self, name: &str) -> Result<Option<jetstream::stream::Stream>, BusError> {
        use async_nats::jetstream::context::GetStreamErrorKind;
        match self.context.get_stream(name).await {
            Ok(stream) => Ok(Some(stream)),
            Err(error) => match error.kind() {
                GetStreamErrorKind::JetStream(e) if e.error_code() == ErrorCode::STREAM_NOT_FOUND => Ok(None),
                _ => Err(BusError::request(
                    format!("reading the state of stream {name}"),
                    request_error(&error, self.is_client()),
                )),
            },
        }
    }

    /// A stream that must exist.
    pub async fn stream(&self, name: &str) -> Result<jetstream::stream::Stream, BusError> {
        let none = || {
            BusError::request(
                format!("reading the state of stream {name}"),
                "there is no such stream; if it was deleted, or the server cannot read its files, see docs/recovery.md",
            )
        };
        self.find_stream(name).await?.ok_or_else(none)
    }

    /// The last sequence of a stream, from its leader.
    pub async fn last_sequence(&self, stream: &str) -> Result<u64, BusError> {
        Ok(self.stream(stream).await?.cached_info().state.last_sequence)
    }

    /// Whether the server has a tape of the partition.
    pub async fn has_tape(&self, partition: u16) -> Result<bool, BusError> {
        Ok(self.find_stream(&self.generations.tape_stream(partition)).await?.is_some())
    }

    /// The partitions of the server, in order, from 0: those of which it has a tape or a command inbox.
    pub async fn partitions(&self) -> Result<Vec<u16>, BusError> {
        let mut partitions = vec![0];
        for partition in 1..subject::PARTITIONS_MAX {
            let command = self.generations.command_stream(partition);
            if !self.has_tape(partition).await? && self.find_stream(&command).await?.is_none() {
                break;
            }
            partitions.push(partition);
        }
        Ok(partitions)
    }

    /// The tapes of all partitions, in order.
    pub async fn tapes(&self) -> Result<Vec<TapeCreated>, BusError> {
        let mut tapes = Vec::new();
        for partition in self.partitions().await? {
            tapes.push(self.tape(partition).await?);
        }
        Ok(tapes)
    }
}
