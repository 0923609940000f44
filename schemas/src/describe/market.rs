//! JSON Schemas of market messages, generated from the table of fields, [`FIELDS`].
//!
//! The schemas state what a publisher may send. Rules that depend on other values (the grids, `low` ≤ `high`, an
//! increasing `seq`) are only in the descriptions. So is the rule that a MessagePack float is malformed, because JSON
//! Schema has one type of number.

use serde_json::{Map, Value, json};

use crate::bar::BARS_MAX;
use crate::ids::{InstrumentId, SYMBOL_BYTES_MAX, Symbol, TOKEN_BYTES_MAX};
use crate::market::contract::{FIELDS, FieldSpec, FieldType, KINDS};
use crate::market::{DEFINITION_SOURCES_MAX, MESSAGE_BYTES_MAX, MESSAGE_EVENTS_MAX};
use crate::number::NUMBER_BYTES_MAX;
use crate::subject::MarketKind;
use crate::venue_id::VENUE_ID_PATTERN;

use super::{Described as _, Shape, Type};

/// The text of a [`crate::bar::BarSpec`]. No pattern looks ahead, which regular expressions of linear time cannot: so a
/// volume below 1 that is not zero is spelled by its zeros.
pub(super) const BAR_PATTERN: &str = concat!(
    "^(0*[1-9][0-9]*((ms|s|m|h|d|w|mo)(-session)?|t)(-quote)?|",
    "(0*[1-9][0-9]*(\\.[0-9]{1,9}0*)?|0+\\.([1-9][0-9]{0,8}|0[1-9][0-9]{0,7}|",
    "0{2}[1-9][0-9]{0,6}|0{3}[1-9][0-9]{0,5}|0{4}[1-9][0-9]{0,4}|0{5}[1-9][0-9]{0,3}|0{6}[1-9][0-9]{0,2}|",
    "0{7}[1-9][0-9]?|0{8}[1-9])0*)v)$",
);
/// The text of a [`crate::calendar::Calendar`].
pub(super) const CALENDAR_PATTERN: &str = concat!(
    "^[0-9]{4}-[0-9]{2}-[0-9]{2}=-?[0-9]{2,3}(:[0-5][0-9]){1,2}/-?[0-9]{2,3}(:[0-5][0-9]){1,2}",
    "(,(([0-9]{4}-)?[0-9]{2}-)?[0-9]{2}(=-?[0-9]{2,3}(:[0-5][0-9]){1,2}/-?[0-9]{2,3}(:[0-5][0-9]){1,2})?)*$",
);
/// A count as text.
const COUNT_PATTERN: &str = "^[0-9]{1,20}$";
/// Zero as text.
const ZERO_PATTERN: &str = "^[0.]+([eE].*)?$";
/// The exponent of a decimal.
const EXPONENT_PATTERN: &str = "[eE][+-]?[0-9]+";

/// Returns the JSON Schema document. Its root is a message of kind `batch`; its definitions hold the other kinds.
pub fn document() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Market messages of Tapedeck",
        "description": about(),
        "$ref": "#/$defs/batch_message",
        "$defs": definitions("#/$defs/"),
    })
}

/// The rules that all market messages share.
pub(super) fn about() -> String {
    format!(
        "The symbol in a subject md.<venue>.<symbol>.<kind> is escaped: each byte of its UTF-8 other than a printable \
         ASCII character, and each of . * > and %, is % and two upper-case hexadecimal digits; no other byte is \
         escaped. So BRK.B is BRK%2EB. Everywhere else a symbol stands as its venue spells it. A message on \
         md.<venue>.<symbol>.<kind> is a map, or an array of 1 to {MESSAGE_EVENTS_MAX} maps, in \
         MessagePack or JSON, of at most {MESSAGE_BYTES_MAX} bytes. A message whose first byte is {{, [ or white \
         space is JSON. Definitions: <kind>_message is a message on a subject of that kind; <kind> is one map of it; \
         batch_message (the root of the JSON Schema) is a message of kind batch, in which every map names its kind \
         (event); line is a line of a native JSON file. A price, quantity or amount of money is the decimal that it \
         spells: text, a JSON number, or a MessagePack integer, which is a whole number. {}. Nothing is rounded. A \
         MessagePack float is malformed. Counts and times are integers, or their digits as text. Unknown fields are \
         ignored. A repeated field, or one of a wrong type, makes its map malformed, and no other map.",
        bounds(),
    )
}

/// The decimals and bounds of the types of decimal fields.
fn bounds() -> String {
    let types = [FieldType::Price, FieldType::Quantity, FieldType::Money];
    let bound = |ty: &FieldType| {
        let (decimals, most) = ty.decimal()?;
        Some(format!("a {} has at most {decimals} decimals, and a magnitude of at most {most}", ty.as_str()))
    };
    types.iter().filter_map(bound).collect::<Vec<_>>().join("; ")
}

