//! The outcome table, row by row: the broker's answer and what is on the tape after the expected sequence decide what
//! the driver does.

use tapedeck_kernel::Answer;
use tapedeck_kernel::driver::{FencedBy, Input, Output, Stop};
use tapedeck_schemas::event::{Epoch, Event, Progress};
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::{self, Entry, Header, RecordHash, Writer};

use crate::bench::{Bench, fenced_at, only_append};
use crate::tape::Tape;
use crate::toys::Echo;

const SIGNAL: Writer = Writer::Signal;

/// A valid record of another owner, in answer to `cause`.
fn record_of_a_rival(bench: &Bench<Echo>, cause: Offset) -> Vec<u8> {
    let epoch = Epoch { number: 2, owner: 77, logic: 1, build: "rival".into() };
    let entry = |event: Event| Entry { cause, index: 0, at: 0, event };
    let header = Header { writer: SIGNAL, epoch: 2, prev_hash: bench.tape.chain_of(SIGNAL), inbox: None };
    record::encode(&header, &[entry(epoch.into()), entry(Progress {}.into())])
}

#[test]
fn an_ack_commits_and_the_next_record_expects_its_sequence_and_continues_the_chain() {
    let (mut bench, append) = Bench::appending();
    let seq = bench.commit(&append);
    assert!(bench.driver.is_idle());
    bench.price(3);
    let next = bench.read_append();
    assert_eq!((next.expected, next.failures), (seq, 0));
    assert_eq!(record::decode(&next.payload).unwrap().0.prev_hash, RecordHash::of(&append.payload));
}

#[test]
fn wrong_last_with_the_own_record_on_the_tape_is_a_lost_ack() {
    let (mut bench, first) = Bench::appending();
    let seq = bench.store(&first);
    let second = bench.retry_after(first.attempt, Answer::Unknown);
    bench.retry_after(second.attempt, Answer::WrongLast(Some(seq)));
    assert_eq!(bench.read(), [Output::Committed { seq, events: 1 }]);
    assert!(bench.driver.is_idle());
    bench.price(3);
    assert_eq!(bench.read_append().expected, seq);
}

#[test]
fn the_own_record_on_the_tape_is_committed_before_any_answer() {
    let (mut bench, append) = Bench::appending();
    let seq = bench.store(&append);
    assert_eq!(bench.read(), [Output::Committed { seq, events: 1 }]);
    assert_eq!(bench.answer(append.attempt, Answer::Committed(seq)), [], "committed once");
    assert_eq!(bench.answer(append.attempt, Answer::Unknown), [], "no append is in flight");
}

#[test]
fn wrong_last_with_another_owners_record_on_the_tape_fences() {
    let (mut bench, append) = Bench::appending();
    let rival = record_of_a_rival(&bench, Offset::new(bench.read, 0));
    let seq = bench.tape.put(Some(SIGNAL), rival);
    bench.retry_after(append.attempt, Answer::WrongLast(Some(seq)));
    assert_eq!(fenced_at(&bench.read()), Some(seq));
    bench.assert_stopped();
}

#[test]
fn another_owners_record_fences_an_owner_with_nothing_in_flight() {
    let mut bench = Bench::owner();
    let rival = record_of_a_rival(&bench, Offset::START);
    let seq = bench.tape.put(Some(SIGNAL), rival);
    assert_eq!(fenced_at(&bench.read()), Some(seq));
    bench.assert_stopped();
}

#[test]
fn an_invalid_record_on_the_own_subject_fences() {
    let unchained = Header { writer: SIGNAL, epoch: 1, prev_hash: RecordHash([9; 32]), inbox: None };
    let foreign = Header { writer: Writer::Risk, epoch: 1, prev_hash: RecordHash::default(), inbox: None };
    for payload in [b"garbage".to_vec(), record::encode(&unchained, &[]), record::encode(&foreign, &[])] {
        let (mut bench, append) = Bench::appending();
        let seq = bench.tape.put(Some(SIGNAL), payload);
        bench.retry_after(append.attempt, Answer::WrongLast(Some(seq)));
        let outputs = bench.read();
        assert!(matches!(outputs[0], Output::InvalidRecord { seq: invalid, .. } if invalid == seq), "{outputs:?}");
        assert_eq!(fenced_at(&outputs), Some(seq));
        bench.assert_stopped();
    }
}

