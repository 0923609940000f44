//! What a reader requires of the first record, of copied records, and of a tape that it reads on from a checkpoint.

use tapedeck_kernel::{TapeCheckpoint, TapeFault, TapeRead, TapeReader};
use tapedeck_schemas::event::{CopiedRecords, Epoch, TapeCreated};
use tapedeck_schemas::generation::{Generation, Lineage};
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::{RecordHash, Writer};

use crate::tape::{TAPE, Tape};

fn generation(number: u32) -> Generation {
    Generation::new(number).unwrap()
}

/// Reads the tape up to `last`, and returns what each message is.
fn read(reader: &mut TapeReader, tape: &Tape, last: u64) -> Result<Vec<TapeRead>, TapeFault> {
    let all = reader.last() + 1..=last;
    all.map(|seq| reader.read(seq, tape.at(seq).tape_subject(), &tape.at(seq).payload)).collect()
}

/// A tape of two writers, with an epoch, and an invalid record at its end.
fn tape() -> Tape {
    let mut tape = Tape::new();
    let epoch = Epoch { number: 1, owner: 1, logic: 1, build: "1.0.0+a".into() };
    tape.write(Writer::Ingest, 1, vec![(Offset::START, 0, epoch.into())]);
    for value in 1..6 {
        tape.write_values(&[value]);
    }
    tape.put(Some(Writer::Signal), b"garbage".to_vec());
    tape
}

#[test]
fn a_reader_from_a_checkpoint_reads_what_one_from_the_first_record_reads() {
    let mut tape = tape();
    for value in 6..9 {
        tape.write_values(&[value]);
    }
    let mut whole = TapeReader::new(TAPE);
    let all = read(&mut whole, &tape, tape.last()).unwrap();
    assert!(matches!(all[7], TapeRead::Invalid { .. }));
    for cut in 0..=tape.last() {
        let mut before = TapeReader::new(TAPE);
        read(&mut before, &tape, cut).unwrap();
        let kept = before.checkpoint().clone();
        assert_eq!(kept.seq, cut);
        let mut after = TapeReader::after(TAPE, kept);
        assert_eq!(read(&mut after, &tape, tape.last()).unwrap(), all[cut as usize..], "after {cut}");
        assert_eq!(after.checkpoint(), whole.checkpoint(), "after {cut}");
    }
    let ingest = &whole.checkpoint().chains[&Writer::Ingest];
    let last = tape.last();
    assert_eq!((ingest.seq, ingest.hash), (last, RecordHash::of(&tape.at(last).payload)));
    assert_eq!(ingest.build.as_deref(), Some("1.0.0+a"), "the build of the last epoch, not of the last record");
    assert_eq!(whole.checkpoint().chains.len(), 2, "an invalid record ends no chain");
}

#[test]
fn a_record_that_does_not_continue_the_checkpoint_is_invalid() {
    let mut tape = tape();
    let mut reader = TapeReader::new(TAPE);
    read(&mut reader, &tape, tape.last()).unwrap();
    let mut other: TapeCheckpoint = reader.checkpoint().clone();
    other.chains.get_mut(&Writer::Ingest).unwrap().hash = RecordHash([9; 32]);
    let next = tape.write_values(&[6]);
    let read = read(&mut TapeReader::after(TAPE, other), &tape, next).unwrap();
    assert!(matches!(read[..], [TapeRead::Invalid { breaks_chain: true, .. }]), "{read:?}");
}

/// A tape of generation 2 that begins with copies of the first records of another, up to `last`.
fn copy(tape: &Tape, last: u64, created: TapeCreated) -> Tape {
    let mut copy = Tape::empty();
    copy.write(Writer::Keeper, 1, vec![(Offset::START, 0, created.into())]);
    for seq in 2..=last {
        copy.put(tape.at(seq).subject, tape.at(seq).payload.clone());
    }
    copy
}

fn created(copied: Vec<CopiedRecords>) -> TapeCreated {
    TapeCreated { generation: generation(2), copied, ..TapeCreated::first(TAPE, 0, Vec::new()) }
}

#[test]
fn copied_records_keep_their_generation_and_their_chains_and_are_the_ones_that_the_first_record_names() {
    let first = tape();
    let copied =
        vec![CopiedRecords { generation: Generation::FIRST, last: 5, hash: RecordHash::of(&first.at(5).payload) }];
    let second = created(copied.clone());
    let mut tape = copy(&first, 5, second.clone());
    let next = tape.write_values(&[9]);
    let all = read(&mut TapeReader::new(&second), &tape, next).unwrap();
    let of = |one: &TapeRead| match one {
        TapeRead::Record(record) => record.generation.get(),
        TapeRead::Invalid { why, .. } => panic!("{why}"),
    };
    assert_eq!(all.iter().map(of).collect::<Vec<_>>(), [2, 1, 1, 1, 1, 2]);
    // Another record where the copies end.
    let mut altered = copy(&first, 4, second.clone());
    altered.write_values(&[8]);
    let fault = read(&mut TapeReader::new(&second), &altered, 5).unwrap_err();
    assert!(matches!(fault, TapeFault::WrongTape { seq: 5, .. }), "{fault}");
}

#[test]
fn a_tape_of_another_generation_or_with_other_copies_stops_at_its_first_record() {
    let copied = vec![CopiedRecords { generation: Generation::FIRST, last: 5, hash: RecordHash([3; 32]) }];
    let second = created(copied.clone());
    let stops = |want: Lineage, found: TapeCreated| {
        let mut tape = Tape::empty();
        tape.write(Writer::Keeper, 1, vec![(Offset::START, 0, found.into())]);
        let fault = read(&mut TapeReader::new(want), &tape, 1).unwrap_err();
        assert!(matches!(fault, TapeFault::WrongTape { seq: 1, .. }), "{fault}");
        fault.to_string()
    };
    let said = stops(TAPE.into(), second.clone());
    assert!(said.contains("generation g1") && said.contains("generation g2"), "{said}");
    stops(second.lineage(), TapeCreated::first(TAPE, 0, Vec::new()));
    let said = stops(second.lineage(), created(Vec::new()));
    assert!(said.contains("other copied records"), "{said}");
    let disordered = created(vec![copied[0].clone(), copied[0].clone()]);
    let said = stops(disordered.lineage(), disordered);
    assert!(said.contains("not in order"), "{said}");
}
