//! The record format of the tape as a page for people, in Markdown.

use super::tape::{EVENT, HEADER, named_types};
use super::{FieldDoc, NamedType, Shape, prose, writers};
use crate::event::Kind;
use crate::record::{DEPTH_MAX, FORMAT, RECORD_BYTES_MAX, RECORD_EVENTS_MAX, Writer};

/// The page.
pub fn document() -> String {
    let mut page = vec![introduction(), table(&["#", "field", "type", ""], numbered(HEADER))];
    page.push(format!("{}. `events`: an array of at most {RECORD_EVENTS_MAX} events.", HEADER.len()));
    page.push("An event is an array of".into());
    page.push(table(&["#", "field", "type", ""], numbered(EVENT)));
    page.push(format!("{}. `body`: an array of the fields of its kind and version, below.", EVENT.len()));
    page.push(reading());
    page.push("## Writers".into());
    page.push(table(&["number", "writer", "writes"], Writer::ALL.iter().map(|writer| writer_row(*writer))));
    page.push("## Types".into());
    page.push("Names are not on the wire: a field is its place in the array.".into());
    page.push(table(&["type", "on the wire", "what it is"], named_types().into_iter().map(type_row)));
    for named in named_types() {
        page.extend(type_section(named));
    }
    page.push("## Kinds".into());
    page.push(table(
        &["number", "kind", "version", "writer", "what it says"],
        Kind::ALL.iter().map(|kind| kind_row(*kind)),
    ));
    for kind in Kind::ALL {
        page.push(format!("### {} ({}, version {})", kind.name(), *kind as u16, kind.version()));
        page.push(prose(kind.doc()));
        page.push(match kind.fields() {
            [] => "An empty array.".into(),
            fields => table(&["#", "field", "type", ""], numbered(fields)),
        });
    }
    page.join("\n\n") + "\n"
}

fn introduction() -> String {
    format!(
        "# The record format of the tape\n\n\
         Made by `tapedeck schema record` from the code; `tapedeck schema tape` says the same to programs.\n\n\
         The tape of partition `p` is the JetStream stream `TAPE_p`. Each of its messages, on the subject \
         `tape.p.WRITER`, is a **record**: one MessagePack array, with nothing after it, of at most \
         {RECORD_BYTES_MAX} bytes and nested at most {DEPTH_MAX} deep. The format's number is {FORMAT}."
    )
}

fn reading() -> String {
    "## How to read a tape\n\n\
     1. Read every sequence in turn, from 1. One that is missing was lost, purged or filtered away: stop.\n\
     2. A message is **invalid**, and is skipped by every reader, if it is on no writer's subject, is not a record, is \
     too large, names another writer than its subject, or does not chain. It keeps its sequence.\n\
     3. A record that chains, and whose format is not known, or one of whose events has a kind or version that is not \
     known, was written by newer code: stop, never skip it. Every format begins with `format`, `writer`, `epoch` and \
     `prev_hash`, so that this can be told; bytes that do not are invalid.\n\
     4. Records **chain** by writer: `prev_hash` is the BLAKE3 hash (32 bytes) of the payload of the same writer's \
     previous valid record, and zeros in a writer's first. A record of the right writer that does not \
     chain shows that something was altered or lost.\n\
     5. The first record is the keeper's, and its first event is `TapeCreated`.\n\
     6. An event's **offset** is (JetStream sequence, index in `events` from 0), printed `p0:1234.5`. Offsets are \
     the only order.\n\
     7. `cause` names the input that the event answers: for ingest a place in the stream `INBOX_p`, for control in \
     `COMMAND_p`, for every other writer an offset on this tape."
        .into()
}

/// A table; the cells of a row are joined as they are.
fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let line = |cells: &[String]| format!("| {} |", cells.join(" | "));
    let head: Vec<String> = head.iter().map(|cell| (*cell).to_string()).collect();
    let mut lines = vec![line(&head), format!("|{}", "---|".repeat(head.len()))];
    lines.extend(rows.into_iter().map(|row| line(&row)));
    lines.join("\n")
}

fn numbered(fields: &[FieldDoc]) -> impl Iterator<Item = Vec<String>> {
    let row = |(at, field): (usize, &FieldDoc)| {
        vec![at.to_string(), format!("`{}`", field.name), field.ty.words(), prose(field.doc)]
    };
    fields.iter().enumerate().map(row)
}

fn writer_row(writer: Writer) -> Vec<String> {
    let own = Kind::ALL.iter().filter(|kind| writers(**kind) == [writer]).map(|kind| kind.name());
    let shared = Kind::ALL.iter().filter(|kind| writers(**kind).len() > 1 && writers(**kind).contains(&writer));
    let all: Vec<_> = shared.map(|kind| kind.name()).chain(own).collect();
    vec![(writer as u8).to_string(), writer.to_string(), all.join(", ")]
}

fn type_row(named: &NamedType) -> Vec<String> {
    let wire = match &named.shape {
        Shape::Integer(bits) => format!("unsigned integer, {bits} bits"),
        Shape::Text("") => "string".into(),
        Shape::Text(pattern) => format!("string, `{}`", pattern.replace('|', "\\|")),
        Shape::Decimal { decimals, .. } => {
            format!("integer that counts 1e-{decimals}; beyond signed 64 bits: 16 big-endian bytes, two's complement")
        }
        Shape::Bytes(length) => format!("bin of {length} bytes"),
        Shape::Names(_) => "integer that stands for a name, below".into(),
        Shape::Array(_) => "array, below".into(),
        Shape::Choice(_) => "a name, or a map of one name to its value, below".into(),
    };
    vec![format!("`{}`", named.name), wire, prose(named.doc)]
}

/// What a type is made of, if of parts.
fn type_section(named: &NamedType) -> Vec<String> {
    let rows = match &named.shape {
        Shape::Names(names) => {
            let row = |one: &super::NameDoc| vec![one.number.to_string(), one.text.into(), prose(one.doc)];
            table(&["number", "name", ""], names.iter().map(row))
        }
        Shape::Array(fields) => table(&["#", "field", "type", ""], numbered(fields)),
        Shape::Choice(variants) => {
            let row = |one: &super::VariantDoc| {
                let beside = one.ty.map_or("the bare string".into(), |ty| format!("map of it to {}", ty.words()));
                vec![format!("`{}`", one.name), beside, prose(one.doc)]
            };
            table(&["name", "form", ""], variants.iter().map(row))
        }
        _ => return Vec::new(),
    };
    vec![format!("### {}", named.name), rows]
}

fn kind_row(kind: Kind) -> Vec<String> {
    let writers = writers(kind);
    let writer = match writers.as_slice() {
        [one] => one.to_string(),
        _ => "every writer but the keeper".into(),
    };
    vec![(kind as u16).to_string(), kind.name().into(), kind.version().to_string(), writer, prose(kind.doc())]
}