#[test]
fn wrong_last_below_an_acknowledged_record_stops() {
    let (mut bench, append) = Bench::appending();
    let (known, last) = (append.expected, append.expected - 1);
    let outputs = bench.answer(append.attempt, Answer::WrongLast(Some(last)));
    assert_eq!(outputs, [Output::Stopped(Stop::WentBackwards { known, last })]);
    bench.assert_stopped();
}

#[test]
fn an_ack_at_or_below_a_record_that_was_read_stops() {
    for back in 0..3 {
        let (mut bench, append) = Bench::appending();
        let (known, last) = (bench.read, bench.read - back);
        assert!(append.expected < known, "the last record read is another writer's");
        let outputs = bench.answer(append.attempt, Answer::Committed(last));
        assert_eq!(outputs, [Output::Stopped(Stop::WentBackwards { known, last })]);
    }
}

#[test]
fn an_ack_at_or_below_an_acknowledged_record_stops() {
    for back in 0..3 {
        let (mut bench, first) = Bench::appending();
        bench.price(3);
        assert_eq!(bench.read(), [], "one append in flight");
        // Records of others, which are not read yet, lie between.
        let known = bench.read + 10;
        let second = only_append(bench.answer(first.attempt, Answer::Committed(known)));
        let outputs = bench.answer(second.attempt, Answer::Committed(known - back));
        assert_eq!(outputs, [Output::Stopped(Stop::WentBackwards { known, last: known - back })]);
    }
}

#[test]
fn an_unknown_outcome_is_retried_with_the_same_sequence_and_bytes() {
    let (mut bench, first) = Bench::appending();
    let mut last = first.clone();
    for failures in 1..20 {
        bench.price(3);
        assert_eq!(bench.read(), [], "one append in flight");
        let unclear = [Answer::Unknown, Answer::WrongLast(None), Answer::WrongLast(Some(first.expected))];
        let again = bench.retry_after(last.attempt, unclear[failures as usize % 3].clone());
        assert!(again.attempt > last.attempt);
        assert_eq!((again.expected, &again.payload), (first.expected, &first.payload));
        assert_eq!(again.failures, failures);
        last = again;
    }
    let seq = bench.store(&last);
    let outputs = bench.answer(last.attempt, Answer::Committed(seq));
    assert_eq!(outputs[0], Output::Committed { seq, events: 1 });
    assert_eq!(only_append(outputs).entries().len(), 19, "the decisions made meanwhile are one record");
}

#[test]
fn an_append_to_a_sealed_stream_stops() {
    let (mut bench, append) = Bench::appending();
    assert_eq!(bench.answer(append.attempt, Answer::Sealed), [Output::Stopped(Stop::Sealed)]);
    assert_eq!(Stop::Sealed.reason().as_str(), "other-tape");
    bench.assert_stopped();
}

#[test]
fn a_rejected_append_is_retried_without_end() {
    let (mut bench, mut append) = Bench::appending();
    for _ in 0..1_000 {
        let again = bench.retry_after(append.attempt, Answer::Rejected("maximum bytes exceeded".into()));
        assert_eq!((again.expected, &again.payload), (append.expected, &append.payload));
        append = again;
    }
    assert_eq!((bench.driver.failures(), append.failures), (1_000, 1_000));
    bench.commit(&append);
    assert_eq!(bench.driver.failures(), 0);
}

#[test]
fn a_late_answer_to_an_old_attempt_is_ignored() {
    let (mut bench, first) = Bench::appending();
    let second = bench.retry_after(first.attempt, Answer::Unknown);
    let late = [Answer::Committed(99), Answer::WrongLast(Some(0)), Answer::Unknown, Answer::Rejected("full".into())];
    for answer in late.clone() {
        assert_eq!(bench.answer(first.attempt, answer), []);
    }
    let seq = bench.commit(&second);
    bench.price(3);
    let third = bench.read_append();
    for answer in late {
        assert_eq!(bench.answer(second.attempt, answer.clone()), [], "an answer about the record before");
        assert_eq!(bench.answer(third.attempt + 1, answer), [], "an answer to an attempt that was never made");
    }
    assert_eq!(third.expected, seq);
    bench.commit(&third);
}

