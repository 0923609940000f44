//! The checks of the streams: when they are due, what they hold back, and which loss stops the driver.

use tapedeck_kernel::driver::{Input, Output, Stop};
use tapedeck_kernel::guard::{
    CHECK_AGAIN_AFTER, CHECK_INTERVAL, DELETED_AFTER, StreamLoss, StreamState, StreamsAnswer, StreamsQuestion,
    WITNESS_WAIT, WitnessAnswer,
};
use tapedeck_kernel::liveness::OwnerAnswer;
use tapedeck_kernel::{Answer, CheckpointMismatch, Driver, ProcessIdentity};
use tapedeck_schemas::event::LostMessages;
use tapedeck_schemas::generation::{Generation, Lineage};
use tapedeck_schemas::reason::Reason;
use tapedeck_schemas::record::Writer;

use crate::bench::{Bench, last_stop, only_append};
use crate::reading::{answered_by_gate, message, tape_with_owner};
use crate::tape::{TAPE, Tape};
use crate::toys::{Echo, Gate, Toy};

/// The check among these outputs.
fn question(outputs: &[Output]) -> StreamsQuestion {
    let mut questions = outputs.iter().filter_map(|output| match output {
        Output::CheckStreams(question) => Some(*question),
        _ => None,
    });
    let first = questions.next().expect("a check");
    assert_eq!(questions.next(), None, "one check at a time");
    first
}

impl<M: Toy> Bench<M> {
    fn checked(&mut self, question: StreamsQuestion, answer: StreamsAnswer) -> Vec<Output> {
        self.handle(Input::Streams { number: question.number, answer: Some(Box::new(answer)) })
    }

    /// The check after an interruption.
    fn interrupted(&mut self) -> StreamsQuestion {
        self.checks = true;
        question(&self.handle(Input::Interrupted))
    }
}

/// A driver that claims and has asked its first check.
fn starting() -> (Bench<Echo>, StreamsQuestion) {
    let mut bench = Bench::<Echo>::following(tape_with_owner::<1>());
    bench.checks = true;
    let first = question(&bench.poll());
    let last = bench.tape.last_on(Writer::Signal);
    assert_eq!(bench.handle(Input::OwnLast(Some(last))), []);
    (bench, first)
}

#[test]
fn nothing_is_read_or_appended_before_the_first_check() {
    let (mut bench, first) = starting();
    assert_eq!(
        first,
        StreamsQuestion { number: 1, asks_witness: true, tape: 0, inbox: 0, tape_next: 1, inbox_next: 1 }
    );
    assert!(!bench.driver.wants_tape() && !bench.driver.is_confirmed());
    assert_eq!(bench.advance(CHECK_INTERVAL), [], "one check at a time");
    // No leader: the same check again.
    assert_eq!(bench.handle(Input::Streams { number: 1, answer: None }), []);
    let second = question(&bench.advance(CHECK_INTERVAL + CHECK_AGAIN_AFTER));
    assert!(second.asks_witness && !bench.driver.wants_tape());
    assert_eq!(bench.handle(Input::Streams { number: 1, answer: None }), [], "an answer to an earlier check");
    let answer = bench.tape.streams(second, WitnessAnswer::Agrees);
    assert_eq!(bench.checked(second, answer), []);
    assert!(bench.driver.wants_tape() && bench.driver.is_confirmed() && bench.driver.is_witnessed());
    only_append(bench.read());
}

#[test]
fn an_owner_appends_nothing_from_an_interruption_to_the_check_after_it() {
    let (mut bench, append) = Bench::appending();
    let check = bench.interrupted();
    assert!(check.asks_witness);
    assert_eq!(check.tape, bench.read);
    assert_eq!(bench.answer(append.attempt, Answer::Unknown), [], "the append is not repeated");
    bench.price(3);
    assert_eq!(bench.read(), []);
    assert!(bench.driver.is_owner());
    // Interrupted again: the answer to the earlier check says nothing about what follows.
    let again = bench.interrupted();
    let answer = bench.tape.streams(check, WitnessAnswer::Agrees);
    assert_eq!(bench.checked(check, answer), []);
    let answer = bench.tape.streams(again, WitnessAnswer::Agrees);
    let repeated = only_append(bench.checked(again, answer));
    assert_eq!((repeated.expected, repeated.payload), (append.expected, append.payload));
}

