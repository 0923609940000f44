//! Reading a tape and taking over: what stops a driver, what it skips, and what it waits for.

use tapedeck_kernel::driver::{Input, Output, Stop};
use tapedeck_kernel::merge::UnknownCause;
use tapedeck_kernel::testing::{malformed_outer_headers, records_of_a_newer_build};
use tapedeck_kernel::{Answer, InboxMessage, TapeFault};
use tapedeck_schemas::event::{Epoch, Event, Progress, TapeCreated};
use tapedeck_schemas::generation::Generation;
use tapedeck_schemas::ids::TapeId;
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::reason::Reason;
use tapedeck_schemas::record::{self, Entry, Header, InboxDigest, InboxPrefix, RecordHash, Writer};
use tapedeck_schemas::subject::TapeSubject;

use crate::bench::{Bench, last_stop, only_append};
use crate::tape::Tape;
use crate::toys::{Echo, Fold, Gate, fact_of};

/// A tape on which an owner with this logic has answered one price.
pub(crate) fn tape_with_owner<const L: u32>() -> Tape {
    let mut bench = Bench::<Echo<L>>::claiming(Tape::new());
    let epoch = bench.read_append();
    bench.commit(&epoch);
    bench.price(5);
    let answer = bench.read_append();
    bench.commit(&answer);
    bench.tape
}

/// Records of a later build that continue the chain of `writer`.
fn of_a_newer_build(tape: &Tape, writer: Writer) -> Vec<(&'static str, Vec<u8>)> {
    records_of_a_newer_build(&Header { writer, epoch: 1, prev_hash: tape.chain_of(writer), inbox: None })
}

#[test]
fn a_gap_in_the_sequence_stops() {
    let mut bench = Bench::owner();
    let payload = bench.tape.at(1).payload.clone();
    let (expected, got) = (bench.read + 1, bench.read + 2);
    let outputs = bench.handle(Input::Tape {
        seq: got,
        stamp: 0,
        subject: TapeSubject::Writer(Writer::Keeper),
        payload: &payload,
    });
    assert_eq!(outputs, [Output::Stopped(Stop::Tape(TapeFault::NotNext { expected, got }))]);
    bench.assert_stopped();
}

#[test]
fn a_message_that_comes_twice_stops() {
    let mut bench = Bench::owner();
    let (expected, got) = (bench.read + 1, bench.read);
    let payload = bench.tape.at(got).payload.clone();
    let outputs = bench.handle(Input::Tape {
        seq: got,
        stamp: 0,
        subject: TapeSubject::Writer(Writer::Keeper),
        payload: &payload,
    });
    assert_eq!(outputs, [Output::Stopped(Stop::Tape(TapeFault::NotNext { expected, got }))]);
}

#[test]
fn a_record_that_chains_and_is_not_understood_stops_on_any_writers_subject() {
    for writer in [Writer::Signal, Writer::Ingest, Writer::Risk] {
        let (bench, _) = Bench::appending();
        let ways = of_a_newer_build(&bench.tape, writer);
        for (way, payload) in ways {
            let (mut bench, _) = Bench::appending();
            let at = bench.tape.put(Some(writer), payload);
            let stop = bench.read_stop();
            let Stop::Tape(TapeFault::NotUnderstood { seq, writer: named, build, .. }) = &stop else {
                panic!("{way} of {writer}: {stop:?}")
            };
            assert_eq!((*seq, named.as_str()), (at, writer.as_str()), "{way}");
            let known = (writer == Writer::Signal).then(|| "bench".to_string());
            assert_eq!(*build, known, "{way}: signal alone has an epoch on this tape");
            bench.assert_stopped();
        }
    }
}

#[test]
fn the_first_record_of_an_unknown_writer_stops_and_other_bytes_on_its_subject_do_not() {
    let (mut bench, _) = Bench::appending();
    let header = |prev_hash| Header { writer: Writer::Risk, epoch: 1, prev_hash, inbox: None };
    let unchained = record::encode(&header(RecordHash([9; 32])), &[]);
    for payload in [b"hello".to_vec(), unchained] {
        let at = bench.tape.put_unknown("venue", payload);
        let outputs = bench.read();
        assert!(matches!(&outputs[..], [Output::InvalidRecord { seq, .. }] if *seq == at), "{outputs:?}");
    }
    let at = bench.tape.put_unknown("venue", record::encode(&header(RecordHash::default()), &[]));
    let stop = bench.read_stop();
    let Stop::Tape(TapeFault::NotUnderstood { seq, writer, .. }) = &stop else { panic!("{stop:?}") };
    assert_eq!((*seq, writer.as_str()), (at, "venue"));
}