#[test]
fn a_drain_ends_when_each_input_read_is_answered_on_the_tape() {
    let (mut bench, first) = Bench::appending();
    for value in [3, 2] {
        bench.price(value);
    }
    assert_eq!(bench.read(), []);
    assert_eq!(bench.handle(Input::Drain), []);
    assert!(!bench.driver.wants_tape());
    let seq = bench.store(&first);
    let second = only_append(bench.answer(first.attempt, Answer::Committed(seq)));
    let events: Vec<Event> = second.entries().into_iter().map(|entry| entry.event).collect();
    assert!(matches!(events[..], [Event::SignalRaised(_), Event::Progress(_)]), "{events:?}");
    let seq = bench.store(&second);
    let outputs = bench.answer(second.attempt, Answer::Committed(seq));
    assert_eq!(outputs, [Output::Committed { seq, events: 2 }, Output::Stopped(Stop::Drained)]);
}

#[test]
fn a_drain_whose_last_ack_was_lost_reads_on_until_the_tape_shows_the_record() {
    let (mut bench, first) = Bench::appending();
    assert_eq!(bench.handle(Input::Drain), []);
    let seq = bench.store(&first);
    let second = bench.retry_after(first.attempt, Answer::Unknown);
    bench.retry_after(second.attempt, Answer::WrongLast(Some(seq)));
    let outputs = bench.read();
    assert_eq!(outputs, [Output::Committed { seq, events: 1 }, Output::Stopped(Stop::Drained)]);
}

#[test]
fn a_drain_with_a_rival_reads_on_until_the_tape_shows_the_rivals_record() {
    let (mut bench, first) = Bench::appending();
    assert_eq!(bench.handle(Input::Drain), []);
    let rival = record_of_a_rival(&bench, Offset::new(bench.read, 0));
    let seq = bench.tape.put(Some(SIGNAL), rival);
    bench.retry_after(first.attempt, Answer::WrongLast(Some(seq)));
    assert_eq!(fenced_at(&bench.read()), Some(seq));
}

/// The former owner's last append was in flight when its successor read the last sequence.
#[test]
fn a_former_owners_late_record_is_challenged_once() {
    let mut bench = Bench::<Echo>::claiming(tape_of_two_epochs());
    let append = bench.read_append();
    let late = {
        let header = Header { writer: SIGNAL, epoch: 2, prev_hash: bench.tape.chain_of(SIGNAL), inbox: None };
        record::encode(&header, &[Entry { cause: Offset::START, index: 0, at: 0, event: Progress {}.into() }])
    };
    let seq = bench.tape.put(Some(SIGNAL), late);
    bench.retry_after(append.attempt, Answer::WrongLast(Some(seq)));
    assert_eq!(bench.read_stop(), Stop::Fenced { seq, by: FencedBy::Former });

    let mut bench = Bench::<Echo>::claiming(tape_of_two_epochs());
    let append = bench.read_append();
    let rival = {
        let epoch = Epoch { number: 3, owner: 77, logic: 1, build: "rival".into() };
        let header = Header { writer: SIGNAL, epoch: 3, prev_hash: bench.tape.chain_of(SIGNAL), inbox: None };
        record::encode(&header, &[Entry { cause: Offset::START, index: 0, at: 0, event: epoch.into() }])
    };
    let seq = bench.tape.put(Some(SIGNAL), rival);
    bench.retry_after(append.attempt, Answer::WrongLast(Some(seq)));
    assert_eq!(bench.read_stop(), Stop::Fenced { seq, by: FencedBy::Owner });

    let mut met = false;
    assert!(!FencedBy::Owner.should_reclaim(&mut met) && FencedBy::InvalidRecord.should_reclaim(&mut met));
    assert!(FencedBy::Former.should_reclaim(&mut met));
    assert!(!FencedBy::Former.should_reclaim(&mut met), "its second record shows that it runs");
    assert!(FencedBy::InvalidRecord.should_reclaim(&mut met));
}

fn tape_of_two_epochs() -> Tape {
    let mut tape = Tape::new();
    for number in [1, 2] {
        let epoch = Epoch { number, owner: number, logic: 1, build: "former".into() };
        tape.write(SIGNAL, number, vec![(Offset::START, 0, epoch.into())]);
    }
    tape
}
