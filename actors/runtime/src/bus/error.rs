//! The errors of requests to NATS.

use async_nats::jetstream::context::{RequestError, RequestErrorKind};
use tapedeck_schemas::generation::Generation;
use tapedeck_schemas::reason::Reason;

/// Why a request to NATS failed.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// The connection could not be established.
    #[error("cannot reach NATS at {url}: {source}; is the server running, and is the URL right?")]
    Connect {
        /// Without credentials.
        url: String,
        /// The error of the NATS client.
        source: async_nats::ConnectError,
    },
    /// The server rejected the key, or requires one.
    #[error(
        "NATS at {url} rejected the key; give that of a role or publisher with --nats-nkey, and check that users.conf \
         of the server has it"
    )]
    Unauthorized {
        /// Without credentials.
        url: String,
    },
    /// A request failed.
    #[error("{action}: {why}")]
    Request {
        /// The attempted action.
        action: String,
        /// The error of the client or of the server.
        why: String,
    },
    /// The partition has no tape of the configured generation.
    #[error(
        "partition {partition} has no tape {stream} ({why}); if it never had one, run `tapedeck provision`; else \
         correct --generations, or see docs/recovery.md"
    )]
    NoTape {
        /// Partition without a tape.
        partition: u16,
        /// Name of the stream.
        stream: String,
        /// The error of the server, or the defect of the first record.
        why: String,
    },
    /// There is no tape, but Postgres has rows of one.
    #[error(
        "there is no tape {stream}, but Postgres has rows of it: the stream was deleted, or the server cannot read its \
         files; keep a copy of its directory, and see docs/recovery.md before the stream is created again"
    )]
    LostTape {
        /// Name of the stream.
        stream: String,
    },
    /// The stream of the tape has lost its first record.
    #[error("{stream}, which ends at message {last}, lost the first record of the tape")]
    LostBeginning {
        /// Name of the stream.
        stream: String,
        /// The last sequence of the stream.
        last: u64,
    },
    /// A later generation of a tape is created complete, before it is configured.
    #[error(
        "{stream} does not exist: it was deleted, the server is not the one that holds it, or --generations is wrong; \
         if it was deleted, run `tapedeck recover` with the generation before it in --generations"
    )]
    NoGeneration {
        /// Name of the stream.
        stream: String,
    },
    /// The first record of the tape is that of another partition or generation than the name of the stream says.
    #[error("{stream} holds the tape of partition {partition}, generation {generation}")]
    OtherTape {
        /// Name of the stream.
        stream: String,
        /// The partition in its first record.
        partition: u16,
        /// The generation in its first record.
        generation: Generation,
    },
    /// The tape does not hold the records that its first record says were copied from an earlier generation.
    #[error(
        "{stream} does not hold record {last}, the last one that its first record says was copied from an earlier \
         generation: `tapedeck recover` did not complete it, or the copy was lost; set --generations to the \
         generation before it and run `tapedeck recover`"
    )]
    IncompleteTape {
        /// Name of the stream.
        stream: String,
        /// Sequence of the last record that was copied.
        last: u64,
    },
}

impl BusError {
    /// The error of a failed request; `action` is what was attempted.
    pub fn request(action: impl Into<String>, why: impl ToString) -> Self {
        BusError::Request { action: action.into(), why: why.to_string() }
    }

    /// The reason for which a group stops; `None` if a retry can succeed.
    pub fn stop(&self) -> Option<Reason> {
        match self {
            BusError::LostTape { .. } => Some(Reason::TapeLostData),
            BusError::LostBeginning { .. } => Some(Reason::RecordsMissing),
            BusError::OtherTape { .. } | BusError::IncompleteTape { .. } | BusError::NoGeneration { .. } => {
                Some(Reason::OtherTape)
            }
            BusError::Connect { .. }
            | BusError::Unauthorized { .. }
            | BusError::Request { .. }
            | BusError::NoTape { .. } => None,
        }
    }
}

/// The text of an error of the JetStream API. Its requests have no responders if JetStream is down, and also if the
/// account of a client's key does not import them.
pub(super) fn request_error(error: &(dyn std::error::Error + 'static), is_client: bool) -> String {
    let mut next = Some(error);
    while let Some(one) = next {
        if one.downcast_ref::<RequestError>().is_some_and(|one| one.kind() == RequestErrorKind::NoResponders) {
            let key = if is_client { ", or the key has no right to it" } else { "" };
            return format!("no responders: JetStream is unavailable{key}");
        }
        next = one.source();
    }
    error.to_string()
}
