//! What is published, stored and answered: the words that the broker and everybody around it share.

use std::sync::Arc;

/// Headers that the broker judges by; the rest is carried along.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers {
    /// `Nats-Msg-Id`.
    pub message_id: Option<String>,
    /// `Nats-Expected-Last-Subject-Sequence`.
    pub expected_last_subject_sequence: Option<u64>,
    /// `Nats-Expected-Last-Sequence`.
    pub expected_last_sequence: Option<u64>,
    /// Any others, as name and value.
    pub others: Vec<(String, String)>,
}

/// A request to store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish {
    /// Where.
    pub subject: String,
    /// Under which conditions.
    pub headers: Headers,
    /// What.
    pub payload: Arc<[u8]>,
}

/// A stored message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its sequence in the stream, from 1.
    pub seq: u64,
    /// Its subject.
    pub subject: String,
    /// Its headers.
    pub headers: Headers,
    /// Its bytes.
    pub payload: Arc<[u8]>,
    /// When the broker stored it, ns.
    pub stamp: u64,
}

/// The broker's answer to a [`Publish`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Stored, or (`duplicate`) stored before under the same message id.
    Ack {
        /// The stream.
        stream: String,
        /// The sequence of the message that is stored.
        seq: u64,
        /// Whether a message of this id was there already.
        duplicate: bool,
    },
    /// Refused.
    Error {
        /// As in HTTP.
        code: u16,
        /// JetStream's own code.
        err_code: u16,
        /// JetStream's words.
        description: String,
    },
    /// No stream takes the subject, or it has no leader now.
    NoResponders,
}
