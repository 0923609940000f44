//! The headers of a fenced append, and the meaning of JetStream's reply.

use crate::protocol::Answer;

/// Header with the expected last sequence of the subject.
pub const EXPECTED_LAST_SUBJECT_SEQUENCE: &str = "Nats-Expected-Last-Subject-Sequence";
/// Header with the expected last sequence of the stream, for a stream with one writer.
pub const EXPECTED_LAST_SEQUENCE: &str = "Nats-Expected-Last-Sequence";

// Error codes of JetStream that are not rejections (nats-server, `errors.json`).
const WRONG_LAST_SEQUENCE: u64 = 10071;
const WRONG_LAST_SEQUENCE_IN_FLIGHT: u64 = 10164;
const TEMPORARILY_UNAVAILABLE: u64 = 10008;
const SEALED: u64 = 10109;

/// The reply of JetStream to a publish, if there was one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply<'a> {
    /// Stored at this sequence.
    Ack(u64),
    /// An error.
    Error {
        /// JetStream's `err_code`.
        err_code: u64,
        /// JetStream's `description`.
        description: &'a str,
    },
    /// Timeout, disconnect, no responders (as during a change of leader), or a reply that does not decode.
    None,
}

/// The headers of an append that expects `expected` as the last sequence of its subject. There is no message id: the
/// fence already prevents duplicates, and JetStream would acknowledge another process's record with the same id.
pub fn append_headers(expected: u64) -> [(&'static str, String); 1] {
    [(EXPECTED_LAST_SUBJECT_SEQUENCE, expected.to_string())]
}

impl From<Reply<'_>> for Answer {
    fn from(reply: Reply<'_>) -> Self {
        match reply {
            Reply::Ack(seq) => Answer::Committed(seq),
            Reply::Error { err_code: WRONG_LAST_SEQUENCE, .. } => Answer::WrongLast(None),
            Reply::Error { err_code: WRONG_LAST_SEQUENCE_IN_FLIGHT | TEMPORARILY_UNAVAILABLE, .. } | Reply::None => {
                Answer::Unknown
            }
            Reply::Error { err_code: SEALED, .. } => Answer::Sealed,
            Reply::Error { err_code, description } => Answer::Rejected(format!("{description} ({err_code})")),
        }
    }
}
