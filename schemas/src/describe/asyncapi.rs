//! The AsyncAPI 3.0 document of the public subjects: market events, status requests and rejections.
//!
//! Operations are from Tapedeck's side: it receives `md.>`, replies to `md-status.*` and sends `md-rejects.*`.

use serde_json::{Map, Value, json};

use super::Described as _;
use super::answers;
use super::market::{self, example, message_name, text_like};
use crate::ids::Token;
use crate::market::contract::KINDS;
use crate::subject::MarketKind;

/// The formats of a market message: suffix of the message name, and content type.
const FORMATS: [(&str, &str); 2] = [("msgpack", "application/msgpack"), ("json", "application/json")];

/// A symbol as a token of a subject: a character that needs no escape, or an escape.
const SUBJECT_TOKEN_PATTERN: &str = r"^([!-$&-)+/-=?-~]|-|%[0-9A-F]{2})+$";

/// Where the document holds its schemas.
pub(super) const SCHEMAS: &str = "#/components/schemas/";

/// Returns the AsyncAPI document.
pub fn document() -> Value {
    let mut schemas = market::definitions(SCHEMAS);
    schemas.extend(answers::definitions());
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Tapedeck: market events",
            "version": env!("CARGO_PKG_VERSION"),
            "description": format!("{} {EXACTLY_ONCE}", market::about()),
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": FORMATS[0].1,
        "servers": {"nats": {
            "host": "{host}:{port}",
            "protocol": "nats",
            "description": "NATS with JetStream. `tapedeck up` writes its address to .tapedeck/connection.toml.",
            "variables": {"host": {"default": "127.0.0.1"}, "port": {"default": "4222"}},
        }},
        "channels": channels(),
        "operations": operations(),
        "components": {"messages": messages(), "schemas": schemas},
    })
}

const EXACTLY_ONCE: &str = "Exactly once: a message is stored once JetStream acknowledges it, in reply to the publish. \
     If no ack arrives, send the same bytes again, before any newer message of the instrument. Ingest rejects repeated \
     events by (source, session, seq), update_id and trade_id. Send no Nats-Msg-Id: JetStream compares it with that of \
     every publisher, and drops a message that repeats one within 100 ms.";

fn refer(to: &str) -> Value {
    json!({"$ref": to})
}

/// Every kind, including `batch`.
fn kinds() -> impl Iterator<Item = MarketKind> {
    KINDS.iter().copied().chain([MarketKind::Batch])
}

fn market_messages(kind: MarketKind) -> [String; 2] {
    FORMATS.map(|(format, _)| format!("{kind}_{format}"))
}

fn messages() -> Map<String, Value> {
    let mut all = Map::new();
    for kind in kinds() {
        for (name, (format, content_type)) in market_messages(kind).into_iter().zip(FORMATS) {
            all.insert(
                name,
                json!({
                    "title": format!("{kind} in {format}"),
                    "contentType": content_type,
                    "payload": refer(&format!("{SCHEMAS}{}", message_name(kind))),
                    "examples": [{"name": kind.as_str(), "payload": payload_example(kind)}],
                }),
            );
        }
    }
    for (name, title) in [
        ("ack", "stored, or not"),
        ("status_request", "a part of the state, or an empty payload for all of it"),
        ("status", "state of a source"),
        ("reject", "a rejected event"),
    ] {
        all.insert(
            name.into(),
            json!({
                "title": title,
                "contentType": "application/json",
                "payload": refer(&format!("{SCHEMAS}{name}")),
                "examples": [{"name": name, "payload": answers::example(name)}],
            }),
        );
    }
    all
}

fn payload_example(kind: MarketKind) -> Value {
    if kind == MarketKind::Batch { KINDS.iter().map(|kind| example(*kind)).collect() } else { example(kind) }
}

fn channel(address: Value, description: &str, parameters: &[(&str, &str)], messages: &[&str]) -> Value {
    let parameter = |(name, about): &(&str, &str)| {
        let token = text_like(Token::TYPE);
        let pattern =
            if *name == "symbol" { SUBJECT_TOKEN_PATTERN } else { token["pattern"].as_str().unwrap_or_default() };
        ((*name).to_string(), json!({"description": format!("{about}: {pattern}")}))
    };
    let parameters: Map<String, Value> = parameters.iter().map(parameter).collect();
    let message = |name: &&str| ((*name).to_string(), refer(&format!("#/components/messages/{name}")));
    let messages: Map<String, Value> = messages.iter().map(message).collect();
    let mut channel = json!({"address": address, "description": description, "messages": messages});
    if !parameters.is_empty() {
        channel["parameters"] = parameters.into();
    }
    channel
}

fn channels() -> Map<String, Value> {
    let mut all = Map::new();
    for kind in kinds() {
        let [packed, json] = market_messages(kind);
        let about = format!(
            "{} A payload whose first byte is {{, [ or white space is JSON, any other is MessagePack.",
            market::about_message(kind)
        );
        let parameters = [("venue", "Name of the venue"), ("symbol", "Symbol of the instrument, escaped")];
        let address = json!(format!("md.{{venue}}.{{symbol}}.{kind}"));
        all.insert(format!("md_{kind}"), channel(address, &about, &parameters, &[&packed, &json]));
    }
    let source = [("source", "Name of the publisher, as in its events")];
    let status = channel(json!("md-status.{source}"), "Requests the state of a source.", &source, &["status_request"]);
    all.insert("md_status".into(), status);
    let rejected = "Every rejected event of a source. The source ~ stands for events whose source could not be read.";
    let rejects = channel(json!("md-rejects.{source}"), rejected, &source, &["reject"]);
    all.insert("md_rejects".into(), rejects);
    let reply = "The reply subject of the request or publish, in NATS terms its inbox.";
    all.insert("status_reply".into(), channel(Value::Null, reply, &[], &["status"]));
    all.insert("ack_reply".into(), channel(Value::Null, reply, &[], &["ack"]));
    all
}

fn operation(action: &str, name: &str, summary: &str, messages: &[&str]) -> Value {
    let messages: Vec<_> = messages.iter().map(|one| refer(&format!("#/channels/{name}/messages/{one}"))).collect();
    json!({"action": action, "channel": refer(&format!("#/channels/{name}")), "summary": summary, "messages": messages})
}

fn reply(channel: &str, message: &str) -> Value {
    json!({
        "channel": refer(&format!("#/channels/{channel}")),
        "messages": [refer(&format!("#/channels/{channel}/messages/{message}"))],
    })
}

fn operations() -> Map<String, Value> {
    let mut all = Map::new();
    for kind in kinds() {
        let [packed, json] = market_messages(kind);
        let summary = format!("Receives messages of kind {kind}.");
        let mut receive = operation("receive", &format!("md_{kind}"), &summary, &[&packed, &json]);
        receive["reply"] = reply("ack_reply", "ack");
        all.insert(format!("receive_{kind}"), receive);
    }
    let mut status = operation("receive", "md_status", "Replies with the state of a source.", &["status_request"]);
    status["reply"] = reply("status_reply", "status");
    all.insert("reply_status".into(), status);
    let rejects = operation("send", "md_rejects", "Sends each rejected event of a source.", &["reject"]);
    all.insert("send_rejects".into(), rejects);
    all
}
