//! Requests, stored messages and replies of the broker.

use std::sync::Arc;

use tapedeck_kernel::InboxMessage;
use tapedeck_schemas::generation::Generation;

/// The headers that the broker interprets, and others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers {
    /// `Nats-Msg-Id`.
    pub message_id: Option<String>,
    /// `Nats-Expected-Last-Subject-Sequence`.
    pub expected_last_subject_sequence: Option<u64>,
    /// `Nats-Expected-Last-Sequence`.
    pub expected_last_sequence: Option<u64>,
    /// Other headers, as name and value.
    pub others: Vec<(String, String)>,
}

/// A request to store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish {
    /// The subject to publish on.
    pub subject: String,
    /// Conditions and metadata.
    pub headers: Headers,
    /// The bytes to store.
    pub payload: Arc<[u8]>,
}

/// A stored message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The sequence in the stream, from 1.
    pub seq: u64,
    /// The subject that it was published on.
    pub subject: String,
    /// As published.
    pub headers: Headers,
    /// As published.
    pub payload: Arc<[u8]>,
    /// The time at which the broker stored it, ns.
    pub stamp: u64,
}

impl Message {
    /// The message as a driver or verifier reads it from an inbox.
    pub fn of_inbox(&self) -> InboxMessage<'_> {
        let Message { seq, subject, stamp, payload, .. } = self;
        InboxMessage { generation: Generation::FIRST, seq: *seq, subject, stamp: *stamp, payload }
    }
}

/// The broker's reply to a [`Publish`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// The message is stored, now or (`duplicate`) before under the same message id.
    Ack {
        /// The name of the stream.
        stream: String,
        /// The sequence of the stored message.
        seq: u64,
        /// Whether a message with this id was stored before.
        duplicate: bool,
    },
    /// The message is rejected.
    Error {
        /// Status code, as in HTTP.
        code: u16,
        /// JetStream's error code.
        err_code: u16,
        /// JetStream's description of the error.
        description: String,
    },
    /// The subject belongs to no stream, or its stream has no leader.
    NoResponders,
}