#[test]
fn the_streams_are_checked_once_a_second_and_the_witness_once() {
    let mut bench = Bench::owner();
    bench.checks = true;
    assert_eq!(bench.advance(CHECK_INTERVAL - 1), []);
    for second in 1..5 {
        assert_eq!(bench.driver.deadline(), Some(second * CHECK_INTERVAL));
        let check = question(&bench.advance(second * CHECK_INTERVAL));
        assert_eq!(
            (check.asks_witness, check.tape),
            (false, bench.driver.own_last()),
            "an own record that is not read"
        );
        let answer = bench.tape.streams(check, WitnessAnswer::NotAsked);
        assert_eq!(bench.checked(check, answer), []);
        assert!(bench.driver.is_confirmed());
    }
}

#[test]
fn without_a_witness_the_driver_waits_and_then_continues_unless_one_is_required() {
    for required in [false, true] {
        let (mut bench, mut check) = starting();
        if required {
            bench.driver.require_witness();
        }
        let mut now = 0;
        while now < WITNESS_WAIT {
            assert!(!bench.driver.is_confirmed() && !bench.driver.lacks_witness(), "at {now}");
            let answer = bench.tape.streams(check, WitnessAnswer::Missing);
            assert_eq!(bench.checked(check, answer), []);
            now += CHECK_AGAIN_AFTER;
            check = question(&bench.advance(now));
        }
        let answer = bench.tape.streams(check, WitnessAnswer::Missing);
        assert_eq!(bench.checked(check, answer), []);
        let driver = &bench.driver;
        assert_eq!(
            (driver.is_confirmed(), driver.lacks_witness(), driver.is_witnessed()),
            (!required, required, false)
        );
        // One that answers later is heard.
        let check = question(&bench.advance(now + CHECK_INTERVAL));
        assert!(check.asks_witness);
        let answer = bench.tape.streams(check, WitnessAnswer::Agrees);
        bench.checked(check, answer);
        assert!(bench.driver.is_confirmed() && bench.driver.is_witnessed());
    }
}

/// What the driver says to a changed answer to its check, after an interruption and in the check of each second.
fn loss(change: impl Fn(&mut Bench<Echo>, &mut StreamsAnswer)) -> StreamLoss {
    let mut losses = Vec::new();
    for interrupted in [false, true] {
        let (mut bench, append) = Bench::appending();
        bench.checks = true;
        let check = match interrupted {
            true => bench.interrupted(),
            false => question(&bench.advance(CHECK_INTERVAL)),
        };
        let mut answer = bench.tape.streams(check, WitnessAnswer::NotAsked);
        change(&mut bench, &mut answer);
        let Stop::StreamLoss(loss) = last_stop(bench.checked(check, answer)) else { panic!("another stop") };
        bench.assert_stopped();
        assert_eq!(bench.answer(append.attempt, Answer::Unknown), []);
        losses.push(loss);
    }
    assert_eq!(losses[0], losses[1]);
    losses.remove(0)
}

