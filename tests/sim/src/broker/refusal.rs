//! JetStream's refusals, in its numbers and words.

use crate::message::Reply;

fn refusal(code: u16, err_code: u16, description: impl Into<String>) -> Reply {
    Reply::Error { code, err_code, description: description.into() }
}

/// Another sequence is last: on the subject, or in the stream.
pub(super) fn wrong_last_sequence(last: u64) -> Reply {
    refusal(400, 10071, format!("wrong last sequence: {last}"))
}

/// Something on the subject is proposed and not stored yet, so nobody knows which will be last.
pub(super) fn in_flight() -> Reply {
    refusal(400, 10164, "wrong last sequence")
}

/// A message of the same id is proposed and not stored yet.
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
