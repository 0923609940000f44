//! The record format as a JSON document, sufficient to generate a reader in any language.

use serde_json::{Map, Value, json};

use super::{Described, Doc, FieldDoc, NamedType, Shape, Type, prose, writers};
use crate::event::Kind;
use crate::record::{self, InboxPrefix, RecordHash, Writer};

/// The fields of a record before its tables and events.
pub(super) const HEADER: &[FieldDoc] = &[
    field("format", u8::TYPE, &["Number of the format. A reader stops at a format that it does not know."]),
    field("writer", Writer::TYPE, &["Writer of the record; must equal the last token of the subject."]),
    field("epoch", u64::TYPE, &["Epoch of the writer, from 1."]),
    field("prev_hash", RecordHash::TYPE, &["Hash of the previous valid record of the writer; zeros for the first."]),
    field(
        "inbox",
        <Option<InboxPrefix>>::TYPE,
        &["The writer's inbox up to the last cause of the record. Nil before its first message, and for a writer \
             that reads no inbox. The digest covers the messages up to `cause_seq` of the last event."],
    ),
];

/// What follows [`HEADER`] in a record. Name and meaning.
pub(super) const AFTER_HEADER: &[(&str, &str)] = &[
    (
        "shared",
        "The texts (strings) and ids (bins of 16 bytes) that the events refer to by their index in this array: each \
         once, in the order of their first use.",
    ),
    ("events", "The events, at most 4096."),
];
const _: () = assert!(record::RECORD_EVENTS_MAX == 4096, "the text says so");

/// The elements of an event before the fields of its body. Name and meaning.
pub(super) const EVENT: &[(&str, &str)] = &[
    (
        "head",
        "An unsigned integer: (version - 1) * 1024 + kind * 4 + step. `kind` is below 256. A reader stops at a kind or \
         version that it does not know.",
    ),
    (
        "cause_seq",
        "Only with step 3: sequence of the message that holds the input that the fact answers, as a difference to the \
         `cause_seq` of the event before, modulo 2^64, as a signed integer.",
    ),
    ("cause_index", "Only with step 3: index of that input in the message, an unsigned integer."),
    ("index", "Only with step 3: index among the facts of the writer on the same cause, from 0, an unsigned integer."),
    (
        "at",
        "Tape time of the cause, ns since the Unix epoch, as a difference to the `at` of the event before (to 0 for \
         the first), modulo 2^64, as a signed integer.",
    ),
];

/// The meaning of a value as change.
pub(super) const CHANGE: &str = "A value as change is the difference to the same field of the last event in the record \
     of the same kind whose first field, the instrument, is the same. Nil stands for no value, and changes nothing. \
     Before the first value the difference is to zero. The difference of an integer is signed, modulo 2^64. That of a \
     decimal number is the difference of the numbers, and stands as a decimal number does.";
/// The meaning of a value as price change.
pub(super) const PRICE_CHANGE: &str = "A price as price change is the difference to the last such price of the \
     instrument in the record, in any field of any kind. Before the first the difference is to zero.";

/// The meaning of each step: how cause and index follow from those of the event before. Before the first event of a
/// record they are zeros. The first step that applies is used.
pub(super) const STEPS: &[&str] = &[
    "The same cause; `index` is one higher.",
    "`cause_seq` is one higher; `cause_index` and `index` are 0.",
    "The same `cause_seq`; `cause_index` is one higher, and `index` is 0.",
    "`cause_seq`, `cause_index` and `index` stand after the head.",
];

const fn field(name: &'static str, ty: &'static Type, doc: Doc) -> FieldDoc {
    FieldDoc { name, ty, doc }
}

/// Every named type in a record, each after the types that it contains.
pub(super) fn named_types() -> Vec<&'static NamedType> {
    let mut all = Vec::new();
    let bodies = Kind::ALL.iter().flat_map(|kind| kind.fields());
    HEADER.iter().chain(bodies).for_each(|field| field.ty.collect(&mut all));
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
            "A record holds the fields of `record` in order, then the elements of `after_header`. An event is an \
             array: the elements of `event` in order, then the fields of its kind, in order. The wire holds no names.",
            "Every value is in the shortest form of MessagePack, so that a record has one encoding.",
            "A type is a name in `types`, or {\"optional\": type} (a value of the type, or nil), {\"list\": \
             type} (an array of values of the type), or {\"tuple\": [type, ...]} (an array of one value per type).",
            "{\"change\": type} and {\"price_change\": type} are differences:",
            CHANGE,
            PRICE_CHANGE,
        ],
        "format": record::FORMAT,
        "bounds": {
            "record_bytes_max": record::RECORD_BYTES_MAX,
            "record_events_max": record::RECORD_EVENTS_MAX,
        },
        "inbox_writers": Writer::ALL.iter().filter(|writer| writer.reads_inbox()).collect::<Vec<_>>(),
        "record": fields(HEADER),
        "after_header": AFTER_HEADER.iter().map(named).collect::<Vec<_>>(),
        "event": EVENT.iter().map(named).collect::<Vec<_>>(),
        "steps": STEPS,
        "wire": wires(),
        "types": types,
        "kinds": Kind::ALL.iter().map(|kind| kind_entry(*kind)).collect::<Vec<_>>(),
    })
}

fn named((name, doc): &(&str, &str)) -> Value {
    json!({"name": name, "doc": doc})
}

/// The meaning of each value of `wire`.
const WIRES: &[(&str, &str)] = &[
    ("integer", "An unsigned MessagePack integer of at most `bits` bits."),
    (
        "time",
        "A signed MessagePack integer: the difference to the `at` of the event, modulo 2^64. `at` itself is a \
         difference to the event before.",
    ),
    (
        "offset",
        "A MessagePack array: the sequence, as a signed difference to the `cause_seq` of the event, modulo 2^64; and \
         the index, unsigned. In text: the fields `seq` and `index`.",
    ),
    ("text", "An unsigned MessagePack integer: the index in `shared`. The text matches `pattern`, if there is one."),
    ("id", "An unsigned MessagePack integer: the index in `shared`. In text: lower-case hex digits."),
    (
        "decimal",
        "mantissa * 32 + decimals, where the number is mantissa / 10^decimals: a MessagePack integer if it fits signed \
         64 bits, otherwise a bin of the fewest bytes (9 to 17), signed, big-endian, two's complement. There are at \
         most `decimals`, and the mantissa does not end in 0 if there are any. The magnitude is at most `units_max` / \
         10^`decimals`. In text: a decimal without trailing zeros.",
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
        Type::PriceChange(of) => json!({"price_change": reference(of)}),
        Type::Change(of) => json!({"change": reference(of)}),
        Type::List(of) => json!({"list": reference(of)}),
        Type::Tuple(of) => json!({"tuple": of.iter().map(|one| reference(one)).collect::<Vec<_>>()}),
    }
}

fn named_type(named: &NamedType) -> Value {
    let mut entry = match &named.shape {
        Shape::Integer { bits, least } => json!({"wire": "integer", "bits": bits, "least": least}),
        Shape::Time => json!({"wire": "time"}),
        Shape::Offset => json!({"wire": "offset"}),
        Shape::Id => json!({"wire": "id"}),
        Shape::VenueId(pattern) => json!({"wire": "venue_id", "pattern": pattern}),
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
