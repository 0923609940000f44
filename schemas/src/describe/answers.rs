//! JSON Schemas of the messages to publishers: the ack of JetStream, `md-status` replies and `md-rejects`.

use serde_json::{Map, Value, json};

use super::asyncapi::SCHEMAS;
use super::market::{instrument, text_like};
use super::{Described as _, name_doc};
use crate::event::{MalformedDetail, REJECTED_MANY_CODE, RejectDetail, RejectReason};
use crate::ids::Token;
use crate::text::{DETAIL_BYTES_MAX, SUBJECT_BYTES_MAX};

/// The schema of each message and of its parts, by name. Every part with a shape of its own has a name, which programs
/// that generate types use.
pub(super) fn definitions() -> Map<String, Value> {
    let all = [
        ("ack", ack()),
        ("ack_stored", ack_stored()),
        ("ack_error", ack_error()),
        ("status_request", status_request()),
        ("status", status()),
        ("inbox_progress", inbox_progress()),
        ("session_numbers", session_numbers()),
        ("session_counts", session_counts()),
        ("rejects_by_reason", by_reason("Number of rejected events, by reason.", count("Number of events."))),
        ("first_by_reason", by_reason("The first rejected event, by reason.", refer("first_reject"))),
        (
            "reject",
            reject("Offset of the Rejected or RejectedMany fact on the tape.", "^p[0-9]+g[0-9]+:[0-9]+\\.[0-9]+$"),
        ),
        ("first_reject", reject("Offset of the event in its inbox.", "^inbox\\.g[0-9]+:[0-9]+\\.[0-9]+$")),
        ("reject_reason", json!({"type": "string", "enum": reasons(), "description": reasons_doc()})),
        ("reject_code", json!({"type": "string", "enum": rules(), "description": CODES_DOC})),
    ];
    all.into_iter().map(|(name, schema)| (name.to_string(), schema)).collect()
}

/// An example of the message with this name.
pub(super) fn example(name: &str) -> Value {
    match name {
        "ack" => json!({"stream": "INBOX_0_G1", "seq": 1234}),
        "status_request" => json!({"session": "s1"}),
        "status" => json!({
            "source": "feed1",
            "partitions": 1,
            "missing": [],
            "waiting": 0,
            "decided": [{"partition": 0, "stream": "INBOX_0_G1", "decided": 1234, "stored": 1234}],
            "sessions": [
                {"partition": 0, "session": "s1", "instrument": "binance.BTCUSDT", "last_seq": 7, "missing": [[2, 3]],
                    "age_ms": 12},
            ],
            "next": null,
            "accepted": 5,
            "late": 0,
            "rejects": {"duplicate": 1},
            "first": {"duplicate": example_of_a_duplicate()},
            "gaps": 1,
            "session": {
                "session": "s1",
                "accepted": 5,
                "late": 0,
                "rejects": {"duplicate": 1},
                "first": {"duplicate": example_of_a_duplicate()},
                "gaps": 1,
            },
        }),
        _ => json!({
            "offset": "p0g1:12.3",
            "reason": "off_grid",
            "count": 1,
            "detail": "bid 61837.645 is no multiple of the tick 0.01",
            "code": "off_tick",
            "subject": "md.binance.BTCUSDT.quote",
            "seq": 7,
            "last_seq": 7,
            "instrument": "binance.BTCUSDT",
        }),
    }
}

fn example_of_a_duplicate() -> Value {
    json!({
        "offset": "inbox.g1:1234.0",
        "reason": "duplicate",
        "count": 1,
        "detail": "seq 4 is not above 7, the last taken",
        "code": "repeated_seq",
        "subject": "md.binance.BTCUSDT.quote",
        "seq": 4,
        "last_seq": 4,
        "instrument": "binance.BTCUSDT",
    })
}

/// The schema of an object with these properties. All but the `optional` ones are required.
fn object(description: &str, properties: Value, optional: &[&str]) -> Value {
    let names = properties.as_object().into_iter().flat_map(|map| map.keys());
    let required: Vec<_> = names.filter(|name| !optional.contains(&name.as_str())).cloned().collect();
    json!({"type": "object", "description": description, "properties": properties, "required": required})
}

const CODES_DOC: &str = "Code of the broken rule; `tapedeck schema tape` lists the codes. rejected_many: the sum of \
     several events.";

/// A reference to a definition.
fn refer(name: &str) -> Value {
    json!({"$ref": format!("{SCHEMAS}{name}")})
}

/// A value of a schema, or null.
fn or_null(description: &str, schema: Value) -> Value {
    json!({"description": description, "anyOf": [schema, {"type": "null"}]})
}

fn count(description: &str) -> Value {
    json!({"type": "integer", "minimum": 0, "description": description})
}

fn bounded(bytes_max: usize, description: &str) -> Value {
    json!({"type": "string", "maxLength": bytes_max, "description": description})
}

/// The ack of JetStream: its type `io.nats.jetstream.api.v1.pub_ack_response`.
fn ack() -> Value {
    json!({"description": "The reply to a publish.", "anyOf": [refer("ack_error"), refer("ack_stored")]})
}

fn ack_stored() -> Value {
    object(
        "JetStream stored the message. Ingest will read it exactly once.",
        json!({
            "stream": {"type": "string", "description": "Stream that holds the message."},
            "seq": {"type": "integer", "minimum": 1, "description": "Sequence of the message in the stream."},
            "duplicate": {"type": "boolean", "description": "The Nats-Msg-Id was stored before."},
        }),
        &["duplicate"],
    )
}

fn ack_error() -> Value {
    object(
        "JetStream did not store the message. Send the same bytes again.",
        json!({"error": {"type": "object", "description": "The error: code, err_code and description."}}),
        &[],
    )
}

