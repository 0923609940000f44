//! JetStream's error answers: its codes and descriptions.

use crate::message::Reply;

fn refusal(code: u16, err_code: u16, description: impl Into<String>) -> Reply {
    Reply::Error { code, err_code, description: description.into() }
}

/// The last sequence, of the subject or of the stream, is not the expected one.
pub(super) fn wrong_last_sequence(last: u64) -> Reply {
    refusal(400, 10071, format!("wrong last sequence: {last}"))
}

/// A message on the subject is proposed and not stored yet, so the last sequence is unknown.
pub(super) fn in_flight() -> Reply {
    refusal(400, 10164, "wrong last sequence")
}

/// A message with the same id is proposed and not stored yet.
pub(super) fn duplicate_in_flight() -> Reply {
    refusal(409, 10158, "duplicate message id is in process")
}

pub(super) fn too_large() -> Reply {
    refusal(400, 10054, "message size exceeds maximum allowed")
}

pub(super) fn full_of_messages() -> Reply {
    refusal(503, 10077, "maximum messages exceeded")
}

pub(super) fn full_of_bytes() -> Reply {
    refusal(503, 10077, "maximum bytes exceeded")
}