/// Returns every definition. `at` is the path under which the document holds them, such as `#/$defs/`.
pub(super) fn definitions(at: &str) -> Map<String, Value> {
    let refer = |name: &str| json!({"$ref": format!("{at}{name}")});
    let mut all = Map::new();
    for kind in KINDS {
        all.insert(kind.to_string(), map(*kind, at, &[]));
        all.insert(event_name(*kind), map(*kind, at, &["kind"]));
        all.insert(message_name(*kind), one_or_many(refer(kind.as_str()), &about_message(*kind)));
    }
    for field in FIELDS {
        all.extend(shared_name(field).zip(shared(field)));
    }
    all.insert(
        "event".into(),
        json!({
            "description": "A map that names its kind.",
            "oneOf": KINDS.iter().map(|kind| refer(&event_name(*kind))).collect::<Vec<_>>(),
        }),
    );
    all.insert(message_name(MarketKind::Batch), one_or_many(refer("event"), &about_message(MarketKind::Batch)));
    all.insert(
        "line".into(),
        json!({
            "description": "A line of a native JSON file, as it is written: instrument first, then kind. A reader \
                also accepts a line without source, session and seq, because they are assigned again, and without \
                ts_recv if it has ts_event.",
            "allOf": [refer("event"), {
                "type": "object",
                "required": ["instrument"],
                "properties": {"instrument": instrument()},
            }],
        }),
    );
    all
}

/// Name of the definition of a message of a kind.
pub(super) fn message_name(kind: MarketKind) -> String {
    format!("{kind}_message")
}

/// Name of the definition of a map that names its kind.
fn event_name(kind: MarketKind) -> String {
    format!("{kind}_event")
}

/// Returns an accepted map of a kind, with every field.
pub fn example(kind: MarketKind) -> Value {
    let fields = FIELDS.iter().filter(|field| field.kinds.contains(&kind));
    fields.map(|field| (field.name.to_string(), field_example(field, kind))).collect::<Map<_, _>>().into()
}

fn field_example(field: &FieldSpec, kind: MarketKind) -> Value {
    if field.ty == FieldType::Kind {
        return json!(kind.as_str());
    }
    serde_json::from_str(field.example).expect("every example in FIELDS is JSON, which a test checks")
}

/// The description of a message of a kind.
pub(super) fn about_message(kind: MarketKind) -> String {
    let named = if kind == MarketKind::Batch { "every map names its kind" } else { "the field kind may be missing" };
    format!("A message on md.<venue>.<symbol>.{kind}: a map or an array of maps; {named}.")
}

fn one_or_many(one: Value, description: &str) -> Value {
    json!({
        "description": description,
        "oneOf": [one.clone(), {"type": "array", "items": one, "minItems": 1, "maxItems": MESSAGE_EVENTS_MAX}],
    })
}

/// The schema of one map of a kind, which requires these fields in addition.
fn map(kind: MarketKind, at: &str, also: &[&str]) -> Value {
    let fields = || FIELDS.iter().filter(|field| field.kinds.contains(&kind));
    let properties: Map<String, Value> =
        fields().map(|field| (field.name.to_string(), property(field, kind, at))).collect();
    let is_required = |field: &&FieldSpec| field.required || also.contains(&field.name);
    let required: Vec<_> = fields().filter(is_required).map(|field| field.name).collect();
    let doc = super::name_doc(MarketKind::TYPE, kind.as_str());
    json!({"type": "object", "description": doc, "properties": properties, "required": required})
}

fn property(field: &FieldSpec, kind: MarketKind, at: &str) -> Value {
    match shared_name(field) {
        Some(name) if is_word(field) => json!({"$ref": format!("{at}{name}")}),
        Some(name) => described(json!({"allOf": [{"$ref": format!("{at}{name}")}]}), field, kind),
        None => described(value(field, kind), field, kind),
    }
}

/// The schema with the description and the example of a field.
fn described(mut schema: Value, field: &FieldSpec, kind: MarketKind) -> Value {
    let unit = if field.unit.is_empty() { String::new() } else { format!(" Unit: {}.", field.unit) };
    schema["description"] = json!(format!("{}{unit} Accepted: {}.", field.doc, field.range));
    schema["examples"] = json!([field_example(field, kind)]);
    schema
}

/// Whether a field holds one of several words. Only one kind has it.
fn is_word(field: &FieldSpec) -> bool {
    matches!(field.ty, FieldType::Word(_))
}

