//! JSON Schemas of what publishers are answered: JetStream's ack, `md-status` and `md-rejects`.

use serde_json::{Map, Value, json};

use super::market::{instrument, text_like};
use super::{Described as _, name_doc};
use crate::event::RejectReason;
use crate::ids::Token;
use crate::text::{DETAIL_BYTES_MAX, SUBJECT_BYTES_MAX};

/// Every answer, by its name.
pub(super) fn definitions() -> Map<String, Value> {
    let all = [("ack", ack()), ("status", status()), ("reject", reject())];
    all.into_iter().map(|(name, schema)| (name.to_string(), schema)).collect()
}

/// What one of them looks like.
pub(super) fn example(name: &str) -> Value {
    match name {
        "ack" => json!({"stream": "INBOX_0", "seq": 1234}),
        "status" => json!({
            "source": "feed1",
            "partitions": 1,
            "missing": [],
            "waiting": 0,
            "sessions": [
                {"partition": 0, "session": "s1", "instrument": "binance.BTCUSDT", "last_seq": 7, "age_ms": 12},
            ],
            "accepted": 5,
            "rejects": {"duplicate": 1},
            "gaps": 0,
        }),
        _ => json!({
            "offset": "p0:12.3",
            "reason": "crossed",
            "detail": "bid 61837.65 is not below ask 61837.64",
            "subject": "md.binance.BTCUSDT.quote",
            "seq": 7,
            "instrument": "binance.BTCUSDT",
        }),
    }
}

/// An object of these properties, of which the optional ones may be missing.
fn object(description: &str, properties: Value, optional: &[&str]) -> Value {
    let names = properties.as_object().into_iter().flat_map(|map| map.keys());
    let required: Vec<_> = names.filter(|name| !optional.contains(&name.as_str())).cloned().collect();
    json!({"type": "object", "description": description, "properties": properties, "required": required})
}

fn count(description: &str) -> Value {
    json!({"type": "integer", "minimum": 0, "description": description})
}

fn bounded(bytes_max: usize, description: &str) -> Value {
    json!({"type": "string", "maxLength": bytes_max, "description": description})
}

/// The ack of JetStream (its type io.nats.jetstream.api.v1.pub_ack_response).
fn ack() -> Value {
    let taken = object(
        "JetStream has the message: it will be taken exactly once.",
        json!({
            "stream": {"type": "string", "description": "The stream that holds it."},
            "seq": {"type": "integer", "minimum": 1, "description": "Its sequence there."},
            "duplicate": {"type": "boolean", "description": "The Nats-Msg-Id was seen before; nothing was added."},
        }),
        &["duplicate"],
    );
    let refused = object(
        "JetStream does not have it: send the same bytes again.",
        json!({"error": {"type": "object", "description": "Why: code, err_code and description."}}),
        &[],
    );
    json!({"description": "The answer to a publish.", "anyOf": [refused, taken]})
}

fn status() -> Value {
    let session = object(
        "How far one session of the source has come with one instrument.",
        json!({
            "partition": count("Which partition the instrument is on."),
            "session": text_like(Token::TYPE),
            "instrument": instrument(),
            "last_seq": count("The last seq taken: go on with the next."),
            "age_ms": count("How long ago the broker stored what brought it, ms."),
        }),
        &[],
    );
    object(
        "What has been taken of a source.",
        json!({
            "source": text_like(Token::TYPE),
            "partitions": count("How many partitions there are."),
            "missing": {"type": "array", "items": count("A partition."),
                "description": "Those that did not answer: what follows is without them."},
            "waiting": count("Inbox messages, of any source, that are yet to be read: what follows is without them."),
            "sessions": {"type": "array", "items": session},
            "accepted": count("Events that became facts (heartbeats become none)."),
            "rejects": {
                "type": "object",
                "description": "Events that were refused, by reason.",
                "propertyNames": {"enum": reasons()},
                "additionalProperties": count("How many."),
            },
            "gaps": count("How often numbers were skipped."),
        }),
        &[],
    )
}

fn reject() -> Value {
    object(
        "One event that was refused; nothing of it counts.",
        json!({
            "offset": {"type": "string", "pattern": "^p[0-9]+:[0-9]+\\.[0-9]+$",
                "description": "Where the refusal stands on the tape."},
            "reason": {"enum": reasons(), "description": about_reasons()},
            "detail": bounded(DETAIL_BYTES_MAX, "What was wrong, with the value."),
            "subject": bounded(SUBJECT_BYTES_MAX, "The subject that it came on."),
            "seq": {"type": ["integer", "null"], "minimum": 0, "description": "Its number; null if not readable."},
            "instrument": {"type": ["string", "null"], "description": "Its instrument; null if not readable."},
        }),
        &[],
    )
}

fn reasons() -> Vec<&'static str> {
    RejectReason::ALL.iter().map(|reason| reason.as_str()).collect()
}

fn about_reasons() -> String {
    let about = |reason: &RejectReason| format!("{reason}: {}", name_doc(RejectReason::TYPE, reason.as_str()));
    RejectReason::ALL.iter().map(about).collect::<Vec<_>>().join(" ")
}