#[test]
fn a_tape_that_lost_changed_or_replaced_what_was_read_stops() {
    let read = Bench::appending().0.read;
    let tape = |change: &dyn Fn(&mut StreamState)| loss(|_, answer| answer.tape.iter_mut().for_each(change));
    let short = tape(&|tape| (tape.last, tape.message) = (read - 1, None));
    assert_eq!(short, StreamLoss::TapeShort { known: read, last: read - 1 });
    let first = Bench::appending().0.tape.at(1).payload.to_vec();
    let changed = tape(&|tape| tape.message = Some((String::new(), first.clone())));
    assert_eq!(changed, StreamLoss::TapeChanged { seq: read });
    assert_eq!(tape(&|tape| tape.message = None), StreamLoss::TapeChanged { seq: read });
    let again = tape(&|tape| tape.stamp = 1);
    assert_eq!(
        again,
        StreamLoss::TapeChanged { seq: read },
        "lost with those before it, and stored again after others"
    );
    let missing = tape(&|tape| tape.first = 2);
    assert_eq!(missing, StreamLoss::TapeMissing { first: 2 });
    let holes = tape(&|tape| tape.messages = read - 1);
    assert_eq!(holes, StreamLoss::TapeHoles { messages: read - 1, last: read });
    let lacking = tape(&|tape| tape.lacks_next = true);
    assert_eq!(lacking, StreamLoss::TapeLacks { next: read + 1, last: read });
    assert_eq!([missing, holes, lacking].map(|loss| loss.reason()), [Reason::RecordsMissing; 3]);
    let sealed = tape(&|tape| tape.is_sealed = true);
    assert_eq!((&sealed, sealed.reason()), (&StreamLoss::TapeSealed, Reason::OtherTape));
    let replaced = tape(&|tape| tape.created = 2);
    assert_eq!(replaced, StreamLoss::TapeReplaced { known: 1, created: 2 });
    let mismatch = CheckpointMismatch::Short { projected: 9, last: 8 };
    let projected = loss(|_, answer| answer.witness = WitnessAnswer::Differs(mismatch.clone()));
    assert_eq!(projected, StreamLoss::Projected(mismatch.clone()));
    let other = loss(|_, answer| answer.witness = WitnessAnswer::OtherTape("tape X".into()));
    assert_eq!(other, StreamLoss::OtherTape("tape X".into()));
    let tape = [short.reason(), changed.reason(), projected.reason()];
    assert_eq!(tape, [Reason::TapeLostData; 3]);
    assert_eq!([replaced.reason(), other.reason()], [Reason::OtherTape; 2]);
}

/// A reader of an inbox that has read two messages of it, on an empty tape.
fn reader() -> (Bench<Gate>, StreamsQuestion, StreamState) {
    let mut bench = Bench::<Gate>::claiming(Tape::new());
    bench.read();
    for seq in 1..=2 {
        bench.driver.handle(message(1, seq, &[seq as u8]));
    }
    let check = bench.interrupted();
    assert_eq!(check.inbox, 2);
    let message = Some((String::new(), vec![2]));
    (
        bench,
        check,
        StreamState { created: 1, first: 1, last: 2, messages: 2, message, stamp: 5, ..StreamState::default() },
    )
}

