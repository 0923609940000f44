//! JSON Schemas of market messages, generated from the table of fields, [`FIELDS`].
//!
//! The schemas state what a publisher may send. Rules that depend on other values (the grids, `low` ≤ `high`, an
//! increasing `seq`) are only in the descriptions. So is the rule that a MessagePack float is malformed, because JSON
//! Schema has one type of number.

use serde_json::{Map, Value, json};

use crate::bar::BARS_MAX;
use crate::ids::{InstrumentId, SYMBOL_BYTES_MAX, Symbol};
use crate::market::contract::{FIELDS, FieldSpec, FieldType, KINDS};
use crate::market::{MESSAGE_BYTES_MAX, MESSAGE_EVENTS_MAX};
use crate::number::NUMBER_BYTES_MAX;
use crate::subject::MarketKind;

use super::{Described as _, Shape, Type};

/// The text of a [`crate::bar::BarSpec`].
pub(super) const BAR_PATTERN: &str = "^(?!0+(\\.0+)?[a-z])([0-9]+(ms|s|m|h|d|t)(-quote)?|[0-9]+(\\.[0-9]{1,9}0*)?v)$";
/// A count as text.
const COUNT_PATTERN: &str = "^[0-9]{1,20}$";
/// A number as text that is not zero.
const NOT_ZERO_PATTERN: &str = "[1-9]";
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
        all.insert(kind.to_string(), map(*kind));
        all.insert(message_name(*kind), one_or_many(refer(kind.as_str()), &about_message(*kind)));
    }
    let named = |kind: &MarketKind| json!({"allOf": [refer(kind.as_str()), {"required": ["kind"]}]});
    all.insert(
        "event".into(),
        json!({
            "description": "A map that names its kind.",
            "oneOf": KINDS.iter().map(named).collect::<Vec<_>>(),
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
        FieldType::Symbol => symbol(),
        FieldType::Kind => json!({"const": kind.as_str()}),
        FieldType::Word(words) => json!({"enum": words}),
        FieldType::Bar => json!({"type": "string", "pattern": BAR_PATTERN}),
        FieldType::Bars => bars(),
        FieldType::Count | FieldType::Time => count(field.range.starts_with("from 1")),
        FieldType::Price | FieldType::Quantity | FieldType::Money => decimal(field),
    }
}

/// The schema of a count, as an integer or as text.
fn count(positive: bool) -> Value {
    let mut schema = json!({
        "type": ["integer", "string"],
        "minimum": u64::from(positive),
        "maximum": u64::MAX,
        "pattern": COUNT_PATTERN,
        "maxLength": 20,
    });
    if positive {
        schema["allOf"] = json!([{"pattern": NOT_ZERO_PATTERN}]);
    }
    schema
}

/// The schema of a decimal that is not negative, as a number or as text. Without an exponent, text has no more decimals
/// than the type, and any trailing zeros.
fn decimal(field: &FieldSpec) -> Value {
    let (decimals, most) = field.ty.decimal().expect("the field is a decimal");
    let mut schema = json!({
        "type": ["number", "string"],
        "maximum": u64::try_from(most).unwrap_or(u64::MAX),
        "pattern": format!("^[0-9]+((\\.[0-9]{{1,{decimals}}}0*)?|(\\.[0-9]+)?{EXPONENT_PATTERN})$"),
        "maxLength": NUMBER_BYTES_MAX,
    });
    if field.range.starts_with("above") {
        schema["exclusiveMinimum"] = json!(0);
        schema["allOf"] = json!([{"pattern": NOT_ZERO_PATTERN}]);
    } else {
        schema["minimum"] = json!(0);
    }
    schema
}

/// The schema of a list of bars, comma-separated.
fn bars() -> Value {
    let one = BAR_PATTERN.trim_start_matches('^').trim_end_matches('$');
    json!({"type": "string", "pattern": format!("^{one}(,{one}){{0,{}}}$", BARS_MAX - 1)})
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
