//! The messages between the shell and the driver.

use std::sync::Arc;

use tapedeck_schemas::generation::Generation;
use tapedeck_schemas::reason::Reason;
use tapedeck_schemas::subject::TapeSubject;

use crate::guard::{StreamLoss, StreamsAnswer, StreamsQuestion};
use crate::inbox::{InboxMessage, InboxMismatch};
use crate::liveness::OwnerAnswer;
use crate::merge::UnknownCause;
use crate::tape::TapeFault;

/// A message from the shell to the driver, not to be confused with an input of the machine.
#[derive(Debug)]
pub enum Input<'a> {
    /// The next message of the tape, on any subject.
    Tape {
        /// Stream sequence.
        seq: u64,
        /// Time at which JetStream stored it, ns since the Unix epoch.
        stamp: u64,
        /// Subject of the message.
        subject: TapeSubject<'a>,
        /// Bytes of the message.
        payload: &'a [u8],
    },
    /// The next message of the inbox.
    Inbox(InboxMessage<'a>),
    /// The answer to an append.
    Answer {
        /// Number of the attempt. An answer to an earlier attempt is ignored.
        attempt: u64,
        /// The answer of JetStream.
        answer: Answer,
    },
    /// The result of [`Output::AskOwner`].
    OwnerAnswer {
        /// Number of the question. An answer to an earlier question is ignored.
        question: u64,
        /// The result.
        answer: OwnerAnswer,
    },
    /// The result of [`Output::ReadOwnLast`]: the last sequence of the own subject as the stream leader reports it, 0
    /// if there is none; `None` if it could not be read. The driver becomes the owner once it has applied that record.
    OwnLast(Option<u64>),
    /// Reading was interrupted: the connection was lost, or a consumer was created again. Nothing is appended until the
    /// streams are checked.
    Interrupted,
    /// The result of [`Output::CheckStreams`]; `None` if a stream could not be read.
    Streams {
        /// Number of the question. An answer to an earlier question is ignored.
        number: u64,
        /// The answer.
        answer: Option<Box<StreamsAnswer>>,
    },
    /// Finish the inputs received so far, then stop.
    Drain,
}

/// The answer of JetStream to an append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Stored at this sequence.
    Committed(u64),
    /// "Wrong last sequence", with the subject's last sequence as read from the leader afterwards, if that succeeded.
    WrongLast(Option<u64>),
    /// Timeout, disconnect, no responders, error 10164 (append in flight) or 10008 (temporarily unavailable).
    Unknown,
    /// The stream is sealed: nothing is ever stored in it again.
    Sealed,
    /// Rejected for another reason (stream full or deleted), with the error text of JetStream.
    Rejected(String),
}

/// A message from the driver to the shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Append these bytes to the writer's subject, expecting its last sequence to be `expected`.
    Append {
        /// Number of the attempt, to be returned with the answer.
        attempt: u64,
        /// Failed attempts at this record so far, for back-off.
        failures: u32,
        /// Expected last sequence of the subject: the fence.
        expected: u64,
        /// Bytes of the record.
        payload: Arc<[u8]>,
    },
    /// Ask the owner of the writer, and wait for the reply for at most
    /// [`ANSWER_TIMEOUT`](crate::liveness::ANSWER_TIMEOUT).
    AskOwner {
        /// Number of the question, to be returned with the answer.
        question: u64,
    },
    /// Read the last sequence of the own subject from the stream leader.
    ReadOwnLast,
    /// Ask the witness, if so told, then the leaders of the streams.
    CheckStreams(StreamsQuestion),
    /// A record is known to be on the tape.
    Committed {
        /// Stream sequence of the record.
        seq: u64,
        /// Number of its events.
        events: usize,
    },
    /// A message was skipped because it is no valid record. An operator should look into the cause.
    InvalidRecord {
        /// Stream sequence of the message.
        seq: u64,
        /// Reason why it is invalid.
        why: String,
    },
    /// Nothing more will be appended; drop the driver.
    Stopped(Stop),
}

