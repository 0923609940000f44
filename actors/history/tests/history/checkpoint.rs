//! What is kept of an unfinished replay, and when it is refused.

use std::path::Path;

use tapedeck_history::render::{OutputFormat, Rendered, Renderer};
use tapedeck_history::replay::{Checkpoint, CheckpointFile, ReplaySpec};
use tapedeck_history::sinks::FileSink;
use tapedeck_history::{Filter, HistoryError, RangeBounds, ResolvedBound, TapeRange};
use tapedeck_schemas::ids::TapeId;
use tapedeck_schemas::json::JsonTimes;
use tapedeck_schemas::record::Writer;

use crate::common::*;

fn spec() -> ReplaySpec {
    let bounds = RangeBounds { from: Some(ResolvedBound::Time(5)), to: None };
    let tape = n::<TapeId>("000102030405060708090a0b0c0d0e0f").into();
    ReplaySpec {
        tapes: vec![TapeRange { partition: 0, tape, bounds, end: 9 }],
        range: "from -10m".into(),
        filter: "market facts".into(),
        output: "JSON lines".into(),
        run: n("r1"),
    }
}

/// Three facts as they leave.
fn facts() -> Vec<Rendered> {
    let tape =
        [record(1, Writer::Ingest, &[(1, quote(BTC, "5", 1)), (2, trade(BTC, "6", 2)), (3, quote(BTC, "7", 3))])];
    let mut renderer = Renderer::new(n("r1"));
    replayed(&tape, RangeBounds::default(), &Filter::market()).into_iter().map(|one| renderer.render(one)).collect()
}

/// Writes facts behind a checkpoint, and gives the checkpoint behind them.
fn write(path: &Path, at: &Checkpoint, facts: &[Rendered]) -> Result<Checkpoint, HistoryError> {
    let mut sink = FileSink::open(path, OutputFormat::JsonLines(JsonTimes::Text), at)?;
    facts.iter().for_each(|one| sink.put(one).unwrap());
    let (bytes, hash) = sink.sync()?;
    Ok(Checkpoint { facts: at.facts + facts.len() as u64, bytes, hash, ..at.clone() })
}

#[test]
fn a_checkpoint_is_found_again_and_forgotten_when_done() {
    let dir = tempfile::tempdir().unwrap();
    let file = CheckpointFile::beside(&dir.path().join("out.jsonl"));
    assert!(file.path().ends_with("out.jsonl.resume"));
    assert_eq!(file.load_for(&spec()).unwrap(), None);
    for facts in [0, 7] {
        let checkpoint = Checkpoint { facts, last: Some("p0g1:3.1".into()), ..Checkpoint::start(spec()) };
        file.save(&checkpoint).unwrap();
        assert_eq!(file.load_for(&spec()).unwrap(), Some(checkpoint));
    }
    file.clear().unwrap();
    file.clear().unwrap();
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn the_same_replay_asked_for_later_keeps_the_ends_of_the_first() {
    let dir = tempfile::tempdir().unwrap();
    let file = CheckpointFile::new(dir.path().join("x"));
    file.save(&Checkpoint::start(spec())).unwrap();
    let mut later = spec();
    later.tapes[0].bounds.from = Some(ResolvedBound::Time(600));
    later.tapes[0].end = 20;
    assert_eq!(file.load_for(&later).unwrap().unwrap().spec, spec());
}

#[test]
fn another_tape_range_filter_output_or_run_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let file = CheckpointFile::new(dir.path().join("x"));
    file.save(&Checkpoint::start(spec())).unwrap();
    let changed = |change: fn(&mut ReplaySpec)| {
        let mut other = spec();
        change(&mut other);
        file.load_for(&other).unwrap_err().to_string()
    };
    for (said, name) in [
        (changed(|spec| spec.tapes[0].tape.tape = n("ff0102030405060708090a0b0c0d0e0f")), "its tape was"),
        (changed(|spec| spec.tapes.clear()), "its tape was"),
        (changed(|spec| spec.range = "all".into()), "its range was \"from -10m\", but \"all\" is requested"),
        (changed(|spec| spec.filter = "kind Trade".into()), "its filter was"),
        (changed(|spec| spec.output = "MessagePack".into()), "its output was"),
        (changed(|spec| spec.run = n("r2")), "its run was"),
    ] {
        assert!(said.contains(name) && said.contains("--fresh starts over"), "{said}");
    }
}

#[test]
fn any_altered_byte_of_the_checkpoint_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let file = CheckpointFile::new(dir.path().join("x"));
    file.save(&Checkpoint::start(spec())).unwrap();
    let good = std::fs::read(file.path()).unwrap();
    for at in 0..good.len() - 1 {
        let mut bad = good.clone();
        bad[at] ^= 1;
        std::fs::write(file.path(), &bad).unwrap();
        assert!(file.load().is_err(), "byte {at}");
    }
    for foreign in [&b""[..], b"{}\n", b"\xff\xfe", &good[..good.len() / 2]] {
        std::fs::write(file.path(), foreign).unwrap();
        assert!(file.load().is_err(), "{foreign:?}");
    }
}

#[test]
fn a_file_cut_back_to_its_checkpoint_ends_as_if_nothing_had_happened() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, torn) = (dir.path().join("whole"), dir.path().join("torn"));
    let facts = facts();
    let start = Checkpoint::start(spec());
    write(&whole, &start, &facts).unwrap();
    let midway = write(&torn, &start, &facts[..1]).unwrap();
    // Behind the checkpoint stands what was written before the kill: a fact and half of one.
    let mut file = std::fs::read(&whole).unwrap();
    file.truncate(file.len() - 20);
    std::fs::write(&torn, file).unwrap();
    let end = write(&torn, &midway, &facts[1..]).unwrap();
    assert_eq!(std::fs::read(&torn).unwrap(), std::fs::read(&whole).unwrap());
    assert_eq!((end.facts, end.bytes), (3, std::fs::metadata(&whole).unwrap().len()));
}

#[test]
fn a_file_that_is_shorter_altered_or_in_use_is_refused_untouched() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out");
    let midway = write(&path, &Checkpoint::start(spec()), &facts()).unwrap();
    let good = std::fs::read(&path).unwrap();
    let refused = |bytes: &[u8], why: &str| {
        std::fs::write(&path, bytes).unwrap();
        let said = write(&path, &midway, &[]).unwrap_err().to_string();
        assert!(said.contains(why) && said.contains("--fresh"), "{said}");
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
    };
    refused(&good[1..], "were written");
    refused(&good[..0], "were written");
    let mut altered = good.clone();
    altered[10] ^= 1;
    refused(&altered, "was altered");
    std::fs::write(&path, &good).unwrap();
    let _held = FileSink::open(&path, OutputFormat::JsonLines(JsonTimes::Text), &midway).unwrap();
    assert!(write(&path, &midway, &[]).unwrap_err().to_string().contains("cannot lock"));
}

#[test]
fn a_default_run_is_named_by_what_is_played() {
    let run = |spec: &ReplaySpec| ReplaySpec::default_run(&spec.tapes, &spec.filter);
    let mut other = spec();
    other.tapes[0].end += 1;
    assert_eq!(run(&spec()), run(&spec()));
    assert_ne!(run(&spec()), run(&other));
}