#[test]
fn an_inbox_that_lost_changed_or_replaced_what_was_read_stops() {
    let told = |inbox: &dyn Fn(&mut StreamState)| {
        let (mut bench, check, mut state) = reader();
        inbox(&mut state);
        let answer = StreamsAnswer { inbox: Some(state), ..bench.tape.streams(check, WitnessAnswer::Agrees) };
        let outputs = bench.checked(check, answer);
        let loss = outputs.into_iter().find_map(|output| match output {
            Output::Stopped(Stop::StreamLoss(loss)) => Some(loss),
            _ => None,
        });
        assert_eq!(bench.driver.is_confirmed(), loss.is_none());
        loss
    };
    assert_eq!(told(&|_| {}), None);
    assert_eq!(told(&|state| (state.last, state.messages) = (40, 40)), None, "more messages");
    let short = StreamLoss::InboxShort { known: 2, last: 1 };
    assert_eq!(told(&|state| (state.last, state.message) = (1, None)), Some(short.clone()));
    let of_changed = StreamLoss::InboxChanged { seq: 2 };
    let changed = Some(of_changed.clone());
    assert_eq!(told(&|state| state.message = Some((String::new(), vec![3]))), changed);
    assert_eq!(told(&|state| state.message = Some(("on".into(), vec![2]))), changed);
    assert_eq!(told(&|state| state.message = None), changed);
    assert_eq!(told(&|state| state.stamp += 1), changed, "lost with those before it, and stored again after others");
    let replaced = StreamLoss::InboxReplaced { known: 1, created: 7 };
    assert_eq!(told(&|state| state.created = 7), Some(replaced.clone()), "deleted and filled again");
    let missing = StreamLoss::InboxMissing { known: 1, first: 2 };
    assert_eq!(told(&|state| state.first = 2), Some(missing.clone()), "message 1, which was read, is gone");
    let lacking = StreamLoss::InboxLacks { next: 3, last: 9 };
    assert_eq!(told(&|state| (state.last, state.messages, state.lacks_next) = (9, 9, true)), Some(lacking.clone()));
    let holes = StreamLoss::InboxHoles { messages: 8, last: 9, lost: 0 };
    assert_eq!(told(&|state| (state.last, state.messages) = (9, 8)), Some(holes.clone()));
    assert_eq!([missing, lacking, holes].map(|loss| loss.reason()), [Reason::MessagesMissing; 3]);
    let mismatches = [short, of_changed, replaced];
    assert!(mismatches.iter().all(|loss| loss.reason() == Reason::InboxMismatch));
}

#[test]
fn an_inbox_that_ends_before_a_recorded_cause_stops_a_reader_that_starts() {
    for last in 0..2 {
        let mut bench = Bench::<Gate>::claiming(answered_by_gate().0);
        let check = bench.interrupted();
        let state = StreamState { created: 1, first: 1, last, messages: last, ..StreamState::default() };
        let answer = |bench: &Bench<Gate>, check| StreamsAnswer {
            inbox: Some(state.clone()),
            ..bench.tape.streams(check, WitnessAnswer::Agrees)
        };
        let first = answer(&bench, check);
        assert_eq!(bench.checked(check, first), [], "no record is read yet");
        assert_eq!(bench.read(), []);
        let check = question(&bench.advance(CHECK_INTERVAL));
        let second = answer(&bench, check);
        let outputs = bench.checked(check, second);
        match last {
            0 => assert_eq!(last_stop(outputs), Stop::StreamLoss(StreamLoss::InboxShort { known: 1, last: 0 })),
            _ => assert_eq!(outputs, [], "it has not read the message yet"),
        }
    }
}

#[test]
fn messages_that_are_known_to_be_lost_are_skipped_and_no_others() {
    let lost = LostMessages { reader: Writer::Ingest, generation: Generation::FIRST, first: 2, last: 4 };
    let lineage = Lineage { lost: vec![lost], ..Lineage::from(TAPE) };
    // A message that was lost and restored is skipped: its publisher was told to publish it again.
    for (seq, follows, next) in [(2, true, 5), (4, true, 5), (5, true, 6), (6, false, 5)] {
        let identity = ProcessIdentity { nonce: 1, build: "test".into() };
        let mut driver = Driver::follow(Gate::default(), lineage.clone(), identity);
        driver.handle(message(1, 1, &[3]));
        driver.handle(message(1, seq, &[3]));
        let stopped = std::iter::from_fn(|| driver.poll()).any(|output| matches!(output, Output::Stopped(_)));
        assert_eq!((stopped, driver.inbox_next()), (!follows, next), "{seq}");
    }
}

