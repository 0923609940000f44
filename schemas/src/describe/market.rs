//! JSON Schemas of market messages, made of the table that the reader reads by: [`FIELDS`].
//!
//! A schema says what a publisher shall send. What depends on other values (the grids, `low` ≤ `high`, a rising
//! `seq`) is in the descriptions; so is that a float is refused even if it is whole, for JSON Schema calls 1.0 an
//! integer.

use serde_json::{Map, Value, json};

use crate::bar::BARS_MAX;
use crate::event::Aggressor;
use crate::ids::InstrumentId;
use crate::market::contract::{FIELDS, FieldSpec, FieldType, KINDS};
use crate::market::{MESSAGE_BYTES_MAX, MESSAGE_EVENTS_MAX};
use crate::number::{Money, Price, Quantity};
use crate::subject::MarketKind;

use super::{Described as _, Shape, Type};

/// The text of one bar.
pub(super) const BAR_PATTERN: &str = "^([0-9]+(ms|s|m|h|d|t)(-quote)?|[0-9]+(\\.[0-9]{1,9}0*)?v)$";
/// A decimal that is not negative, of at most 9 decimals apart from zeros at the end.
const DECIMAL_PATTERN: &str = "^[0-9]+(\\.[0-9]{1,9}0*)?$";
/// The digits of a count.
const COUNT_PATTERN: &str = "^[0-9]{1,20}$";
/// Something in it is not zero.
const NOT_ZERO_PATTERN: &str = "[1-9]";
/// Longest decimal, in bytes.
const DECIMAL_BYTES_MAX: usize = 64;

/// The document: a JSON Schema whose root is a message of kind `batch`, and whose definitions hold the rest.
pub fn document() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Market messages of Tapedeck",
        "description": about(),
        "$ref": "#/$defs/batch_message",
        "$defs": definitions("#/$defs/"),
    })
}

/// What all of it has in common.
pub(super) fn about() -> String {
    format!(
        "A message on md.<venue>.<symbol>.<kind> is a map, or an array of 1 to {MESSAGE_EVENTS_MAX} maps, in \
         MessagePack or JSON: a message whose first byte is {{, [ or white space is JSON. At most {MESSAGE_BYTES_MAX} \
         bytes. <kind>_message is what is published on that kind's subject; <kind> is one of its maps; on the subject \
         of kind batch (batch_message, this schema's root) every map names its kind (event); line is a line of a \
         native JSON file. Prices and quantities are decimal text, or integers that count 1e-9, at most {} \
         (price), {} (quantity) and {} (money); a float is refused, even a whole one. Counts and times are integers, \
         or their digits as text. Unknown fields are passed over. A field given twice, or of a wrong type, spoils its \
         map only.",
        Price::saturating_from_units(i128::MAX),
        Quantity::saturating_from_units(i128::MAX),
        Money::saturating_from_units(i128::MAX),
    )
}

/// Every definition; `at` is where they are put, as `#/$defs/`.
pub(super) fn definitions(at: &str) -> Map<String, Value> {
    let refer = |name: &str| json!({"$ref": format!("{at}{name}")});
    let mut all = Map::new();
    for kind in KINDS {
        all.insert(kind.to_string(), map(*kind));
        all.insert(message_name(*kind), one_or_many(refer(kind.as_str()), &about_message(*kind)));
    }
    let named = |kind: &MarketKind| json!({"allOf": [refer(kind.as_str()), {"required": ["kind"]}]});
    all.insert(
        "event".into(),
        json!({
            "description": "One map that names its kind.",
            "oneOf": KINDS.iter().map(named).collect::<Vec<_>>(),
        }),
    );
    all.insert(message_name(MarketKind::Batch), one_or_many(refer("event"), &about_message(MarketKind::Batch)));
    all.insert(
        "line".into(),
        json!({
            "description": "A line of a native JSON file, as it is written: instrument first, then kind. To be read, \
                it may lack source, session and seq, which are numbered anew, and ts_recv where it has ts_event.",
            "allOf": [refer("event"), {
                "required": ["instrument"],
                "properties": {"instrument": instrument()},
            }],
        }),
    );
    all
}

/// The definition of a whole message of a kind.
pub(super) fn message_name(kind: MarketKind) -> String {
    format!("{kind}_message")
}