#[test]
fn the_build_that_is_named_is_that_of_the_last_readable_epoch_even_of_the_same_record() {
    let (mut bench, _) = Bench::appending();
    let header = Header { writer: Writer::Risk, epoch: 1, prev_hash: RecordHash::default(), inbox: None };
    let epoch = Epoch { number: 1, owner: 3, logic: 1, build: "9.9.9+next".into() };
    let entry = |event| Entry { cause: Offset::START, index: 0, at: 0, event };
    let mut payload = record::encode(&header, &[entry(epoch.into()), entry(Progress {}.into())]);
    // The record ends with the heartbeat: [head, cause_seq, cause_index, index, at].
    let heartbeat = [0x95, 2 << 2 | 3, 0, 0, 0, 0];
    let kind_at = payload.len() - 5;
    assert_eq!(payload[kind_at - 1..], heartbeat);
    payload[kind_at] = 19 << 2 | 3;
    bench.tape.put(Some(Writer::Risk), payload);
    let stop = bench.read_stop();
    assert!(stop.to_string().contains("9.9.9+next"), "{stop}");
}

#[test]
fn bytes_that_do_not_chain_are_invalid_whatever_they_hold() {
    let (mut bench, _) = Bench::appending();
    let unchained = of_a_newer_build(&bench.tape, Writer::Risk);
    bench.tape.write(Writer::Risk, 1, vec![(Offset::new(1, 0), 5, fact_of(3, 5))]);
    bench.read();
    for payload in [vec![0x91, 0x05], vec![0x95, 0x7f, 0xc0]].into_iter().chain(unchained.into_iter().map(|one| one.1))
    {
        let at = bench.tape.put(Some(Writer::Risk), payload);
        let outputs = bench.read();
        assert!(matches!(&outputs[..], [Output::InvalidRecord { seq, .. }] if *seq == at), "{outputs:?}");
    }
}

#[test]
fn an_outer_header_has_one_encoding_and_anything_else_is_invalid() {
    let (mut bench, _) = Bench::appending();
    let header = Header { writer: Writer::Risk, epoch: 1, prev_hash: RecordHash::default(), inbox: None };
    for (what, payload) in malformed_outer_headers(&header) {
        let at = bench.tape.put(Some(Writer::Risk), payload);
        let outputs = bench.read();
        assert!(matches!(&outputs[..], [Output::InvalidRecord { seq, .. }] if *seq == at), "{what}: {outputs:?}");
    }
}

#[test]
fn the_epoch_of_a_record_is_that_of_the_last_one_or_one_higher() {
    let write = |bench: &mut Bench<Echo>, epoch| {
        let cause = Offset::new(bench.tape.last(), 0);
        bench.tape.write(Writer::Risk, epoch, vec![(cause, 5, fact_of(3, 5))]);
        bench.read()
    };
    for (epochs, wrong) in [(&[][..], 0), (&[], 2), (&[1, 1, 2, 3], 2), (&[1, 2], 4), (&[1], u64::MAX), (&[1], 0)] {
        let (mut bench, _) = Bench::appending();
        for epoch in epochs {
            assert_eq!(write(&mut bench, *epoch), [], "{epochs:?}");
        }
        let outputs = write(&mut bench, wrong);
        let [Output::Stopped(stop)] = &outputs[..] else { panic!("{wrong} after {epochs:?}: {outputs:?}") };
        assert_eq!(stop.reason(), Reason::RecordNotUnderstood, "{stop}");
        let before = epochs.last().unwrap_or(&0);
        assert!(stop.to_string().contains(&format!("its epoch is {wrong}, after {before}")), "{stop}");
    }
}

#[test]
fn a_tape_with_another_identity_or_without_a_valid_first_record_stops() {
    let other = TapeCreated::first(TapeId([8; 16]), 0, Vec::new());
    let first_records: [fn(&mut Tape, Event) -> u64; 3] = [
        |tape, other| tape.write(Writer::Keeper, 1, vec![(Offset::START, 0, other)]),
        |tape, _| tape.write(Writer::Ingest, 1, vec![(Offset::START, 0, fact_of(1, 1))]),
        |tape, _| tape.put(Some(Writer::Keeper), b"garbage".to_vec()),
    ];
    for first_record in first_records {
        let mut tape = Tape::empty();
        first_record(&mut tape, other.clone().into());
        let stop = Bench::<Echo>::following(tape).read_stop();
        assert!(matches!(stop, Stop::Tape(TapeFault::WrongTape { seq: 1, .. })), "{stop:?}");
    }
}