fn missing() -> Value {
    let range = json!({"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 2, "maxItems": 2,
        "description": "The first and the last number of a range."});
    json!({"type": "array", "items": range,
        "description": "Numbers below last_seq that were skipped and have not arrived since, in order: at most 8 \
            ranges. Ingest accepts an event that has one of them."})
}

fn status_request() -> Value {
    object(
        "A request for a part of the state of a source. An empty payload requests all of it, from the beginning.",
        json!({
            "session": {"type": "string", "description": "The one session to reply about, with its counts."},
            "after": {"type": "string", "description": "The `next` of the reply before."},
        }),
        &["session", "after"],
    )
}

/// The schema of an object whose keys are reasons.
fn by_reason(description: &str, value: Value) -> Value {
    json!({
        "type": "object",
        "description": description,
        "propertyNames": {"type": "string", "enum": reasons()},
        "additionalProperties": value,
    })
}

/// The counts that a source and a session have.
fn counts(of: &str) -> Vec<(&'static str, Value)> {
    vec![
        ("accepted", count(&format!("Accepted events of the {of}, heartbeats and late ones included."))),
        ("late", count("Accepted quotes and trades that were late: they are recorded, and never acted on.")),
        ("rejects", refer("rejects_by_reason")),
        ("first", refer("first_by_reason")),
        ("gaps", count(&format!("Number of gaps in the numbers of the {of}."))),
    ]
}

fn with(mut properties: Value, more: Vec<(&'static str, Value)>) -> Value {
    more.into_iter().for_each(|(name, schema)| properties[name] = schema);
    properties
}

fn session_numbers() -> Value {
    object(
        "The numbers of one session of the source, for one instrument.",
        json!({
            "partition": count("Number of the partition of the instrument."),
            "session": text_like(Token::TYPE),
            "instrument": instrument(),
            "last_seq": count("Greatest seq that is decided. To resume, publish the events of `missing` again, \
                then continue with the next number."),
            "missing": missing(),
            "age_ms": count("Time since the broker stored that event, ms."),
        }),
        &[],
    )
}

fn inbox_progress() -> Value {
    object(
        "How far an inbox is decided.",
        json!({
            "partition": count("Number of the partition."),
            "stream": {"type": "string", "description": "Name of the stream, as in acks."},
            "decided": count("Every message up to this sequence is decided. Compare it with the `seq` of acks."),
            "stored": count("Last sequence of the stream, at least."),
        }),
        &[],
    )
}

fn session_counts() -> Value {
    object(
        "What became of the events of one session.",
        with(json!({"session": text_like(Token::TYPE)}), counts("session")),
        &[],
    )
}

fn status() -> Value {
    let session = or_null(
        "What became of the events of the requested session. Null if none was requested, or if its counts are not kept \
            any more: of each source, those of the 32 sessions that were active last are. One that returns has none.",
        refer("session_counts"),
    );
    let properties = json!({
        "source": text_like(Token::TYPE),
        "partitions": count("Number of partitions."),
        "missing": {"type": "array", "items": count("Number of a partition."),
            "description": "Partitions that did not reply. Not in the other fields."},
        "waiting": count("Inbox messages of all sources that are stored and not decided. Not in the other fields."),
        "decided": {"type": "array", "items": refer("inbox_progress")},
        "sessions": {"type": "array", "items": refer("session_numbers"),
            "description": "In order of session and instrument. A reply holds at most 256 KiB of them."},
        "next": or_null(
            "To be requested as `after` for the sessions that this reply has no space for; null if it has all.",
            json!({"type": "string"}),
        ),
        "session": session,
    });
    object("The state of a source: what ingest has accepted and rejected.", with(properties, counts("source")), &[])
}

fn reject(offset: &str, pattern: &str) -> Value {
    object(
        "A rejected event, or in a flood the rejected events of a minute beyond the first 100. They change nothing, \
         except that their numbers are used up if they could be decoded.",
        json!({
            "offset": {"type": "string", "pattern": pattern, "description": offset},
            "reason": refer("reject_reason"),
            "count": {"type": "integer", "minimum": 1, "description": "Number of the rejected events."},
            "detail": bounded(DETAIL_BYTES_MAX, "The error in words, with the offending value. The words may change."),
            "code": refer("reject_code"),
            "subject": or_null(
                "Subject of the message; null for a sum.",
                json!({"type": "string", "maxLength": SUBJECT_BYTES_MAX}),
            ),
            "seq": or_null(
                "Number of the event, of a sum that of its first event; null if it could not be read.",
                json!({"type": "integer", "minimum": 0}),
            ),
            "last_seq": or_null(
                "Number of the last event; null if it could not be read.",
                json!({"type": "integer", "minimum": 0}),
            ),
            "instrument": or_null(
                "Instrument that the subject names; null if it names none, and for a sum.",
                json!({"type": "string"}),
            ),
        }),
        &[],
    )
}

/// The codes that [`RejectDetail::rule`] returns.
fn rules() -> Vec<&'static str> {
    let decoded = RejectDetail::CODES.iter().filter(|code| **code != "malformed");
    MalformedDetail::CODES.iter().chain(decoded).copied().chain([REJECTED_MANY_CODE]).collect()
}

fn reasons() -> Vec<&'static str> {
    RejectReason::ALL.iter().map(|reason| reason.as_str()).collect()
}

fn reasons_doc() -> String {
    let about = |reason: &RejectReason| format!("{reason}: {}", name_doc(RejectReason::TYPE, reason.as_str()));
    RejectReason::ALL.iter().map(about).collect::<Vec<_>>().join(" ")
}