/// Answers the checks of `bench` with `answer` until the driver stops, or for 10 s; the loss and its time.
fn stopped_by<M: Toy>(
    bench: &mut Bench<M>,
    mut check: StreamsQuestion,
    answer: impl Fn(&Bench<M>, StreamsQuestion) -> StreamsAnswer,
) -> Option<(StreamLoss, u64)> {
    let mut now = 0;
    while now < 10_000_000_000 {
        let next = answer(bench, check);
        let outputs = bench.checked(check, next);
        if let Some(Output::Stopped(Stop::StreamLoss(loss))) = outputs.last() {
            return Some((loss.clone(), now));
        }
        assert!(!bench.driver.is_confirmed());
        bench.read();
        now += CHECK_AGAIN_AFTER;
        check = question(&bench.advance(now));
    }
    None
}

#[test]
fn a_stream_that_does_not_exist_for_five_seconds_is_lost() {
    let (mut bench, _) = Bench::appending();
    let check = bench.interrupted();
    let gone =
        |bench: &Bench<Echo>, check| StreamsAnswer { tape: None, ..bench.tape.streams(check, WitnessAnswer::NotAsked) };
    let deleted = Some((StreamLoss::TapeDeleted, DELETED_AFTER));
    assert_eq!(stopped_by(&mut bench, check, gone), deleted);

    // It comes back in time.
    let (mut bench, append) = Bench::appending();
    let check = bench.interrupted();
    assert_eq!(bench.answer(append.attempt, Answer::Unknown), []);
    let answer = gone(&bench, check);
    assert_eq!(bench.checked(check, answer), []);
    let check = question(&bench.advance(DELETED_AFTER - 1));
    let answer = bench.tape.streams(check, WitnessAnswer::Agrees);
    only_append(bench.checked(check, answer));
    assert!(bench.driver.is_confirmed());
}

#[test]
fn an_inbox_that_does_not_exist_is_lost_if_the_tape_names_a_message_of_it() {
    let gone =
        |bench: &Bench<Gate>, check| StreamsAnswer { inbox: None, ..bench.tape.streams(check, WitnessAnswer::Agrees) };
    let lost = Some((StreamLoss::InboxDeleted, DELETED_AFTER));
    for (tape, expected) in [(Tape::new(), None), (answered_by_gate().0, lost.clone())] {
        let mut bench = Bench::<Gate>::following(tape);
        bench.checks = true;
        let check = question(&bench.poll());
        assert_eq!(stopped_by(&mut bench, check, gone), expected, "when a process starts");
    }
    let (mut bench, check, state) = reader();
    let answer = StreamsAnswer { inbox: Some(state), ..bench.tape.streams(check, WitnessAnswer::Agrees) };
    bench.checked(check, answer);
    let check = bench.interrupted();
    assert_eq!(stopped_by(&mut bench, check, gone), lost, "one that was read");
}

#[test]
fn the_last_own_sequence_read_before_an_interruption_is_read_again() {
    let mut bench = Bench::<Echo>::following(tape_with_owner::<1>());
    bench.checks = true;
    bench.driver.claim();
    bench.poll();
    let outputs = bench.handle(Input::OwnerAnswer { question: 1, answer: OwnerAnswer::Alive });
    assert!(outputs.contains(&Output::ReadOwnLast), "{outputs:?}");
    let check = bench.interrupted();
    assert_eq!(bench.handle(Input::OwnLast(Some(9_999))), [], "what the subject ended at before");
    let answer = bench.tape.streams(check, WitnessAnswer::Agrees);
    bench.checked(check, answer);
    bench.advance(999_000_000);
    let outputs = bench.handle(Input::OwnerAnswer { question: 2, answer: OwnerAnswer::Alive });
    assert!(outputs.contains(&Output::ReadOwnLast), "{outputs:?}");
}

#[test]
fn an_owner_that_cannot_check_its_streams_is_drained_without_appending() {
    let (mut bench, append) = Bench::appending();
    bench.interrupted();
    assert_eq!(bench.answer(append.attempt, Answer::Unknown), []);
    let outputs = bench.handle(Input::Drain);
    assert_eq!(outputs, [Output::Stopped(Stop::Drained)]);
}
