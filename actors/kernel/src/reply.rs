//! What JetStream is asked and answers when a message is appended behind a fence, and what the answer means.

use crate::protocol::Answer;

/// The fence over one subject.
pub const EXPECTED_LAST_SUBJECT_SEQUENCE: &str = "Nats-Expected-Last-Subject-Sequence";
/// The fence over a whole stream, for a stream with one writer.
pub const EXPECTED_LAST_SEQUENCE: &str = "Nats-Expected-Last-Sequence";

// JetStream's error codes that mean something to us (nats-server, `errors.json`).
const WRONG_LAST_SEQUENCE: u64 = 10071;
const WRONG_LAST_SEQUENCE_IN_FLIGHT: u64 = 10164;
const TEMPORARILY_UNAVAILABLE: u64 = 10008;

/// The broker's reply, or that there was none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply<'a> {
    /// Stored at this sequence.
    Ack(u64),
    /// Refused.
    Error {
        /// JetStream's own code.
        err_code: u64,
        /// In its words.
        description: &'a str,
    },
    /// Timeout, disconnect, no responders (as during a change of leader), or nothing that can be read.
    None,
}

/// The headers of an append behind what is expected to be the last on its subject. Never a message id: the fence is
/// the de-duplication, and an id that repeats could make a rival's record look like ours.
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
            Reply::Error { err_code, description } => Answer::Refused(format!("{description} ({err_code})")),
        }
    }
}
