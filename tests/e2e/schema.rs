//! The documents generated from the code: equal to the kept files, valid by their standards, and true of the bytes.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tapedeck_schemas::describe;
use tapedeck_schemas::json::JsonTimes;
use tapedeck_schemas::market::contract::{FIELDS, FieldSpec, FieldType, KINDS};
use tapedeck_schemas::market::{self, MESSAGE_EVENTS_MAX};
use tapedeck_schemas::subject::MarketKind::{self, Bar, Definition, Heartbeat, Quote, Trade};

use crate::common::{System, json, python3, text};

/// The documents by the argument of `schema`, and their files.
const DOCUMENTS: [(&str, &str); 4] = [
    ("asyncapi", "asyncapi.json"),
    ("market", "market.schema.json"),
    ("tape", "tape.json"),
    ("record", "record-format.md"),
];

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn kept(name: &str) -> PathBuf {
    root().join("schemas/docs").join(name)
}

/// Writes a document to a file.
pub(crate) fn file(dir: &tempfile::TempDir, document: &Value) -> PathBuf {
    let path = dir.path().join("document.json");
    std::fs::write(&path, document.to_string()).unwrap();
    path
}

/// Runs a script of `tests`; its standard output on success, else its standard error.
pub(crate) fn python(script: &str, args: &[&Path], input: &str) -> Result<String, String> {
    let mut child = Command::new(python3())
        .arg(root().join(script))
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
fn the_kept_documents_equal_the_output_of_the_binary() {
    let system = System::new();
    for (document, name) in DOCUMENTS {
        let printed = system.ok(&["schema", document]);
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(kept(name), &printed).unwrap();
        }
        let kept = std::fs::read_to_string(kept(name)).unwrap_or_default();
        assert!(
            printed == kept,
            "schemas/docs/{name} is outdated: run the tests with UPDATE_EXPECT=1 and review the diff"
        );
    }
}

#[test]
fn the_asyncapi_document_and_its_examples_are_valid_by_the_official_schema() {
    let official = root().join("tests/fixtures/asyncapi-3.0.0.json.gz");
    let check = |path: &Path| python("tests/check_schemas.py", &[Path::new("asyncapi"), path, &official], "");
    let valid = describe::asyncapi::document();
    let dir = tempfile::tempdir().unwrap();
    let counted = json(&check(&file(&dir, &valid)).unwrap());
    // Two formats of six kinds, the acknowledgement, the request for the status and its reply, and the rejection.
    assert_eq!(counted["examples"], 16);
    for (pointer, value, expected) in [
        ("/asyncapi", json!("3"), "$.asyncapi"),
        ("/operations/send_rejects/action", json!("publish"), "$.operations"),
        ("/components/messages/ack/payload/$ref", json!("#/components/schemas/akk"), "akk leads nowhere"),
        ("/components/messages/trade_json/examples/0/payload/price", json!("+1"), "example of trade_json"),
    ] {
        let mut invalid = valid.clone();
        *invalid.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = value;
        let error = check(&file(&dir, &invalid)).unwrap_err();
        assert!(error.contains(expected), "{pointer}: {error}");
    }
}

/// The places within a schema, below its root, that have a shape of their own: a type that is generated for one would
/// have an invented name.
fn unnamed(at: &str, schema: &Value, is_root: bool) -> Vec<String> {
    let Value::Object(map) = schema else { return Vec::new() };
    let has_shape = ["properties", "oneOf", "enum"].iter().any(|keyword| map.contains_key(*keyword));
    let own = (has_shape && !is_root).then(|| at.to_string());
    let is_name = |key: &str| key == "propertyNames" || key == "examples";
    let within = map.iter().filter(|(key, _)| !is_name(key)).flat_map(|(key, value)| match value {
        Value::Array(all) => all.iter().flat_map(|one| unnamed(&format!("{at}/{key}"), one, false)).collect(),
        Value::Object(all) if key == "properties" => {
            all.iter().flat_map(|(name, one)| unnamed(&format!("{at}/{name}"), one, false)).collect()
        }
        value => unnamed(&format!("{at}/{key}"), value, false),
    });
    own.into_iter().chain(within).collect()
}

#[test]
fn every_shape_in_the_asyncapi_document_has_a_name() {
    let document = describe::asyncapi::document();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    // A line of a file, which is not on a subject, adds a field to any event.
    let of = |schemas: &serde_json::Map<String, Value>| -> Vec<String> {
        let named = schemas.iter().filter(|(name, _)| *name != "line");
        named.flat_map(|(name, schema)| unnamed(name, schema, true)).collect()
    };
    assert_eq!(of(schemas), [""; 0]);
    let mut inlined = schemas.clone();
    inlined["status"]["properties"]["sessions"]["items"] = inlined["session_numbers"].clone();
    inlined["trade"]["properties"]["aggressor"] = inlined["aggressor"].clone();
    assert_eq!(of(&inlined), ["status/sessions/items", "trade/aggressor"]);
}

