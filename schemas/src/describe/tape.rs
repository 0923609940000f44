//! The record format of the tape as one JSON document: by it alone, any language reads a tape.

use serde_json::{Map, Value, json};

use super::{Described, Doc, FieldDoc, NamedType, Shape, Type, prose, writers};
use crate::event::Kind;
use crate::record::{self, RecordHash, Writer};

/// What a record is an array of, apart from its events, which come last.
pub(super) const HEADER: &[FieldDoc] = &[
    field("format", u8::TYPE, &["The format's number. One that a reader does not know stops it."]),
    field("writer", Writer::TYPE, &["Whose record it is; must agree with the subject."]),
    field("epoch", u64::TYPE, &["The writer's epoch that wrote it."]),
    field("prev_hash", RecordHash::TYPE, &["Hash of the writer's previous valid record; zeros for its first."]),
];

/// What an event is an array of, apart from its body, which comes last.
pub(super) const EVENT: &[FieldDoc] = &[
    field("cause_seq", u64::TYPE, &["Sequence of the input that this answers."]),
    field("cause_index", u32::TYPE, &["Index of that input in its message."]),
    field("index", u32::TYPE, &["Counts the events of one cause, from 0."]),
    field("at", u64::TYPE, &["Tape time of the cause, ns since the Unix epoch."]),
    field("kind", u16::TYPE, &["The kind's number. One that a reader does not know stops it."]),
    field("version", u16::TYPE, &["The version of the kind's body. One that a reader does not know stops it."]),
];

const fn field(name: &'static str, ty: &'static Type, doc: Doc) -> FieldDoc {
    FieldDoc { name, ty, doc }
}

/// Every named type that a record is made of.
pub(super) fn named_types() -> Vec<&'static NamedType> {
    let mut all = Vec::new();
    let bodies = Kind::ALL.iter().flat_map(|kind| kind.fields());
    HEADER.iter().chain(EVENT).chain(bodies).for_each(|field| field.ty.collect(&mut all));
    all
}

/// The document.
pub fn document() -> Value {
    let types: Map<String, Value> =
        named_types().into_iter().map(|named| (named.name.to_string(), named_type(named))).collect();
    json!({
        "title": "The tape of Tapedeck: its record format",
        "about": [
            "Every JetStream message of the stream TAPE_<partition>, on the subject tape.<partition>.<writer>, is a \
             record: one MessagePack array, and nothing after it.",
            "A record is the fields of `record` in order, then an array of events. An event is the fields of `event` \
             in order, then the body: an array of the kind's fields, in order. Names are not on the wire.",
            "A type is a name in `types`, or {\"optional\": type} (the value or nil), {\"list\": type} (an array), \
             {\"tuple\": [type, ...]} (an array of these).",
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

/// What each `wire` of a type means.
const WIRES: &[(&str, &str)] = &[
    ("integer", "An unsigned MessagePack integer of at most `bits` bits."),
    ("text", "A MessagePack string that matches `pattern`, where there is one."),
    (
        "decimal",
        "A count of units of 10^-`decimals`: a MessagePack integer if it fits signed 64 bits, else 16 bytes (bin), \
         signed, big-endian, two's complement. In text: a decimal without trailing zeros.",
    ),
    ("bytes", "MessagePack bin of `length` bytes. In text: lower-case hex digits."),
    ("name", "A MessagePack integer that stands for one of `values`."),
    ("array", "A MessagePack array of exactly `fields`, in order."),
    (
        "choice",
        "One of `variants`: its name as a string where it has no type, else a map of its name alone to its value.",
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
        // The bound is beyond what every JSON reader holds exactly.
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
    };
    entry["doc"] = json!(prose(named.doc));
    entry
}
