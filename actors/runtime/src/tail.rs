//! Reads a stream from a sequence on, in order and without gaps, across reconnects; no acknowledgements.

use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt};

use crate::bus::{Bus, BusError};

/// Most messages of a pull request.
const BATCH: usize = 256;
/// Most bytes of a pull request; bounds the memory of a reader.
const BATCH_BYTES: usize = 8 * 1024 * 1024;
const RETRY: Duration = Duration::from_millis(200);

/// A message as JetStream stored it.
#[derive(Debug, Clone)]
pub struct StoredMessage {
    /// Stream sequence, from 1.
    pub seq: u64,
    /// Subject on which it was published.
    pub subject: async_nats::Subject,
    /// Time at which JetStream stored it, ns since the epoch.
    pub stamp: u64,
    /// The message without its headers.
    pub payload: Bytes,
}

/// A reader of one stream.
pub struct Tail {
    bus: Bus,
    stream: String,
    filter: String,
    next_seq: u64,
    messages: Option<pull::Stream>,
    /// The consumer that is being created. Kept across cancellation: a new attempt each time would leave a consumer at
    /// the server.
    opening: Option<BoxFuture<'static, Result<(pull::Stream, u64), BusError>>>,
    consumer_seq: u64,
    pending: Option<u64>,
}

impl Tail {
    /// A reader from `next_seq` on; `filter` is one subject, or empty for all.
    pub fn new(bus: &Bus, stream: String, filter: String, next_seq: u64) -> Self {
        Self {
            bus: bus.clone(),
            stream,
            filter,
            next_seq,
            messages: None,
            opening: None,
            consumer_seq: 0,
            pending: None,
        }
    }

    /// Whether all messages have been returned that the stream held at the last report of the server.
    pub fn is_caught_up(&self) -> bool {
        self.pending == Some(0)
    }

    /// Whether the reader has a consumer at the server, as far as it knows.
    pub fn is_open(&self) -> bool {
        self.messages.is_some()
    }

    /// Messages in the stream that are not read yet, at the last report of the server.
    pub fn behind(&self) -> u64 {
        self.pending.unwrap_or(0)
    }

    /// The least sequence that the next message can have.
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// Waits for the next message. Cancel-safe.
    pub async fn next(&mut self) -> StoredMessage {
        loop {
            let Some(messages) = self.messages.as_mut() else {
                self.open().await;
                continue;
            };
            let next = messages.next().await;
            if let Some(stored) = self.take(next) {
                return stored;
            }
        }
    }

    /// The next message if it has been received already.
    pub fn try_next(&mut self) -> Option<StoredMessage> {
        let next = self.messages.as_mut()?.next().now_or_never()?;
        self.take(next)
    }

    /// The next message up to sequence `last`; `None` after it.
    pub async fn next_until(&mut self, last: u64) -> Option<StoredMessage> {
        if self.next_seq > last {
            return None;
        }
        let stored = self.next().await;
        (stored.seq <= last).then_some(stored)
    }

    fn take(
        &mut self,
        next: Option<Result<async_nats::jetstream::Message, pull::MessagesError>>,
    ) -> Option<StoredMessage> {
        let reopen = |tail: &mut Self, why: &str| {
            tracing::info!(stream = tail.stream, next = tail.next_seq, why, "creating a new consumer");
            (tail.messages, tail.pending) = (None, None);
            tail.opening = Some(tail.reader(RETRY));
            None
        };
        let message = match next {
            Some(Ok(message)) => message,
            Some(Err(error)) => return reopen(self, &error.to_string()),
            None => return reopen(self, "the consumer ended"),
        };
        let Ok(info) = message.info() else { return reopen(self, "a message lacks its metadata") };
        let (seq, consumer_seq, pending) = (info.stream_sequence, info.consumer_sequence, info.pending);
        let stamp = u64::try_from(info.published.unix_timestamp_nanos()).unwrap_or(0);
        if consumer_seq != self.consumer_seq + 1 || seq < self.next_seq {
            return reopen(self, "a message was lost in delivery");
        }
        self.consumer_seq = consumer_seq;
        self.next_seq = seq + 1;
        self.pending = Some(pending);
        let message = message.split().0;
        Some(StoredMessage { seq, subject: message.subject, stamp, payload: message.payload })
    }

    /// Waits until the consumer is created. Cancel-safe.
    async fn open(&mut self) {
        if self.opening.is_none() {
            self.opening = Some(self.reader(Duration::ZERO));
        }
        let Some(opening) = self.opening.as_mut() else { return };
        match opening.await {
            Ok((messages, pending)) => {
                (self.messages, self.opening, self.pending) = (Some(messages), None, Some(pending));
                self.consumer_seq = 0;
            }
            Err(error) => {
                tracing::warn!(stream = self.stream, %error, "cannot create a consumer; retrying");
                self.opening = Some(self.reader(RETRY));
            }
        }
    }

    /// Creates a consumer from the next sequence on after a delay; its messages and their number.
    fn reader(&self, after: Duration) -> BoxFuture<'static, Result<(pull::Stream, u64), BusError>> {
        let (context, stream, next_seq) = (self.bus.context().clone(), self.stream.clone(), self.next_seq);
        let config = pull::Config {
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: next_seq },
            ack_policy: AckPolicy::None,
            filter_subject: self.filter.clone(),
            inactive_threshold: Duration::from_secs(20),
            memory_storage: true,
            num_replicas: 1,
            ..Default::default()
        };
        Box::pin(async move {
            let failed = |why: String| BusError::request(format!("reading {stream} from {next_seq}"), why);
            if !after.is_zero() {
                tokio::time::sleep(after).await;
            }
            let consumer =
                context.create_consumer_on_stream(config, &stream).await.map_err(|e| failed(e.to_string()))?;
            let pending = consumer.cached_info().num_pending;
            let messages = consumer
                .stream()
                .max_messages_per_batch(BATCH)
                .max_bytes_per_batch(BATCH_BYTES)
                .expires(Duration::from_secs(10))
                .heartbeat(Duration::from_secs(1))
                .messages()
                .await
                .map_err(|e| failed(e.to_string()))?;
            Ok((messages, pending))
        })
    }
}