/// Whether each value is valid by the definition of this name.
fn valid(cases: &[(String, Value)]) -> Vec<bool> {
    let input: String = cases.iter().map(|case| format!("{}\n", json!(case))).collect();
    let dir = tempfile::tempdir().unwrap();
    let schema = file(&dir, &describe::market::document());
    let decided = python("tests/check_schemas.py", &[Path::new("cases"), &schema], &input).unwrap();
    decided.lines().map(|line| line == "true").collect()
}

fn is_accepted(kind: MarketKind, message: &Value) -> bool {
    market::decode(kind, message.to_string().as_bytes()).iter().all(Result::is_ok)
}

/// The example of a kind with one field changed, or removed (`None`).
fn with(kind: MarketKind, field: &str, value: Option<Value>) -> Value {
    let mut map = describe::market::example(kind);
    let fields = map.as_object_mut().unwrap();
    match value {
        Some(value) => fields.insert(field.into(), value),
        None => fields.remove(field),
    };
    map
}

/// Asserts that schema and decoder accept all messages, or reject all.
fn assert_agree(cases: &[(MarketKind, Value)], expected: bool) {
    let named: Vec<_> = cases.iter().map(|(kind, message)| (format!("{kind}_message"), message.clone())).collect();
    for ((kind, message), valid) in cases.iter().zip(valid(&named)) {
        assert_eq!(
            (valid, is_accepted(*kind, message)),
            (expected, expected),
            "(schema, decoder) of a {kind}: {message:.300}"
        );
    }
}

#[test]
fn the_decoder_accepts_messages_that_the_market_schema_allows() {
    let example = describe::market::example;
    let mut cases: Vec<_> = KINDS.iter().map(|kind| (*kind, example(*kind))).collect();
    cases.push((MarketKind::Batch, KINDS.iter().map(|kind| example(*kind)).collect()));
    cases.push((MarketKind::Batch, example(MarketKind::Heartbeat)));
    cases.push((MarketKind::Quote, json!(vec![example(MarketKind::Quote); MESSAGE_EVENTS_MAX])));
    for kind in KINDS {
        cases.extend(optional(*kind).map(|field| (*kind, with(*kind, field.name, None))));
        cases.push((*kind, with(*kind, "of_a_later_contract", Some(json!([1.5])))));
    }
    for (kind, field, value) in [
        (Trade, "price", json!(61837)),
        (Trade, "price", json!(61837.63)),
        (Trade, "price", json!("6.183763e+4")),
        (Trade, "price", json!("0.000000001000")),
        (Trade, "seq", json!("7")),
        (Trade, "ts_recv", json!("1723161254087891268")),
        (Quote, "bid_size", json!("0")),
        (Quote, "ask_size", json!(0)),
        (Quote, "update_id", json!(u64::MAX)),
        (Bar, "bar", json!("250ms-quote")),
        (Bar, "bar", json!("2.5v")),
        (Bar, "bar", json!("1w-session")),
        (Bar, "bar", json!("3mo-session-quote")),
        (Definition, "bars", json!("1s,2s,3s,4s,5s,6s,7s,8t-quote")),
        (Definition, "calendar", json!("2024-01-31=14:30/21:00,02-01=-01:00/100:00:01,2025-01-01")),
        (Definition, "calendar", json!(format!("2024-01-01=00:00/00:01{}", days(1023)))),
    ] {
        cases.push((kind, with(kind, field, Some(value))));
    }
    assert_agree(&cases, true);
}

/// Further sessions of a calendar, each a minute after the one before, with the same date.
fn days(count: u32) -> String {
    let time = |minute: u32| format!("{:02}:{:02}", minute / 60, minute % 60);
    (1..=count).map(|minute| format!(",01={}/{}", time(minute), time(minute + 1))).collect()
}

fn optional(kind: MarketKind) -> impl Iterator<Item = &'static FieldSpec> {
    FIELDS.iter().filter(move |field| field.kinds.contains(&kind) && !field.required)
}

