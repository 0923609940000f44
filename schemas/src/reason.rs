//! The reasons for which a group is not ready.

use crate::describe::{Described, NameDoc, NamedType, Shape, Type};
use crate::names::names;

names! {
    /// The reason for which a group is not ready, as `/readyz` and the logs print it. A stop is final for its process:
    /// the group is not restarted. `docs/recovery.md` has a section for each stop.
    Reason {
        /// The group has not connected yet.
        Starting = 1 "starting",
        /// The group reads its input and has not reached the end.
        Recovering = 2 "recovering",
        /// The group has read its whole input and does not own its writer.
        Standby = 3 "standby",
        /// The last append is not acknowledged.
        AppendPending = 4 "append-pending",
        /// A projection failed and is retried.
        ProjectionFailed = 5 "projection-failed",
        /// The group is drained.
        Drained = 6 "drained",
        /// The group compares its streams with what is known of them, and appends nothing until it has.
        Checking = 7 "checking",
        /// No projector says what Postgres knows of the tape, and the group is told to wait for that.
        NoWitness = 8 "no-witness",
        /// There is no connection to NATS.
        NatsUnreachable = 9 "nats-unreachable",
        /// NATS is connected, but the leader of a stream does not answer: the cluster has no quorum or elects a leader,
        /// or JetStream is disabled.
        JetstreamUnavailable = 10 "jetstream-unavailable",
        /// The tape has no space for a record of the greatest size, and discards nothing.
        TapeFull = 11 "tape-full",
        /// An inbox has no space for a message of the greatest size, and discards nothing: its publishers are refused.
        InboxFull = 12 "inbox-full",
        /// Postgres cannot be reached, or does not answer.
        DatabaseUnreachable = 13 "database-unreachable",
        /// The group is ready, but has not reached the end of its input for 10 s.
        FallingBehind = 14 "falling-behind",
        /// No process of the group answers.
        NotRunning = 15 "not-running",
        /// Stop: a record continues its writer's chain, but this build does not understand it.
        RecordNotUnderstood = 16 "record-not-understood",
        /// Stop: a sequence of the tape is missing or repeated.
        RecordsMissing = 17 "records-missing",
        /// Stop: the stream holds another tape, or no tape.
        OtherTape = 18 "other-tape",
        /// Stop: a sequence of the inbox is missing or repeated.
        MessagesMissing = 19 "messages-missing",
        /// Stop: a recorded decision has a cause that is not in the input.
        UnknownCause = 20 "unknown-cause",
        /// Stop: the tape ends before a record that was acknowledged.
        TapeLostData = 21 "tape-lost-data",
        /// Stop: the last owner of the writer had a greater `LOGIC`.
        OlderLogic = 22 "older-logic",
        /// Stop: the database rejects the rows of a projection.
        ProjectionRejected = 23 "projection-rejected",
        /// Stop: the database holds rows of records that the tape does not hold.
        CheckpointMismatch = 24 "checkpoint-mismatch",
        /// Stop: the inbox does not hold the messages on which the decisions on the tape were made.
        InboxMismatch = 25 "inbox-mismatch",
        /// Stop: the database lost rows that the running projector had committed.
        DatabaseLostData = 26 "database-lost-data",
    }
}

impl Reason {
    /// Returns whether the group stopped and is not restarted.
    pub const fn is_stop(self) -> bool {
        self as u8 >= Reason::RecordNotUnderstood as u8
    }

    /// Returns whether a process with this reason is on its way to be ready, or stands by for one that is.
    pub const fn is_transient(self) -> bool {
        matches!(self, Reason::Starting | Reason::Recovering | Reason::Standby | Reason::Checking | Reason::Drained)
    }

    /// Returns what the reason means: its documentation, in one line.
    pub fn about(self) -> String {
        let NameDoc { doc, .. } = Self::docs()[Self::ALL.iter().position(|one| *one == self).unwrap_or(0)];
        doc.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ").trim_end_matches('.').into()
    }

    fn docs() -> &'static [NameDoc] {
        match Self::TYPE {
            Type::Named(NamedType { shape: Shape::Names(docs), .. }) => docs,
            _ => &[],
        }
    }

    /// Returns whether the group stopped because a store does not hold what it acknowledged. Then no other process of
    /// the group continues.
    pub const fn is_loss(self) -> bool {
        self.is_stop() && !matches!(self, Reason::RecordNotUnderstood | Reason::OlderLogic | Reason::ProjectionRejected)
    }

    /// Returns the exit status of a process whose group stopped: 40 for the first stop, and so on. Other reasons have
    /// none.
    pub const fn exit_status(self) -> Option<u8> {
        if self.is_stop() { Some(self as u8 - Reason::RecordNotUnderstood as u8 + 40) } else { None }
    }
}
