//! Reads a stream from a sequence on, in order, without acks and without gaps, whatever happens to the connection.

use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};

use crate::bus::{Bus, BusError};

/// Messages asked for at a time. Records are up to 256 KiB: this bounds what is in memory per reader.
const BATCH: usize = 256;
/// Bytes asked for at a time.
const BATCH_BYTES: usize = 8 * 1024 * 1024;
const RETRY: Duration = Duration::from_millis(200);

/// One stored message.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Stream sequence.
    pub seq: u64,
    /// Its subject.
    pub subject: async_nats::Subject,
    /// When the broker stored it, ns since the epoch.
    pub stamp: u64,
    /// Its bytes.
    pub payload: Bytes,
}

/// A reader at its place in a stream.
pub struct Tail {
    bus: Bus,
    stream: String,
    filter: String,
    next_seq: u64,
    messages: Option<pull::Stream>,
    consumer_seq: u64,
    pending: Option<u64>,
}

impl Tail {
    /// Reads from `next_seq` on; `filter` is one subject, or empty for all.
    pub fn new(bus: &Bus, stream: String, filter: String, next_seq: u64) -> Self {
        Self { bus: bus.clone(), stream, filter, next_seq, messages: None, consumer_seq: 0, pending: None }
    }

    /// Whether everything that was in the stream at some moment since the start has been handed out.
    pub fn is_caught_up(&self) -> bool {
        self.pending == Some(0)
    }

    /// Whether there is a reader at the broker, as far as is known.
    pub fn is_open(&self) -> bool {
        self.messages.is_some()
    }

    /// Messages known to wait in the stream.
    pub fn behind(&self) -> u64 {
        self.pending.unwrap_or(0)
    }

    /// The sequence that comes next at the earliest.
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// The next message; waits for it as long as it takes. Cancel-safe.
    pub async fn next(&mut self) -> Stored {
        loop {
            let Some(messages) = self.messages.as_mut() else {
                if let Err(error) = self.open().await {
                    tracing::warn!(stream = self.stream, %error, "cannot read, trying again");
                    tokio::time::sleep(RETRY).await;
                }
                continue;
            };
            let next = messages.next().await;
            if let Some(stored) = self.take(next) {
                return stored;
            }
            if self.messages.is_none() {
                tokio::time::sleep(RETRY).await;
            }
        }
    }

    /// The next message if it is here already.
    pub fn try_next(&mut self) -> Option<Stored> {
        let next = self.messages.as_mut()?.next().now_or_never()?;
        self.take(next)
    }

    /// Reads up to the present end of the stream, then stops: `None` at the end.
    pub async fn next_until(&mut self, last: u64) -> Option<Stored> {
        if self.next_seq > last {
            return None;
        }
        let stored = self.next().await;
        (stored.seq <= last).then_some(stored)
    }

    fn take(&mut self, next: Option<Result<async_nats::jetstream::Message, pull::MessagesError>>) -> Option<Stored> {
        let reopen = |tail: &mut Self, why: &str| {
            tracing::info!(stream = tail.stream, next = tail.next_seq, why, "opening the reader anew");
            tail.messages = None;
            tail.pending = None;
            None
        };
        let message = match next {
            Some(Ok(message)) => message,
            Some(Err(error)) => return reopen(self, &error.to_string()),
            None => return reopen(self, "the reader ended"),
        };
        let Ok(info) = message.info() else { return reopen(self, "a message without its metadata") };
        let (seq, consumer_seq, pending) = (info.stream_sequence, info.consumer_sequence, info.pending);
        let stamp = u64::try_from(info.published.unix_timestamp_nanos()).unwrap_or(0);
        if consumer_seq != self.consumer_seq + 1 || seq < self.next_seq {
            return reopen(self, "a message was dropped on the way");
        }
        self.consumer_seq = consumer_seq;
        self.next_seq = seq + 1;
        self.pending = Some(pending);
        let message = message.split().0;
        Some(Stored { seq, subject: message.subject, stamp, payload: message.payload })
    }

    async fn open(&mut self) -> Result<(), BusError> {
        let failed = |why: String| BusError::request(format!("reading {} from {}", self.stream, self.next_seq), why);
        let config = pull::Config {
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: self.next_seq },
            ack_policy: AckPolicy::None,
            filter_subject: self.filter.clone(),
            inactive_threshold: Duration::from_secs(20),
            memory_storage: true,
            num_replicas: 1,
            ..Default::default()
        };
        let context = self.bus.context();
        let consumer =
            context.create_consumer_on_stream(config, &self.stream).await.map_err(|e| failed(e.to_string()))?;
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
        self.consumer_seq = 0;
        self.pending = Some(pending);
        self.messages = Some(messages);
        Ok(())
    }
}
