//! Batches of messages that the server reads directly from a stream, without a consumer: a stream has a bounded number
//! of consumers, and a reader that used them up would leave none for the groups.
//!
//! Protocol: NATS ADR-31, batched direct get. The replies to one request are messages in order, then an end.

use std::time::Duration;

use async_nats::header::{IntoHeaderName, NATS_LAST_SEQUENCE, NATS_SEQUENCE};
use async_nats::jetstream::message::StreamMessage;
use async_nats::{HeaderMap, Message, StatusCode, Subscriber};
use futures_util::StreamExt;
use serde_json::json;
use tokio::time::Instant;

use super::{BATCH, BATCH_BYTES, StoredMessage, stamp};
use crate::bus::{Bus, BusError};

/// Header: messages of the stream after this one that the request selects.
const NUM_PENDING: &str = "Nats-Num-Pending";
/// How long a reply of a batch may take.
const REPLY_MAX: Duration = Duration::from_secs(5);
/// The status of a request that selects no message.
const NOT_FOUND: u16 = 404;
/// The status of the end of a batch.
const END_OF_BATCH: u16 = 204;

/// The replies to one request.
pub(super) struct DirectBatch {
    replies: Subscriber,
    /// Sequence of the last message in the batch; 0 for none.
    last: u64,
    /// When the next reply is overdue. Kept across calls, which may be cancelled.
    overdue: Instant,
}

/// A reply to a request for a batch.
pub(super) enum BatchReply {
    /// A message, and how many follow it in the stream.
    Message(StoredMessage, u64),
    /// The end of the batch, and how many messages follow it in the stream.
    End(u64),
}

impl DirectBatch {
    /// Requests the messages of `stream` on `subjects`, from `next_seq` on.
    pub(super) async fn request(bus: &Bus, stream: &str, subjects: &str, next_seq: u64) -> Result<Self, BusError> {
        let failed = |why: String| BusError::request(format!("reading {stream} from {next_seq}"), why);
        let inbox = bus.client().new_inbox();
        let replies = bus.client().subscribe(inbox.clone()).await.map_err(|e| failed(e.to_string()))?;
        let request = json!({"seq": next_seq, "next_by_subj": subjects, "batch": BATCH, "max_bytes": BATCH_BYTES});
        let subject = bus.api_subject(&format!("DIRECT.GET.{stream}"));
        let sent = bus.client().publish_with_reply(subject, inbox, request.to_string().into()).await;
        sent.map_err(|e| failed(e.to_string()))?;
        Ok(Self { replies, last: 0, overdue: Instant::now() + REPLY_MAX })
    }

    /// The next reply; an error says why the rest of the batch cannot be read. Cancel-safe.
    pub(super) async fn next(&mut self) -> Result<BatchReply, String> {
        let reply = tokio::time::timeout_at(self.overdue, self.replies.next()).await;
        self.overdue = Instant::now() + REPLY_MAX;
        let reply = reply.map_err(|_| format!("the server sent nothing for {} s", REPLY_MAX.as_secs()))?;
        let reply = reply.ok_or("the subscription ended")?;
        let headers = reply.headers.clone().unwrap_or_default();
        // A stored message may have a status of its own: only replies without a message are ends.
        if headers.get(NATS_SEQUENCE).is_none() {
            return end(&reply, &headers).map(BatchReply::End);
        }
        let pending = number(&headers, NUM_PENDING).ok_or("a message lacks its metadata")?;
        let previous = number(&headers, NATS_LAST_SEQUENCE).ok_or("a message lacks its metadata")?;
        let StreamMessage { sequence: seq, subject, time, payload, .. } =
            reply.try_into().map_err(|error| format!("a message lacks its metadata: {error}"))?;
        if previous != self.last || seq <= previous {
            return Err("a message was lost in delivery".into());
        }
        self.last = seq;
        let stored = StoredMessage { seq, subject, stamp: stamp(time.unix_timestamp_nanos()), payload };
        Ok(BatchReply::Message(stored, pending))
    }
}

/// The number of messages after the end that a reply reports.
fn end(reply: &Message, headers: &HeaderMap) -> Result<u64, String> {
    match reply.status.map(|status| status.as_u16()) {
        Some(END_OF_BATCH) => Ok(number(headers, NUM_PENDING).unwrap_or(0)),
        Some(NOT_FOUND) => Ok(0),
        Some(status) if status == StatusCode::NO_RESPONDERS.as_u16() => {
            Err("no responders: there is no such stream, or no server to read it".into())
        }
        status => {
            let description = reply.description.as_deref().unwrap_or("no description");
            Err(format!("status {}: {description}", status.unwrap_or_default()))
        }
    }
}

/// A header of digits. The server's own headers are the last of their names.
fn number(headers: &HeaderMap, name: impl IntoHeaderName) -> Option<u64> {
    headers.get_last(name)?.as_str().parse().ok()
}