/// Origin of the message that fenced an owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FencedBy {
    /// A record of the own epoch or a newer one, by another owner.
    Owner,
    /// A record of an older epoch, by a former owner.
    Former,
    /// An invalid record. It does not transfer ownership.
    InvalidRecord,
}

impl FencedBy {
    /// Whether to claim the subject again, instead of following as a standby. The last append of a former owner may be
    /// stored after its process has died, but only one was in flight: a second record means that the process is alive.
    /// `seen_former` is set at the first one.
    pub fn should_reclaim(self, seen_former: &mut bool) -> bool {
        match self {
            FencedBy::Owner => false,
            FencedBy::Former => !std::mem::replace(seen_former, true),
            FencedBy::InvalidRecord => true,
        }
    }
}

impl std::fmt::Display for FencedBy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            FencedBy::Owner => "another owner",
            FencedBy::Former => "a former owner",
            FencedBy::InvalidRecord => "an invalid record",
        })
    }
}

/// The reason why a driver stopped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// The own subject holds a message that this process did not append.
    #[error("fenced by {by} at sequence {seq}")]
    Fenced {
        /// Stream sequence of that message.
        seq: u64,
        /// Origin of that message.
        by: FencedBy,
    },
    /// Drained: every input received is answered on the tape.
    #[error("drained")]
    Drained,
    /// The tape cannot be read further.
    #[error(transparent)]
    Tape(#[from] TapeFault),
    /// An inbox sequence is missing or repeated.
    #[error(
        "expected message {} of the inbox, generation {}, got message {}, generation {}: the inbox lost or repeated \
         messages", expected.1, expected.0, got.1, got.0
    )]
    Inbox {
        /// Generation and sequence of the next message.
        expected: (Generation, u64),
        /// Generation and sequence of the message received.
        got: (Generation, u64),
    },
    /// The inbox does not hold the messages that were decided on.
    #[error(transparent)]
    InboxMismatch(#[from] InboxMismatch),
    /// A recorded decision has no input.
    #[error(transparent)]
    Cause(#[from] UnknownCause),
    /// A stream does not hold what is known to have been in it.
    #[error(transparent)]
    StreamLoss(#[from] StreamLoss),
    /// The own subject ends before a record that is known to have been on it.
    #[error(
        "tape lost data: own record {known} was stored, but the subject now ends at {last}; do not restart this group \
         before the stream is restored"
    )]
    WentBackwards {
        /// Greatest own sequence acknowledged or read.
        known: u64,
        /// Last sequence of the own subject according to JetStream.
        last: u64,
    },
    /// The stream of the tape is sealed.
    #[error("{}", StreamLoss::TapeSealed)]
    Sealed,
    /// The last owner had a greater LOGIC.
    #[error(
        "cannot take over: the last epoch on the tape has LOGIC {tape_logic}, this build has LOGIC {build_logic}; \
         deploy the build of that epoch or a newer one"
    )]
    OlderLogic {
        /// LOGIC of this build.
        build_logic: u32,
        /// LOGIC in the last epoch on the tape.
        tape_logic: u32,
    },
}

impl Stop {
    /// The reason for which the group is not ready.
    pub fn reason(&self) -> Reason {
        match self {
            Stop::Fenced { .. } => Reason::Recovering,
            Stop::Drained => Reason::Drained,
            Stop::Tape(fault) => fault.reason(),
            Stop::Inbox { .. } => Reason::MessagesMissing,
            Stop::InboxMismatch(_) => Reason::InboxMismatch,
            Stop::Sealed => Reason::OtherTape,
            Stop::StreamLoss(loss) => loss.reason(),
            Stop::Cause(_) => Reason::UnknownCause,
            Stop::WentBackwards { .. } => Reason::TapeLostData,
            Stop::OlderLogic { .. } => Reason::OlderLogic,
        }
    }
}

/// Identity of the process that runs the driver, as its `Epoch` facts record it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessIdentity {
    /// Random number of the process.
    pub nonce: u64,
    /// Version and commit of its build.
    pub build: String,
}