#[test]
fn nothing_is_appended_before_the_first_record_is_read() {
    let mut bench = Bench::<Echo>::claiming(Tape::new());
    assert_eq!(bench.poll(), [], "this may be another tape, or one whose beginning is gone with the own records in it");
}

#[test]
fn invalid_records_on_other_subjects_are_reported_and_skipped() {
    let mut bench = Bench::owner();
    let unchained = Header { writer: Writer::Ingest, epoch: 1, prev_hash: RecordHash([9; 32]), inbox: None };
    let foreign = Header { writer: Writer::Risk, epoch: 1, prev_hash: RecordHash::default(), inbox: None };
    let invalid_records = [
        bench.tape.put(Some(Writer::Ingest), b"garbage".to_vec()),
        bench.tape.put(Some(Writer::Ingest), record::encode(&unchained, &[])),
        bench.tape.put(Some(Writer::Ingest), record::encode(&foreign, &[])),
        bench.tape.put(None, b"hello".to_vec()),
    ];
    let outputs = bench.read();
    let skipped = |seq| {
        outputs.iter().any(|output| matches!(output, Output::InvalidRecord { seq: invalid, .. } if *invalid == seq))
    };
    assert!(invalid_records.into_iter().all(skipped) && outputs.len() == invalid_records.len(), "{outputs:?}");
    let cause = Offset::new(bench.price(1), 0);
    let entries = bench.read_append().entries();
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].cause, cause);
}

#[test]
fn a_valid_record_of_a_writer_that_is_not_read_is_no_input() {
    let mut bench = Bench::owner();
    bench.tape.write(Writer::Risk, 1, vec![(Offset::START, 0, fact_of(1, 1))]);
    assert_eq!(bench.read(), []);
    assert!(bench.driver.is_idle());
    assert_eq!(bench.driver.machine().0.inputs, 0);
}

#[test]
fn an_invalid_record_on_the_own_subject_counts_for_the_fence_but_not_for_the_chain() {
    let mut tape = tape_with_owner::<1>();
    let chain = tape.chain_of(Writer::Signal);
    let invalid = tape.put(Some(Writer::Signal), b"garbage".to_vec());
    let epoch = Bench::<Echo>::claiming(tape).read_append();
    assert_eq!(epoch.expected, invalid);
    assert_eq!(record::decode(&epoch.payload).unwrap().0.prev_hash, chain);
}

#[test]
fn a_takeover_waits_for_the_last_own_record_and_sends_its_epoch_with_the_decisions_due() {
    let mut tape = tape_with_owner::<1>();
    let own = tape.last_on(Writer::Signal);
    let due = [tape.write_values(&[3]), tape.write_values(&[1, 2, 7])];
    let mut bench = Bench::<Echo>::following(tape);
    assert_eq!(bench.read(), [], "a standby decides nothing");
    bench.driver.handle(Input::OwnLast(Some(own)));
    let append = bench.read_append();
    let entries = append.entries();
    assert_eq!(append.expected, own);
    let Event::Epoch(epoch) = &entries[0].event else { panic!("{entries:?}") };
    assert_eq!((epoch.number, epoch.owner, epoch.logic), (2, 1, 1));
    let causes: Vec<Offset> = entries[1..].iter().map(|entry| entry.cause).collect();
    assert_eq!(causes, [Offset::new(due[0], 0), Offset::new(due[1], 0), Offset::new(due[1], 2)]);

    let mut early = Bench::<Echo>::claiming(bench.tape);
    while early.driver.own_last() < own {
        assert!(!early.driver.is_owner());
        early.read_next();
    }
    assert!(early.driver.is_owner());
}

#[test]
fn an_older_logic_does_not_take_over_and_an_equal_or_newer_one_does() {
    let stop = Bench::<Echo<1>>::claiming(tape_with_owner::<2>()).read_stop();
    assert_eq!(stop, Stop::OlderLogic { build_logic: 1, tape_logic: 2 });
    Bench::<Echo<2>>::claiming(tape_with_owner::<2>()).read_append();
    let newer = Bench::<Echo<3>>::claiming(tape_with_owner::<2>()).read_append();
    assert!(matches!(&newer.entries()[0].event, Event::Epoch(epoch) if (epoch.number, epoch.logic) == (2, 3)));
}

#[test]
fn an_own_event_that_answers_no_input_stops() {
    let mut passed = tape_with_owner::<1>();
    passed.write(Writer::Signal, 1, vec![(Offset::new(1, 0), 0, Progress {}.into())]);
    let mut skipped = tape_with_owner::<1>();
    let no_input = skipped.put(None, b"hello".to_vec());
    skipped.write_values(&[2]);
    skipped.write(Writer::Signal, 1, vec![(Offset::new(no_input, 0), 0, Progress {}.into())]);
    for (tape, cause) in [(passed, Offset::new(1, 0)), (skipped, Offset::new(no_input, 0))] {
        let stop = Bench::<Echo>::claiming(tape).read_stop();
        assert_eq!(stop, Stop::Cause(UnknownCause { cause }));
    }
}

