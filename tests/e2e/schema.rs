//! The documents made from the code: kept as files, valid by others' standards, and true of the bytes.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tapedeck_kernel::invariants::{InvariantId, Invariants, Recorded};
use tapedeck_schemas::describe::{self, tape};
use tapedeck_schemas::event::Kind;
use tapedeck_schemas::position::Position;
use tapedeck_schemas::record::{self, Writer};

use crate::common::{System, json, text};

/// What is printed, and where it is kept.
const DOCUMENTS: [(&str, &str); 4] = [
    ("asyncapi", "asyncapi.json"),
    ("market", "market.schema.json"),
    ("tape", "tape.json"),
    ("record", "record-format.md"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn kept(name: &str) -> PathBuf {
    root().join("schemas/docs").join(name)
}

/// Runs a script of `tests`; its standard output if its exit code is 0, else what it said is wrong.
fn python(script: &str, args: &[&Path], input: &str) -> Result<String, String> {
    let mut child = Command::new("python3")
        .arg(root().join("tests").join(script))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_string();
    let writing = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    let _ = writing.join();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

#[test]
fn the_documents_that_are_kept_are_what_the_binary_prints() {
    let system = System::new();
    for (document, name) in DOCUMENTS {
        let printed = system.ok(&["schema", document]);
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(kept(name), &printed).unwrap();
        }
        let kept = std::fs::read_to_string(kept(name)).unwrap_or_default();
        assert!(printed == kept, "schemas/docs/{name} is old: run the tests with UPDATE_EXPECT=1 and look at the diff");
    }
}

#[test]
fn the_asyncapi_document_is_valid_by_the_official_schema_and_so_are_its_examples() {
    let official = root().join("tests/fixtures/asyncapi-3.0.0.json.gz");
    let check = |path: &Path| python("check_schemas.py", &[Path::new("asyncapi"), path, &official], "");
    let counted = json(&check(&kept("asyncapi.json")).unwrap());
    // Two formats of six kinds, the ack, the status and the reject.
    assert_eq!(counted["examples"], 15);
    let good = json(&std::fs::read_to_string(kept("asyncapi.json")).unwrap());
    let dir = tempfile::tempdir().unwrap();
    for (pointer, wrong, says) in [
        ("/asyncapi", json!("3"), "$.asyncapi"),
        ("/operations/say_rejects/action", json!("publish"), "$.operations"),
        ("/components/messages/ack/payload/$ref", json!("#/components/schemas/akk"), "akk leads nowhere"),
        ("/components/messages/trade_json/examples/0/payload/price", json!(61837.63), "example of trade_json"),
    ] {
        let (mut bad, path) = (good.clone(), dir.path().join("asyncapi.json"));
        *bad.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = wrong;
        std::fs::write(&path, bad.to_string()).unwrap();
        let said = check(&path).unwrap_err();
        assert!(said.contains(says), "{pointer}: {said}");
    }
}

/// The frozen records: name and hex.
fn golden() -> Vec<(String, String)> {
    let folder = root().join("schemas/golden");
    let mut all: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_string(), std::fs::read_to_string(path).unwrap()))
        .filter(|(name, _)| name != "market_batch")
        .collect();
    all.sort();
    all
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.trim();
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

/// A record as Rust reads it, in the words of the document.
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
    let path = dir.path().join("tape.json");
    std::fs::write(&path, document.to_string()).unwrap();
    let input: String = records.iter().map(|(_, hex)| format!("{}\n", hex.trim())).collect();
    python("read_record.py", &[&path], &input).unwrap().lines().map(json).collect()
}

#[test]
fn a_reader_that_knows_nothing_but_the_tape_document_reads_every_kind_as_rust_does() {
    let records = golden();
    assert_eq!(records.len(), Kind::ALL.len(), "one frozen record of every kind");
    let document = json(&System::new().ok(&["schema", "tape"]));
    let read = as_python_reads(&document, &records);
    assert_eq!(read.len(), records.len());
    for ((name, hex), read) in records.iter().zip(read) {
        assert_eq!(read, as_rust_reads(&bytes(hex)), "{name}");
    }
}

#[test]
fn a_tape_document_with_fields_in_another_order_is_found_out_by_every_kind() {
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
    assert_eq!(agree.len() + several, records.len(), "these do not find it out: {agree:?}");
    assert!(several > 25 && agree.contains(&"023_Tick_v1"), "{several} kinds, all but {agree:?}");
}

#[test]
fn the_writers_that_the_document_names_are_those_that_may_write_the_kind() {
    for (_, hex) in golden() {
        let (_, mut entries) = record::decode(&bytes(&hex)).unwrap();
        let entry = entries.remove(0);
        let kind = entry.event.kind();
        for writer in Writer::ALL {
            let position = Position::new(2, 0);
            let broken = Invariants::new().observe(&Recorded { position, writer: *writer, entry: &entry });
            let may = broken.iter().all(|violation| violation.id != InvariantId::OwnKinds);
            assert_eq!(describe::writers(kind).contains(writer), may, "{writer} and {}", kind.name());
        }
    }
}
