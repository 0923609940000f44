//! The record format as a JSON document, sufficient to generate a reader in any language.

use serde_json::{Map, Value, json};

use super::{Described, Doc, FieldDoc, NamedType, Shape, Type, prose, writers};
use crate::event::Kind;
use crate::record::{self, RecordHash, Writer};

/// The fields of a record before its last, the events.
pub(super) const HEADER: &[FieldDoc] = &[
    field("format", u8::TYPE, &["Number of the format. A reader stops at a format that it does not know."]),
    field("writer", Writer::TYPE, &["Writer of the record; must equal the last token of the subject."]),
    field("epoch", u64::TYPE, &["Epoch of the writer, from 1."]),
    field("prev_hash", RecordHash::TYPE, &["Hash of the previous valid record of the writer; zeros for the first."]),
];

/// The fields of an event before its last, the body.
pub(super) const EVENT: &[FieldDoc] = &[
    field("cause_seq", u64::TYPE, &["Sequence of the message that holds the input that the fact answers."]),
    field("cause_index", u32::TYPE, &["Index of that input in the message."]),
    field("index", u32::TYPE, &["Index among the facts of the writer on the same cause, from 0."]),
    field("at", u64::TYPE, &["Tape time of the cause, ns since the Unix epoch."]),
    field("kind", u16::TYPE, &["Number of the kind. A reader stops at a kind that it does not know."]),
    field("version", u16::TYPE, &["Version of the body. A reader stops at a version that it does not know."]),
];

const fn field(name: &'static str, ty: &'static Type, doc: Doc) -> FieldDoc {
    FieldDoc { name, ty, doc }
}

/// Every named type in a record, each after the types that it contains.
pub(super) fn named_types() -> Vec<&'static NamedType> {
    let mut all = Vec::new();
    let bodies = Kind::ALL.iter().flat_map(|kind| kind.fields());
    HEADER.iter().chain(EVENT).chain(bodies).for_each(|field| field.ty.collect(&mut all));
    all
}

/// Returns the JSON document.
pub fn document() -> Value {
    let types: Map<String, Value> =
        named_types().into_iter().map(|named| (named.name.to_string(), named_type(named))).collect();
    json!({
        "title": "The record format of Tapedeck",
        "about": [
            "Each JetStream message of the stream TAPE_<partition>_G<generation>, on the subject \
             tape.<partition>.g<generation>.<writer>, is a record: one MessagePack array, with no bytes after it.",
            "A record holds the fields of `record` in order, then an array of events. An event holds the fields of \
             `event` in order, then the body: an array of the fields of its kind, in order. The wire holds no names.",
            "A type is a name in `types`, or {\"optional\": type} (a value of the type, or nil), {\"list\": \
             type} (an array of values of the type), or {\"tuple\": [type, ...]} (an array of one value per type).",
        ],
        "format": record::FORMAT,
        "bounds": {
            "record_bytes_max": record::RECORD_BYTES_MAX,
            "record_events_max": record::RECORD_EVENTS_MAX,
            "array_depth_max": record::DEPTH_MAX,
        },
        "record": fields(HEADER),
        "event": fields(EVENT),
        "wire": wires(),
        "types": types,
        "kinds": Kind::ALL.iter().map(|kind| kind_entry(*kind)).collect::<Vec<_>>(),
    })
}

/// The meaning of each value of `wire`.
const WIRES: &[(&str, &str)] = &[
    ("integer", "An unsigned MessagePack integer of at most `bits` bits."),
    ("text", "A MessagePack string; matches `pattern`, if there is one."),
    (
        "decimal",
        "A count of units of 10^-`decimals`: a MessagePack integer if it fits signed 64 bits, otherwise a bin \
         of the fewest bytes (9 to 16), signed, big-endian, two's complement. In text: a decimal without trailing \
         zeros.",
    ),
    ("bytes", "MessagePack bin of `length` bytes. In text: lower-case hex digits."),
    ("name", "A MessagePack integer that stands for one of `values`."),
    ("array", "A MessagePack array of exactly `fields`, in order."),
    (
        "choice",
        "One of `variants`: a string with the name if the variant has no type, otherwise a map with the name as its \
         only key.",
    ),
    (
        "variants",
        "A MessagePack array: the `number` of one of `variants`, then exactly the `fields` of that variant, in order. \
         A reader stops at a number that it does not know.",
    ),
];

fn wires() -> Map<String, Value> {
    WIRES.iter().map(|(name, about)| ((*name).to_string(), json!(about))).collect()
}

fn kind_entry(kind: Kind) -> Value {
    json!({
        "number": kind as u16,
        "name": kind.name(),
        "version": kind.version(),
        "writers": writers(kind).iter().map(|writer| writer.as_str()).collect::<Vec<_>>(),
        "doc": prose(kind.doc()),
        "fields": fields(kind.fields()),
    })
}

fn fields(fields: &[FieldDoc]) -> Vec<Value> {
    let entry = |field: &FieldDoc| json!({"name": field.name, "type": reference(field.ty), "doc": prose(field.doc)});
    fields.iter().map(entry).collect()
}

fn reference(ty: &Type) -> Value {
    match ty {
        Type::Named(named) => json!(named.name),
        Type::Optional(of) => json!({"optional": reference(of)}),
        Type::List(of) => json!({"list": reference(of)}),
        Type::Tuple(of) => json!({"tuple": of.iter().map(|one| reference(one)).collect::<Vec<_>>()}),
    }
}

fn named_type(named: &NamedType) -> Value {
    let mut entry = match &named.shape {
        Shape::Integer(bits) => json!({"wire": "integer", "bits": bits}),
        Shape::Text("") => json!({"wire": "text"}),
        Shape::Text(pattern) => json!({"wire": "text", "pattern": pattern}),
        // As text: the bound exceeds the exact integers of many JSON readers.
        Shape::Decimal { decimals, units_max } => {
            json!({"wire": "decimal", "decimals": decimals, "units_max": units_max.to_string()})
        }
        Shape::Bytes(length) => json!({"wire": "bytes", "length": length}),
        Shape::Names(names) => {
            let value = |one: &super::NameDoc| json!({"number": one.number, "name": one.text, "doc": prose(one.doc)});
            json!({"wire": "name", "values": names.iter().map(value).collect::<Vec<_>>()})
        }
        Shape::Array(of) => json!({"wire": "array", "fields": fields(of)}),
        Shape::Choice(variants) => {
            let entry = |one: &super::VariantDoc| {
                let ty = one.ty.map(reference);
                json!({"name": one.name, "type": ty, "doc": prose(one.doc)})
            };
            json!({"wire": "choice", "variants": variants.iter().map(entry).collect::<Vec<_>>()})
        }
        Shape::Variants(variants) => {
            let entry = |one: &super::NumberedVariantDoc| {
                let doc = prose(one.doc);
                json!({"number": one.number, "code": one.code, "doc": doc, "fields": fields(one.fields)})
            };
            json!({"wire": "variants", "variants": variants.iter().map(entry).collect::<Vec<_>>()})
        }
    };
    entry["doc"] = json!(prose(named.doc));
    entry
}
