//! Reads a stream from a sequence on, in order and without gaps, across reconnects; no acknowledgements.
//!
//! Groups read through a consumer, which delivers a message at once. Other programs read in batches, without one:
//! [`Bus::without_consumers`].

use std::time::{Duration, Instant};

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::message::StreamMessage;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::watch;

use crate::bus::{Bus, BusError};

mod batch;

use batch::{BatchReply, DirectBatch};

/// Most messages of a request.
const BATCH: usize = 256;
/// Most bytes of a request; bounds the memory of a reader.
const BATCH_BYTES: usize = 8 * 1024 * 1024;
const RETRY: Duration = Duration::from_millis(200);
/// How long a reader without a consumer waits at the end of the stream before it asks again.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// Consumers in a row without a message after which the next message is read singly.
const FRUITLESS_MAX: u32 = 2;
/// Time without a message after which a reader with an end asks the leader whether there are more.
const DELIVERY_DELAY_MAX: Duration = Duration::from_secs(2);

/// How long the server may refuse or not answer until a reader with an end gives up.
pub const FAILING_MAX: Duration = Duration::from_secs(10);

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
    messages: Option<Delivery>,
    /// The consumer that is being created, or the message that is being read. Kept across cancellation: a new attempt
    /// each time would leave a consumer at the server.
    opening: Option<BoxFuture<'static, Result<Opened, BusError>>>,
    /// The consumers in a row that gave no message.
    fruitless: u32,
    disconnects: watch::Receiver<u64>,
    consumer_seq: u64,
    pending: Option<u64>,
    /// Whether a consumer was lost, and the caller has not been told.
    was_reopened: bool,
    /// Since when the server refuses or does not answer, and what it said last.
    failing: Option<(Instant, String)>,
}

/// Where the messages come from: a consumer, or a direct get.
enum Delivery {
    /// Through a consumer.
    Consumer(Box<pull::Stream>),
    /// As the replies to one request.
    Batch(DirectBatch),
}

