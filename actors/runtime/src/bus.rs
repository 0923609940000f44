//! The NATS connection, and the few requests that exactly-once rests on: a fenced append and reads by the leader.

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::{self, stream::LastRawMessageErrorKind};
use bytes::Bytes;
use serde::Deserialize;
use tapedeck_kernel::Answer;
use tapedeck_kernel::reply::{EXPECTED_LAST_SEQUENCE, Reply, append_headers};
use tapedeck_schemas::event::{Event, TapeCreated};
use tapedeck_schemas::{record, subject};

use crate::streams::PARTITIONS_MAX;

/// How long an append may go unanswered before it is asked again.
pub const APPEND_TIMEOUT: Duration = Duration::from_secs(5);

/// Why the broker could not be asked, or what it answered.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// No connection.
    #[error("cannot reach NATS at {url}: {source}; is the server running, and is the URL right?")]
    Connect {
        /// Where (without credentials).
        url: String,
        /// What the client says.
        source: async_nats::ConnectError,
    },
    /// A request failed.
    #[error("{what}: {why}")]
    Request {
        /// What was asked.
        what: String,
        /// What went wrong.
        why: String,
    },
    /// The partition has no tape.
    #[error("partition {partition} has no tape ({why}); run `tapedeck provision`")]
    NoTape {
        /// Which.
        partition: u16,
        /// What was found instead.
        why: String,
    },
}

impl BusError {
    /// A failed request, with what was asked.
    pub fn request(what: impl Into<String>, why: impl ToString) -> Self {
        BusError::Request { what: what.into(), why: why.to_string() }
    }
}

/// Which NATS, and as whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NatsAccess {
    /// Where, as nats://host:4222.
    pub url: String,
    /// The file with the seed of the nkey to connect with; read at every connect, so that it may be replaced. None: a
    /// server that is open. With one, the API of JetStream is where [`subject::API_PREFIX`] says.
    pub nkey: Option<PathBuf>,
}

impl From<&str> for NatsAccess {
    fn from(url: &str) -> Self {
        Self { url: url.into(), nkey: None }
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
}

/// The broker's answer to a publish, as JetStream writes it.
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
    /// Connects; keeps reconnecting for ever afterwards.
    pub async fn connect(access: impl Into<NatsAccess>, name: &str) -> Result<Self, BusError> {
        let NatsAccess { url, nkey } = access.into();
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
        let client = options
            .name(name)
            .client_capacity(4096)
            .event_callback(|event| async move {
                match event {
                    async_nats::Event::Connected | async_nats::Event::Closed | async_nats::Event::ClientError(_) => {
                        tracing::debug!(%event, "nats connection")
                    }
                    async_nats::Event::Disconnected => tracing::warn!("disconnected from nats, reconnecting"),
                    other => tracing::warn!(event = %other, "nats connection event"),
                }
            })
            .connect(&url)
            .await
            .map_err(|source| BusError::Connect { url: without_credentials(&url), source })?;
        let timed = || jetstream::ContextBuilder::new().timeout(APPEND_TIMEOUT);
        let context = timed().build(client.clone());
        let mut bus = Self { client, context };
        if nkey.is_some() && !bus.owns_streams().await? {
            bus.context = timed().api_prefix(subject::API_PREFIX).build(bus.client.clone());
        }
        Ok(bus)
    }

    /// Whether the account has JetStream of its own, or is given that of another.
    async fn owns_streams(&self) -> Result<bool, BusError> {
        use async_nats::jetstream::{ErrorCode, context::AccountErrorKind};
        let asked = self.context.query_account().await;
        match asked.map_err(|error| error.kind()) {
            Ok(_) => Ok(true),
            Err(AccountErrorKind::JetStream(error))
                if error.error_code() == ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT =>
            {
                Ok(false)
            }
            Err(AccountErrorKind::JetStreamUnavailable) => Ok(false),
            Err(kind) => Err(BusError::request("what this account may do", kind)),
        }
    }

    /// The client, for what is not stored.
    pub fn client(&self) -> &async_nats::Client {
        &self.client
    }

    /// The JetStream context.
    pub fn context(&self) -> &jetstream::Context {
        &self.context
    }

    /// Appends a record behind the fence, once, and says what the broker answered.
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

    /// Appends a message behind a fence over the whole stream, for a stream with one writer.
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

    /// Publishes to a stream, once, and says what the broker answered.
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

    /// Sequence of the last message on a subject, by a leader's read; 0 if there is none.
    pub async fn last_on(&self, stream: &str, subject: &str) -> Result<u64, BusError> {
        Ok(self.last_message_on(stream, subject).await?.map_or(0, |message| message.sequence))
    }

