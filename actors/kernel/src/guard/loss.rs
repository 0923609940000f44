//! What a stream does not hold.

use tapedeck_schemas::reason::Reason;

use crate::checkpoint::CheckpointMismatch;

/// A stream does not hold what is known to have been in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StreamLoss {
    /// The tape was created again while it was read.
    #[error("the tape was deleted and created again: it was created at {known}, now at {created} (ns since 1970)")]
    TapeReplaced {
        /// The time at which it was created before.
        known: u64,
        /// The time at which it was created now.
        created: u64,
    },
    /// The tape is sealed.
    #[error("the tape is sealed: a later generation continues it; give that with --generations (TAPEDECK_GENERATIONS)")]
    TapeSealed,
    /// The tape was deleted.
    #[error("the tape was deleted: there is no such stream")]
    TapeDeleted,
    /// The tape ends before a record that was read.
    #[error("tape lost data: record {known} was read, but the tape now ends at {last}; do not restart this group")]
    TapeShort {
        /// The last sequence read.
        known: u64,
        /// The last sequence of the tape.
        last: u64,
    },
    /// The tape holds another message, or none, at the last sequence read.
    #[error("tape lost data: the tape does not hold record {seq} as it was read; do not restart this group")]
    TapeChanged {
        /// The last sequence read.
        seq: u64,
    },
    /// The tape lost its beginning.
    #[error("records of the tape are missing: it begins at {first}")]
    TapeMissing {
        /// The first sequence of the tape.
        first: u64,
    },
    /// The tape does not hold the next record to read, though it counts it.
    #[error("records of the tape are missing: record {next} is next, but the tape, which ends at {last}, lacks it")]
    TapeLacks {
        /// The next sequence to read.
        next: u64,
        /// The last sequence of the tape.
        last: u64,
    },
    /// The tape does not hold every record that it counts.
    #[error("records of the tape are missing: it holds {messages} up to {last}")]
    TapeHoles {
        /// The number of records.
        messages: u64,
        /// The last sequence of the tape.
        last: u64,
    },
    /// The tape does not hold the records that are projected.
    #[error("tape lost data: {0}; do not restart this group")]
    Projected(CheckpointMismatch),
    /// The rows of the partition are those of another tape.
    #[error("the rows in Postgres are of {0}, which is another tape or another generation of it")]
    OtherTape(String),
    /// The inbox was created again while it was read.
    #[error("the inbox was deleted and created again: it was created at {known}, now at {created} (ns since 1970)")]
    InboxReplaced {
        /// The time at which it was created before.
        known: u64,
        /// The time at which it was created now.
        created: u64,
    },
    /// The inbox was deleted.
    #[error("the inbox was deleted: there is no such stream")]
    InboxDeleted,
    /// The inbox ends before a message that was read or decided on.
    #[error("the inbox lost messages: message {known} was read or decided on, but the inbox ends at {last}")]
    InboxShort {
        /// The last message read or decided on.
        known: u64,
        /// The last sequence of the inbox.
        last: u64,
    },
    /// The inbox lost its beginning.
    #[error("messages of the inbox are missing: it begins at {first}, not at {known}")]
    InboxMissing {
        /// The first message that is not known to be lost.
        known: u64,
        /// The first sequence of the inbox.
        first: u64,
    },
    /// The inbox does not hold the next message to read, though it counts it.
    #[error("messages of the inbox are missing: message {next} is next, but the inbox, which ends at {last}, lacks it")]
    InboxLacks {
        /// The next sequence to read.
        next: u64,
        /// The last sequence of the inbox.
        last: u64,
    },
    /// The inbox does not hold every message that it counts.
    #[error("messages of the inbox are missing: it holds {messages} up to {last}, and {lost} are known to be lost")]
    InboxHoles {
        /// The number of messages.
        messages: u64,
        /// The last sequence of the inbox.
        last: u64,
        /// The number of messages that the tape says are lost.
        lost: u64,
    },
    /// The inbox holds another message, or none, at the last sequence read.
    #[error("the inbox lost messages: it does not hold message {seq} as it was read")]
    InboxChanged {
        /// The last sequence read.
        seq: u64,
    },
}

impl StreamLoss {
    /// The reason for which the group stops.
    pub fn reason(&self) -> Reason {
        match self {
            StreamLoss::TapeReplaced { .. } | StreamLoss::TapeSealed | StreamLoss::OtherTape(_) => Reason::OtherTape,
            StreamLoss::TapeDeleted
            | StreamLoss::TapeShort { .. }
            | StreamLoss::TapeChanged { .. }
            | StreamLoss::Projected(_) => Reason::TapeLostData,
            StreamLoss::TapeMissing { .. } | StreamLoss::TapeLacks { .. } | StreamLoss::TapeHoles { .. } => {
                Reason::RecordsMissing
            }
            StreamLoss::InboxMissing { .. } | StreamLoss::InboxLacks { .. } | StreamLoss::InboxHoles { .. } => {
                Reason::MessagesMissing
            }
            StreamLoss::InboxReplaced { .. }
            | StreamLoss::InboxDeleted
            | StreamLoss::InboxShort { .. }
            | StreamLoss::InboxChanged { .. } => Reason::InboxMismatch,
        }
    }
}