#[test]
fn the_market_schema_rejects_messages_that_the_decoder_rejects() {
    let mut cases = vec![
        (MarketKind::Batch, with(Trade, "kind", None)),
        (MarketKind::Batch, with(Trade, "kind", Some(json!("batch")))),
        (Quote, describe::market::example(Trade)),
        (Trade, json!([])),
        (Trade, json!([describe::market::example(Trade), 1])),
        (Heartbeat, json!(vec![describe::market::example(Heartbeat); MESSAGE_EVENTS_MAX + 1])),
    ];
    for kind in KINDS {
        for field in FIELDS.iter().filter(|field| field.kinds.contains(kind)) {
            let invalid: &[Value] = match field.ty {
                FieldType::Token => &[json!("a b"), json!(""), json!("a234567890123456789012345"), json!(1)],
                FieldType::Tokens => &[json!("a b"), json!(["a"; 9].join(",")), json!(1), json!({})],
                FieldType::VenueId => &[json!(1.5), json!(-1), json!("a b"), json!(""), json!({})],
                FieldType::Symbol => {
                    &[json!(""), json!(" a"), json!("a "), json!("a\u{a0}b"), json!("a\tb"), json!("a,b"), json!(1)]
                }
                FieldType::Kind | FieldType::Word(_) | FieldType::Bar | FieldType::Bars => {
                    &[json!("nothing"), json!(1), json!({})]
                }
                FieldType::Calendar => &[
                    json!(""),
                    json!("01-02=14:30/21:00"),
                    json!("2024-01-02"),
                    json!("2024-01-02=14:30"),
                    json!("2024-01-02=14:30/21:60"),
                    json!("2024-01-02=14:30/21:00, 03"),
                    json!(1),
                ],
                FieldType::Count | FieldType::Time => {
                    &[json!(1.5), json!("1.5"), json!(-1), json!("-1"), json!(""), json!("123456789012345678901")]
                }
                FieldType::Price | FieldType::Quantity | FieldType::Money => &[
                    json!(1e21),
                    json!("1e"),
                    json!("1e1.5"),
                    json!("NaN"),
                    json!(".5"),
                    json!("1."),
                    json!("+1"),
                    json!(""),
                    json!("0.0000000000000000000001"),
                    json!("1".repeat(65)),
                ],
            };
            let anywhere = [json!([1]), json!(true)];
            let values = invalid.iter().chain(&anywhere);
            cases.extend(values.map(|value| (*kind, with(*kind, field.name, Some(value.clone())))));
            cases.extend(field.required.then(|| (*kind, with(*kind, field.name, None))));
        }
    }
    for (kind, field, value) in [
        (Trade, "seq", json!(0)),
        (Trade, "seq", json!("0")),
        (Trade, "ts_recv", json!(0)),
        (Trade, "aggressor", json!("Buyer")),
        (Bar, "bar", json!("1x")),
        (Bar, "bar", json!("0m")),
        (Bar, "bar", json!("1v-quote")),
        (Bar, "bar", json!("1t-session")),
        (Bar, "bar", json!("1d-quote-session")),
        (Definition, "bars", json!("1s,2s,3s,4s,5s,6s,7s,8s,9s")),
    ] {
        cases.push((kind, with(kind, field, Some(value))));
    }
    assert!(cases.len() > 300, "{} cases", cases.len());
    assert_agree(&cases, false);
}

/// Ajv is a second validator, in a mode that refuses schemas whose meaning it finds doubtful.
#[test]
fn a_strict_validator_compiles_the_market_schema_and_agrees_on_every_example() {
    let folder = root().join("tests/node");
    if Command::new("node").arg("--version").output().is_err() || !folder.join("node_modules").exists() {
        eprintln!("NOT RUN: needs Node 20 or later and the packages of tests/node; ./dev test installs them");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let strict = |document: &Value, cases: &[(String, Value)]| {
        let input: String = cases.iter().map(|case| format!("{}\n", json!(case))).collect();
        let cases = dir.path().join("cases.jsonl");
        std::fs::write(&cases, input).unwrap();
        let mut node = Command::new("node");
        node.arg(folder.join("strict.mjs")).arg(file(&dir, document)).stdin(std::fs::File::open(cases).unwrap());
        node.output().unwrap()
    };
    let document = describe::market::document();
    let examples = KINDS.iter().map(|kind| (format!("{kind}_message"), describe::market::example(*kind)));
    let mut cases: Vec<_> = examples.collect();
    cases.extend(KINDS.iter().map(|kind| (format!("{kind}_message"), with(*kind, "seq", Some(json!("0"))))));
    let output = strict(&document, &cases);
    let answers = "true\n".repeat(KINDS.len()) + &"false\n".repeat(KINDS.len());
    assert_eq!(text(&output.stdout), answers, "{}", text(&output.stderr));
    let mut doubtful = document;
    doubtful["$defs"]["positive_price"] = json!({"type": ["string", "number"], "pattern": "[1-9]"});
    let output = strict(&doubtful, &cases);
    assert!(!output.status.success() && text(&output.stderr).contains("strictTypes"), "{}", text(&output.stderr));
}

#[test]
fn a_line_of_a_file_is_valid_and_invalid_without_its_instrument_or_kind() {
    let written: Vec<Value> = KINDS
        .iter()
        .map(|kind| {
            let event = market::decode(*kind, describe::market::example(*kind).to_string().as_bytes()).remove(0);
            json(&market::json_line(&"binance.BTCUSDT".parse().unwrap(), &event.unwrap(), JsonTimes::Text))
        })
        .collect();
    let without = |field: &str| {
        let mut line = written[0].clone();
        line.as_object_mut().unwrap().remove(field).unwrap();
        line
    };
    let mut cases: Vec<_> = written.iter().map(|line| ("line".to_string(), line.clone())).collect();
    cases.extend(["instrument", "kind"].map(|field| ("line".to_string(), without(field))));
    assert_eq!(valid(&cases), [true, true, true, true, true, false, false]);
}