    /// The last message on a subject, by a leader's read.
    pub async fn last_message_on(
        &self,
        stream: &str,
        subject: &str,
    ) -> Result<Option<jetstream::message::StreamMessage>, BusError> {
        let failed = |why: String| BusError::request(format!("last message on {subject} in {stream}"), why);
        let handle = self.context.get_stream_no_info(stream).await.map_err(|e| failed(e.to_string()))?;
        match handle.get_last_raw_message_by_subject(subject).await {
            Ok(message) => Ok(Some(message)),
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(failed(error.to_string())),
        }
    }

    /// The last message of a stream, by a leader's read.
    pub async fn last_message(&self, stream: &str) -> Result<Option<jetstream::message::StreamMessage>, BusError> {
        let failed = |why: String| BusError::request(format!("last message of {stream}"), why);
        let handle = self.context.get_stream(stream).await.map_err(|e| failed(e.to_string()))?;
        match handle.cached_info().state.last_sequence {
            0 => Ok(None),
            last => handle.get_raw_message(last).await.map(Some).map_err(|e| failed(e.to_string())),
        }
    }

    /// What the tape's first record says of it.
    pub async fn tape(&self, partition: u16) -> Result<TapeCreated, BusError> {
        let no_tape = |why: String| BusError::NoTape { partition, why };
        let stream = subject::tape_stream(partition);
        let handle = self.context.get_stream_no_info(&stream).await.map_err(|e| no_tape(e.to_string()))?;
        let first = handle.get_raw_message(1).await.map_err(|e| no_tape(format!("{stream}: {e}")))?;
        let (_, entries) = record::decode(&first.payload).map_err(|e| no_tape(e.to_string()))?;
        match entries.into_iter().next().map(|entry| entry.event) {
            Some(Event::TapeCreated(created)) => Ok(created),
            _ => Err(no_tape("its first record does not create one".into())),
        }
    }

    /// A stream, or `None` if there is none; an error if nobody can tell.
    pub async fn find_stream(&self, name: &str) -> Result<Option<jetstream::stream::Stream>, BusError> {
        use async_nats::jetstream::{ErrorCode, context::GetStreamErrorKind};
        match self.context.get_stream(name).await {
            Ok(stream) => Ok(Some(stream)),
            Err(error) => match error.kind() {
                GetStreamErrorKind::JetStream(e) if e.error_code() == ErrorCode::STREAM_NOT_FOUND => Ok(None),
                _ => Err(BusError::request(format!("looking at {name}"), error)),
            },
        }
    }

    /// Whether the partition has a tape; an error if nobody can tell.
    pub async fn has_tape(&self, partition: u16) -> Result<bool, BusError> {
        Ok(self.find_stream(&subject::tape_stream(partition)).await?.is_some())
    }

    /// Every tape, in order of its partition: all of them, or an error.
    pub async fn tapes(&self) -> Result<Vec<TapeCreated>, BusError> {
        let mut tapes = vec![self.tape(0).await?];
        for partition in 1..PARTITIONS_MAX as u16 {
            if !self.has_tape(partition).await? {
                break;
            }
            tapes.push(self.tape(partition).await?);
        }
        Ok(tapes)
    }
}

/// Proves to the server who we are: the public key and the signed nonce.
fn sign(seed: &Path, nonce: &[u8]) -> Result<async_nats::Auth, String> {
    let failed = |why: String| format!("the nkey seed in {}: {why}", seed.display());
    let text = std::fs::read_to_string(seed).map_err(|e| failed(e.to_string()))?;
    let pair = nkeys::KeyPair::from_seed(text.trim()).map_err(|e| failed(e.to_string()))?;
    let signature = pair.sign(nonce).map_err(|e| failed(e.to_string()))?;
    let mut auth = async_nats::Auth::new();
    auth.nkey = Some(pair.public_key());
    auth.signature = Some(signature);
    Ok(auth)
}

/// A URL as it may be shown: without user and password.
pub fn without_credentials(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, tail) = rest.split_once('/').map_or((rest, ""), |(a, t)| (a, t));
            let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            if tail.is_empty() { format!("{scheme}://{host}") } else { format!("{scheme}://{host}/{tail}") }
        }
        None => url.rsplit_once('@').map_or(url, |(_, host)| host).to_string(),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_shown_url_has_no_credentials() {
        for (url, shown) in [
            ("nats://u:p@127.0.0.1:4222", "nats://127.0.0.1:4222"),
            ("postgres://t:secret@h:1/db", "postgres://h:1/db"),
            ("nats://h:4222", "nats://h:4222"),
            ("u:p@h", "h"),
        ] {
            assert_eq!(super::without_credentials(url), shown);
        }
    }
}