fn value(field: &FieldSpec, kind: MarketKind) -> Value {
    match field.ty {
        FieldType::Token => text_like(crate::ids::Token::TYPE),
        FieldType::Tokens => tokens(),
        FieldType::Symbol => symbol(),
        FieldType::VenueId => venue_id(),
        FieldType::Kind => json!({"type": "string", "const": kind.as_str()}),
        FieldType::Bar => bars(1),
        FieldType::Bars => bars(BARS_MAX),
        FieldType::Calendar => text_like(crate::calendar::Calendar::TYPE),
        _ => shared(field).expect("the values of the other types are shared"),
    }
}

/// Whether the value of a field must be above 0.
fn is_positive(field: &FieldSpec) -> bool {
    ["from 1", "above 0"].iter().any(|range| field.range.starts_with(range))
}

/// Name of the definition of the values that a field shares with others of its type; `None` if it shares none.
fn shared_name(field: &FieldSpec) -> Option<String> {
    shared(field)?;
    if is_word(field) {
        return Some(field.name.into());
    }
    let prefix = if is_positive(field) { "positive_" } else { "" };
    Some(format!("{prefix}{}", field.ty.as_str()))
}

/// The schema of the values that a field shares with others of its type: one of several words, or a number, which may
/// also be text. `None` if it shares none.
fn shared(field: &FieldSpec) -> Option<Value> {
    if let FieldType::Word(words) = field.ty {
        return Some(described(json!({"type": "string", "enum": words}), field, field.kinds[0]));
    }
    let (ty, about, pattern, length, most) = match field.ty {
        FieldType::Count | FieldType::Time => ("integer", "A", COUNT_PATTERN.to_string(), 20, u64::MAX),
        FieldType::Price | FieldType::Quantity | FieldType::Money => {
            let (decimals, most) = field.ty.decimal()?;
            // Without an exponent, text has no more decimals than the type, and any trailing zeros.
            let pattern = format!("^[0-9]+((\\.[0-9]{{1,{decimals}}}0*)?|(\\.[0-9]+)?{EXPONENT_PATTERN})$");
            ("number", "An exact", pattern, NUMBER_BYTES_MAX, u64::try_from(most).unwrap_or(u64::MAX))
        }
        _ => return None,
    };
    let is_positive = is_positive(field);
    let mut text = json!({"type": "string", "pattern": pattern, "maxLength": length});
    let mut number = json!({"type": ty, "maximum": most});
    if is_positive {
        text["not"] = json!({"type": "string", "pattern": ZERO_PATTERN});
        number[if ty == "integer" { "minimum" } else { "exclusiveMinimum" }] = json!(u64::from(ty == "integer"));
    } else {
        number["minimum"] = json!(0);
    }
    let above = if is_positive { " above 0" } else { "" };
    let description = format!("{about} {}{above}: text, or a JSON number.", field.ty.as_str());
    Some(json!({"description": description, "anyOf": [text, number]}))
}

/// The schema of a list of at most `most` bars, comma-separated.
fn bars(most: usize) -> Value {
    let one = BAR_PATTERN.trim_start_matches('^').trim_end_matches('$');
    let pattern = if most == 1 { BAR_PATTERN.into() } else { format!("^{one}(,{one}){{0,{}}}$", most - 1) };
    json!({"type": "string", "pattern": pattern})
}

/// The schema of a list of tokens, comma-separated.
fn tokens() -> Value {
    let one = format!("[A-Za-z0-9_-]{{1,{TOKEN_BYTES_MAX}}}");
    json!({"type": "string", "pattern": format!("^{one}(,{one}){{0,{}}}$", DEFINITION_SOURCES_MAX - 1)})
}

/// The schema of an id that a venue gives.
fn venue_id() -> Value {
    json!({"anyOf": [
        {"type": "string", "pattern": VENUE_ID_PATTERN},
        {"type": "integer", "minimum": 0, "maximum": u64::MAX},
    ]})
}

/// The schema of a symbol. Its length is in characters, not in bytes: a longer text is no symbol.
fn symbol() -> Value {
    let mut schema = text_like(Symbol::TYPE);
    schema["maxLength"] = json!(SYMBOL_BYTES_MAX);
    schema
}

/// The schema of an instrument.
pub(super) fn instrument() -> Value {
    text_like(InstrumentId::TYPE)
}

/// The schema of a type that is encoded as text.
pub(super) fn text_like(ty: &Type) -> Value {
    match ty {
        Type::Named(named) => match named.shape {
            Shape::Text(pattern) => json!({"type": "string", "pattern": pattern}),
            _ => json!({"type": "string"}),
        },
        _ => json!({"type": "string"}),
    }
}