enum Opened {
    /// The messages of a consumer, and their number.
    Consumer(Box<pull::Stream>, u64),
    /// The messages of a batch.
    Batch(DirectBatch),
    /// The next message, read singly.
    Message(StoredMessage),
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
            fruitless: 0,
            disconnects: bus.disconnects(),
            consumer_seq: 0,
            pending: None,
            was_reopened: false,
            failing: None,
        }
    }

    fn failed(&mut self, why: String) {
        let since = self.failing.as_ref().map_or_else(Instant::now, |(since, _)| *since);
        self.failing = Some((since, why));
    }

    /// Fails if the server has refused or not answered for [`FAILING_MAX`].
    fn check_failing(&self) -> Result<(), BusError> {
        match &self.failing {
            Some((since, why)) if since.elapsed() >= FAILING_MAX => {
                let action = format!("reading {} from {} for {} s", self.stream, self.next_seq, FAILING_MAX.as_secs());
                Err(BusError::request(action, why))
            }
            _ => Ok(()),
        }
    }

    /// Whether all messages have been returned that the stream held at the last report of the server.
    pub fn is_caught_up(&self) -> bool {
        self.pending == Some(0)
    }

    /// Whether a consumer or a batch is open at the server, as far as the reader knows.
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
            self.was_reopened = false;
            if let Some(stored) = self.next_or_reopened().await {
                return stored;
            }
        }
    }

    /// Waits for the next message; `None` from the loss of a consumer until [`Tail::take_reopened`]: what the next
    /// consumer reads may be something else. Cancel-safe.
    pub async fn next_or_reopened(&mut self) -> Option<StoredMessage> {
        loop {
            if self.was_reopened {
                return None;
            }
            let Some(messages) = self.messages.as_mut() else {
                if let Some(stored) = self.open().await {
                    return Some(stored);
                }
                continue;
            };
            tokio::select! { biased;
                next = messages.next() => if let Some(stored) = self.take(next) {
                    return Some(stored);
                },
                // A message that the client cannot parse ends the connection, and a consumer gives it once.
                Ok(()) = self.disconnects.changed() => self.reopen("the connection was lost"),
            }
        }
    }

    /// Whether a consumer was lost since the last call. Then messages are returned again.
    pub fn take_reopened(&mut self) -> bool {
        std::mem::take(&mut self.was_reopened)
    }

    /// The next message if it has been received already, and no consumer was lost.
    pub fn try_next(&mut self) -> Option<StoredMessage> {
        let next = self.messages.as_mut()?.next().now_or_never()?;
        self.take(next)
    }

    /// The next message up to sequence `last`; `None` after it, or if the stream has no more messages. Cancel-safe.
    ///
    /// # Errors
    /// If the server refuses or does not answer for [`FAILING_MAX`].
    pub async fn next_until(&mut self, last: u64) -> Result<Option<StoredMessage>, BusError> {
        while self.next_seq <= last {
            if let Ok(stored) = tokio::time::timeout(DELIVERY_DELAY_MAX, self.next()).await {
                return Ok((stored.seq <= last).then_some(stored));
            }
            self.check_failing()?;
            // The leader knows: a consumer may be at a replica that is behind.
            match self.bus.message_from(&self.stream, self.next_seq, &self.subjects()).await {
                Ok(None) => return Ok(None),
                Ok(Some(_)) => {}
                Err(error) => self.failed(error.to_string()),
            }
        }
        Ok(None)
    }

    /// As [`Tail::next_until`], but also past messages that the server counts and cannot read: a consumer does not
    /// advance at them. Cancel-safe.
    ///
    /// # Errors
    /// As [`Tail::next_until`].
    pub async fn next_readable_until(&mut self, last: u64) -> Result<Option<StoredMessage>, BusError> {
        loop {
            if let Some(stored) = self.next_until(last).await? {
                return Ok(Some(stored));
            }
            let mut seq = self.next_seq;
            loop {
                match self.bus.message(&self.stream, seq).await {
                    _ if seq > last => return Ok(None),
                    Ok(Some(_)) => break,
                    Ok(None) => seq += 1,
                    Err(error) => {
                        self.failed(error.to_string());
                        self.check_failing()?;
                        tokio::time::sleep(RETRY).await;
                    }
                }
            }
            self.skip_to(seq);
        }
    }

    /// Continues at the message `seq`, if it is after the next one: the messages before it are known to be lost. The
    /// server may count them, and a consumer does not advance at them.
    pub fn skip_to(&mut self, seq: u64) {
        if seq > self.next_seq {
            (self.next_seq, self.messages, self.opening, self.pending) = (seq, None, None, None);
        }
    }

    fn take(&mut self, next: Delivered) -> Option<StoredMessage> {
        let (stored, pending) = match next {
            Delivered::Consumer(next) => self.take_message(next).inspect_err(|why| self.reopen(why)).ok()?,
            Delivered::Batch(Ok(BatchReply::Message(stored, pending))) => (stored, pending),
            Delivered::Batch(Ok(BatchReply::End(pending))) => {
                (self.fruitless, self.failing) = (0, None);
                (self.messages, self.pending) = (None, Some(pending));
                self.opening = Some(self.reader(if pending == 0 { POLL_INTERVAL } else { Duration::ZERO }));
                return None;
            }
            Delivered::Batch(Err(why)) => {
                self.failed(why.clone());
                self.reopen(&why);
                return None;
            }
        };
        if stored.seq < self.next_seq {
            self.reopen("a message was lost in delivery");
            return None;
        }
        (self.fruitless, self.failing) = (0, None);
        self.next_seq = stored.seq + 1;
        self.pending = Some(pending);
        Some(stored)
    }

    /// The next message of a consumer, and how many follow it; an error if it is not the next.
    fn take_message(&mut self, next: Option<ConsumerMessage>) -> Result<(StoredMessage, u64), String> {
        let message = next.ok_or("the consumer ended")?.map_err(|error| error.to_string())?;
        let info = message.info().map_err(|_| "a message lacks its metadata")?;
        let (seq, consumer_seq, pending) = (info.stream_sequence, info.consumer_sequence, info.pending);
        let stamp = stamp(info.published.unix_timestamp_nanos());
        if consumer_seq != self.consumer_seq + 1 {
            return Err("a message was lost in delivery".into());
        }
        self.consumer_seq = consumer_seq;
        let message = message.split().0;
        Ok((StoredMessage { seq, subject: message.subject, stamp, payload: message.payload }, pending))
    }

    fn reopen(&mut self, why: &str) {
        tracing::info!(stream = self.stream, next = self.next_seq, why, "reading again");
        (self.messages, self.pending, self.was_reopened) = (None, None, true);
        self.fruitless = self.fruitless.saturating_add(1);
        self.opening = Some(self.reader(RETRY * self.fruitless.clamp(1, 10)));
    }

    /// Waits until the consumer is created, or returns a message that was read singly. Cancel-safe.
    async fn open(&mut self) -> Option<StoredMessage> {
        if self.opening.is_none() {
            self.opening = Some(self.reader(Duration::ZERO));
        }
        let opening = self.opening.as_mut()?;
        match opening.await {
            Ok(Opened::Consumer(messages, pending)) => {
                (self.messages, self.opening) = (Some(Delivery::Consumer(messages)), None);
                (self.consumer_seq, self.pending) = (0, Some(pending));
                None
            }
            Ok(Opened::Batch(batch)) => {
                (self.messages, self.opening) = (Some(Delivery::Batch(batch)), None);
                None
            }
            Ok(Opened::Message(stored)) => {
                tracing::warn!(stream = self.stream, seq = stored.seq, "read a message singly");
                (self.opening, self.next_seq) = (None, stored.seq + 1);
                self.fruitless = FRUITLESS_MAX - 1;
                Some(stored)
            }
            Err(error) => {
                tracing::warn!(stream = self.stream, %error, "cannot read; retrying");
                self.failed(error.to_string());
                self.opening = Some(self.reader(RETRY));
                None
            }
        }
    }

    /// The subjects of the messages that are read, with wildcards.
    fn subjects(&self) -> String {
        if self.filter.is_empty() { ">".into() } else { self.filter.clone() }
    }

    /// Creates a consumer, or requests a batch, from the next sequence on after a delay. If the last ones gave no
    /// message, one is read singly before: its subject or its headers may be such that the client drops the connection
    /// that delivers it.
    fn reader(&mut self, after: Duration) -> BoxFuture<'static, Result<Opened, BusError>> {
        self.disconnects.mark_unchanged();
        let (bus, stream, next_seq) = (self.bus.clone(), self.stream.clone(), self.next_seq);
        let singly = self.fruitless >= FRUITLESS_MAX;
        let subjects = self.subjects();
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
            // On an error a consumer or a batch is tried again.
            let found = if singly { bus.message_from(&stream, next_seq, &subjects).await.ok().flatten() } else { None };
            if let Some(StreamMessage { sequence: seq, subject, time, payload, .. }) = found {
                let stamp = stamp(time.unix_timestamp_nanos());
                return Ok(Opened::Message(StoredMessage { seq, subject, stamp, payload }));
            }
            if !bus.uses_consumers() {
                return DirectBatch::request(&bus, &stream, &subjects, next_seq).await.map(Opened::Batch);
            }
            let created = bus.context().create_consumer_on_stream(config, &stream).await;
            let consumer = created.map_err(|e| failed(e.to_string()))?;
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
            Ok(Opened::Consumer(Box::new(messages), pending))
        })
    }
}

/// A message of a consumer.
type ConsumerMessage = Result<async_nats::jetstream::Message, pull::MessagesError>;

/// A message or reply of either delivery, or the reason why there is none.
#[allow(clippy::large_enum_variant)] // short-lived: matched as soon as it arrives
enum Delivered {
    Consumer(Option<ConsumerMessage>),
    Batch(Result<BatchReply, String>),
}

impl Delivery {
    /// Waits for what arrives next. Cancel-safe.
    async fn next(&mut self) -> Delivered {
        match self {
            Delivery::Consumer(messages) => Delivered::Consumer(messages.next().await),
            Delivery::Batch(batch) => Delivered::Batch(batch.next().await),
        }
    }
}

/// Time at which a message was stored, ns since the epoch.
fn stamp(nanos: i128) -> u64 {
    u64::try_from(nanos).unwrap_or(0)
}