/// A message of an inbox of `Gate`.
pub(crate) fn message(generation: u32, seq: u64, payload: &[u8]) -> Input<'_> {
    let generation = Generation::new(generation).unwrap();
    Input::Inbox(InboxMessage { generation, seq, subject: "", stamp: 5, payload })
}

/// A tape on which `Gate` answered two values of its first message, of generation 1.
pub(crate) fn answered_by_gate() -> (Tape, Fold) {
    let mut first = Bench::<Gate>::claiming(Tape::new());
    let outputs = first.handle(message(1, 1, &[3, 2, 7]));
    assert_eq!(outputs, [], "whether the tape holds own records is not known before its first record is read");
    let append = only_append(first.read_next());
    assert_eq!(append.entries().len(), 3, "epoch and two answers");
    first.commit(&append);
    (first.tape, first.driver.machine().0.clone())
}

#[test]
fn a_machine_that_reads_an_inbox_takes_over_after_the_input_of_its_last_decision() {
    let (tape, fold) = answered_by_gate();
    let mut second = Bench::<Gate>::claiming(tape);
    assert_eq!(second.read(), []);
    assert!(!second.driver.is_owner(), "its own events still wait for their inputs");
    let outputs = second.handle(message(1, 1, &[3, 2, 7]));
    assert_eq!(only_append(outputs).entries().len(), 1, "no decision is due");
    assert_eq!(second.driver.machine().0, fold);
}

#[test]
fn a_record_carries_the_inbox_up_to_its_last_cause() {
    let (tape, _) = answered_by_gate();
    let generation = Generation::FIRST;
    let first = InboxPrefix { generation, digest: InboxDigest::default().after(1, "", &[3, 2, 7]) };
    assert_eq!(tape.records().last().unwrap().header.inbox, Some(first));

    // The epoch has the cause of the last decision, although a later message is read already.
    let mut second = Bench::<Gate>::claiming(tape);
    assert_eq!(second.read(), []);
    let epoch = only_append(second.handle(message(1, 1, &[3, 2, 7])));
    assert_eq!(epoch.header().inbox, Some(first));
    assert_eq!(second.handle(message(1, 2, &[1])), [], "it waits for the append in flight");
    assert_eq!(second.handle(message(1, 3, &[2])), []);
    let seq = second.store(&epoch);
    let mut outputs = second.answer(epoch.attempt, Answer::Committed(seq));
    assert!(matches!(outputs.remove(0), Output::Committed { .. }));
    let decisions = only_append(outputs);
    let second = first.digest.after(2, "", &[1]);
    assert_eq!(decisions.header().inbox, Some(InboxPrefix { generation, digest: second }), "the third is unanswered");
}

#[test]
fn an_owner_of_an_empty_inbox_carries_none() {
    let epoch = Bench::<Gate>::claiming(Tape::new()).read_append();
    assert_eq!((epoch.entries().len(), epoch.header().inbox), (1, None));
}

#[test]
fn an_inbox_other_than_that_of_the_recorded_decisions_stops_its_reader() {
    // Another payload that decides the same, and the same payload in another generation.
    for changed in [message(1, 1, &[3, 2, 7, 1]), message(2, 1, &[3, 2, 7])] {
        let mut bench = Bench::<Gate>::claiming(answered_by_gate().0);
        assert_eq!(bench.read(), []);
        let stop = last_stop(bench.handle(changed));
        assert!(matches!(stop, Stop::InboxMismatch(_)), "{stop}");
        assert_eq!(stop.reason(), Reason::InboxMismatch);
    }
}

#[test]
fn every_message_of_an_inbox_follows_the_last_one() {
    let message_of = |generation, seq| (Generation::new(generation).unwrap(), seq);
    for (generation, seq) in [(1, 1), (1, 3), (2, 2), (2, 1)] {
        let mut bench = Bench::<Gate>::claiming(Tape::new());
        assert_eq!(bench.handle(message(1, 1, &[3])), []);
        let stop = last_stop(bench.handle(message(generation, seq, &[3])));
        assert_eq!(stop, Stop::Inbox { expected: message_of(1, 2), got: message_of(generation, seq) });
    }
    let stop = last_stop(Bench::<Gate>::claiming(Tape::new()).handle(message(1, 2, &[3])));
    assert_eq!(stop, Stop::Inbox { expected: message_of(1, 1), got: message_of(1, 2) });
}
