//! The document of the tape: a reader of it alone decodes records as Rust does.

use serde_json::{Value, json};
use tapedeck_kernel::invariants::{InvariantId, Invariants, TapeFact};
use tapedeck_schemas::describe::{self, tape};
use tapedeck_schemas::event::Kind;
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::{self, Writer};

use crate::common::{System, json};
use crate::schema::{file, python, root};

/// The golden record of each kind, with one event: name and hex.
fn golden() -> Vec<(String, String)> {
    let folder = root().join("schemas/golden");
    let mut all: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_string(), std::fs::read_to_string(path).unwrap()))
        .filter(|(name, _)| name.starts_with(|first: char| first.is_ascii_digit()))
        .collect();
    all.sort();
    all
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.trim();
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

/// A record as Rust decodes it, with the names of the document.
fn as_rust_reads(payload: &[u8]) -> Value {
    let (header, entries) = record::decode(payload).unwrap();
    let event = |entry: &record::Entry| {
        let kind = entry.event.kind();
        json!({
            "cause_seq": entry.cause.seq,
            "cause_index": entry.cause.index,
            "index": entry.index,
            "at": entry.at,
            "kind": kind.name(),
            "version": kind.version(),
            "body": entry.event,
        })
    };
    let mut read = serde_json::to_value(header).unwrap();
    read["format"] = json!(record::FORMAT);
    read["events"] = entries.iter().map(event).collect();
    read
}

fn as_python_reads(document: &Value, records: &[(String, String)]) -> Vec<Value> {
    let dir = tempfile::tempdir().unwrap();
    let path = file(&dir, document);
    let input: String = records.iter().map(|(_, hex)| format!("{}\n", hex.trim())).collect();
    python("schemas/examples/python/tape.py", &[&path], &input).unwrap().lines().map(json).collect()
}

#[test]
fn a_reader_of_the_tape_document_alone_decodes_every_kind_as_rust_does() {
    let records = golden();
    assert_eq!(records.len(), Kind::ALL.len(), "one golden record of every kind");
    let document = json(&System::new().ok(&["schema", "tape"]));
    let read = as_python_reads(&document, &records);
    assert_eq!(read.len(), records.len());
    for ((name, hex), read) in records.iter().zip(read) {
        assert_eq!(read, as_rust_reads(&bytes(hex)), "{name}");
    }
}

#[test]
fn a_reader_of_the_tape_document_alone_decodes_a_record_of_several_events_as_rust_does() {
    let hex = std::fs::read_to_string(root().join("schemas/golden/several.hex")).unwrap();
    let read = as_python_reads(&tape::document(), &[("several".into(), hex.clone())]);
    let expected = as_rust_reads(&bytes(&hex));
    assert!(expected["inbox"]["digest"].is_string() && expected["events"].as_array().unwrap().len() > 50);
    assert_eq!(read, [expected]);
}

/// Every golden record, and every record that differs from one by a byte, or by an integer in a longer form.
#[test]
fn a_reader_of_the_tape_document_alone_accepts_the_bytes_that_rust_accepts() {
    let mut damaged = Vec::new();
    for (name, hex) in golden() {
        let payload = bytes(&hex);
        for at in 0..payload.len() {
            let byte = payload[at];
            let others = [byte ^ 1, byte.wrapping_add(1), byte ^ 0x80, 0xc0, 0x00, 0xd9, 0xdc, 0xff];
            for other in others.map(|other| vec![other]).into_iter().chain([vec![0xcc, byte], vec![0xd0, byte], vec![]])
            {
                let payload = [&payload[..at], &other, &payload[at + 1..]].concat();
                damaged.push((format!("{name}, byte {at} as {other:x?}"), payload));
            }
        }
    }
    let hex = |payload: &[u8]| payload.iter().map(|byte| format!("{byte:02x}")).collect();
    let records: Vec<_> = damaged.iter().map(|(name, payload)| (name.clone(), hex(payload))).collect();
    let (mut accepted, mut rejected, mut differ) = (0, 0, Vec::new());
    for ((name, payload), read) in damaged.iter().zip(as_python_reads(&tape::document(), &records)) {
        match record::decode(payload) {
            Ok(_) if read == as_rust_reads(payload) => accepted += 1,
            Err(_) if read["error"].is_string() => rejected += 1,
            // The document has the pattern of a calendar. That its dates exist and ascend is in words.
            Err(error) if error.to_string().contains("calendar:") => {}
            decoded => differ.push(format!("{name}: {decoded:?}, but read as {read}")),
        }
    }
    assert!(differ.is_empty(), "{} differ: {:#?}", differ.len(), &differ[..differ.len().min(40)]);
    assert!(accepted > 1000 && rejected > 10_000, "{accepted} accepted, {rejected} rejected");
}

#[test]
fn a_tape_document_with_reordered_fields_is_detected_by_every_kind() {
    let records = golden();
    let mut document = tape::document();
    let mut several = 0;
    for kind in document["kinds"].as_array_mut().unwrap() {
        let fields = kind["fields"].as_array_mut().unwrap();
        several += usize::from(fields.len() > 1);
        fields.reverse();
    }
    let agree = as_python_reads(&document, &records);
    let agree = records.iter().zip(agree).filter(|((_, hex), read)| *read == as_rust_reads(&bytes(hex)));
    let agree: Vec<_> = agree.map(|((name, _), _)| name.as_str()).collect();
    assert_eq!(agree.len() + several, records.len(), "these kinds do not detect it: {agree:?}");
    assert!(several > 25 && agree.contains(&"023_ClockAdvanced_v1"), "{several} kinds, all but {agree:?}");
}

#[test]
fn the_writers_in_the_document_are_those_that_may_write_the_kind() {
    for (_, hex) in golden() {
        let (_, mut entries) = record::decode(&bytes(&hex)).unwrap();
        let entry = entries.remove(0);
        let kind = entry.event.kind();
        for writer in Writer::ALL {
            let offset = Offset::new(2, 0);
            let broken = Invariants::new().observe(&TapeFact { offset, writer: *writer, inbox: None, entry: &entry });
            let may = broken.iter().all(|violation| violation.id != InvariantId::OwnKinds);
            assert_eq!(describe::writers(kind).contains(writer), may, "{writer} and {}", kind.name());
        }
    }
}