/// One that is accepted, of every field.
pub fn example(kind: MarketKind) -> Value {
    let fields = FIELDS.iter().filter(|field| field.kinds.contains(&kind));
    fields.map(|field| (field.name.to_string(), field_example(field, kind))).collect::<Map<_, _>>().into()
}

fn field_example(field: &FieldSpec, kind: MarketKind) -> Value {
    if field.name == "kind" {
        return json!(kind.as_str());
    }
    serde_json::from_str(field.example).expect("the table's examples are JSON: the documents' test says so")
}

/// What a message of a kind is.
pub(super) fn about_message(kind: MarketKind) -> String {
    let named = if kind == MarketKind::Batch { "each names its kind" } else { "kind may be left out" };
    format!("What is published on md.<venue>.<symbol>.{kind}: a map or an array of maps; {named}.")
}

fn one_or_many(one: Value, description: &str) -> Value {
    json!({
        "description": description,
        "oneOf": [one.clone(), {"type": "array", "items": one, "minItems": 1, "maxItems": MESSAGE_EVENTS_MAX}],
    })
}

/// The schema of one map of a kind.
fn map(kind: MarketKind) -> Value {
    let fields = || FIELDS.iter().filter(|field| field.kinds.contains(&kind));
    let properties: Map<String, Value> =
        fields().map(|field| (field.name.to_string(), property(field, kind))).collect();
    let required: Vec<_> = fields().filter(|field| field.required).map(|field| field.name).collect();
    let doc = super::name_doc(MarketKind::TYPE, kind.as_str());
    json!({"type": "object", "description": doc, "properties": properties, "required": required})
}

fn property(field: &FieldSpec, kind: MarketKind) -> Value {
    let mut schema = value(field, kind);
    let unit = if field.unit.is_empty() { String::new() } else { format!(" Unit: {}.", field.unit) };
    schema["description"] = json!(format!("{}{unit} Accepted: {}.", field.doc, field.range));
    schema["examples"] = json!([field_example(field, kind)]);
    schema
}

fn value(field: &FieldSpec, kind: MarketKind) -> Value {
    match field.ty {
        FieldType::Token => text_like(crate::ids::Token::TYPE),
        FieldType::Text => text(field.name, kind),
        FieldType::Count | FieldType::Time => number(COUNT_PATTERN, 20, field.range.starts_with("from 1")),
        FieldType::Decimal => number(DECIMAL_PATTERN, DECIMAL_BYTES_MAX, field.range.starts_with("above")),
    }
}

/// A number as an integer or as text.
fn number(pattern: &str, bytes_max: usize, positive: bool) -> Value {
    let mut schema = json!({
        "type": ["integer", "string"],
        "minimum": u64::from(positive),
        "maximum": u64::MAX,
        "pattern": pattern,
        "maxLength": bytes_max,
    });
    if positive {
        schema["allOf"] = json!([{"pattern": NOT_ZERO_PATTERN}]);
    }
    schema
}

/// The texts that are no names: each has a form of its own.
fn text(name: &str, kind: MarketKind) -> Value {
    match name {
        "kind" => json!({"const": kind.as_str()}),
        "aggressor" => json!({"enum": Aggressor::ALL.iter().map(|one| one.as_str()).collect::<Vec<_>>()}),
        "bar" => json!({"type": "string", "pattern": BAR_PATTERN, "allOf": [{"pattern": NOT_ZERO_PATTERN}]}),
        "bars" => {
            let one = BAR_PATTERN.trim_start_matches('^').trim_end_matches('$');
            json!({"type": "string", "pattern": format!("^{one}(,{one}){{0,{}}}$", BARS_MAX - 1)})
        }
        _ => json!({"type": "string"}),
    }
}

/// The schema of an instrument.
pub(super) fn instrument() -> Value {
    text_like(InstrumentId::TYPE)
}

/// The schema of a type that is text.
pub(super) fn text_like(ty: &Type) -> Value {
    match ty {
        Type::Named(named) => match named.shape {
            Shape::Text(pattern) => json!({"type": "string", "pattern": pattern}),
            _ => json!({"type": "string"}),
        },
        _ => json!({"type": "string"}),
    }
}
