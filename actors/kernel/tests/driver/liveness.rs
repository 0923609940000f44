//! When a standby asks the owner, and when it takes over.

use tapedeck_kernel::driver::{Input, Output};
use tapedeck_kernel::guard::CHECK_INTERVAL;
use tapedeck_kernel::liveness::{ASK_AGAIN_AFTER, ASK_INTERVAL, OwnerAnswer};
use tapedeck_schemas::event::Event;

use crate::bench::{Bench, only_append};
use crate::reading::tape_with_owner;
use crate::toys::Echo;

/// A standby that has read the whole tape of an owner and sent its first question.
fn standby() -> Bench<Echo> {
    let mut bench = Bench::<Echo>::following(tape_with_owner::<1>());
    bench.asks = true;
    assert_eq!(bench.read(), [Output::AskOwner { question: 1 }]);
    bench
}

impl Bench<Echo> {
    fn told(&mut self, question: u64, answer: OwnerAnswer) -> Vec<Output> {
        self.handle(Input::OwnerAnswer { question, answer })
    }
}

#[test]
fn a_standby_asks_in_intervals_while_the_owner_replies() {
    let mut bench = standby();
    assert_eq!(bench.driver.deadline(), Some(CHECK_INTERVAL), "it waits for the reply");
    for question in 1..5 {
        assert_eq!(bench.told(question, OwnerAnswer::Alive), []);
        let next = question * ASK_INTERVAL;
        assert_eq!(bench.driver.deadline(), Some(next));
        assert_eq!(bench.advance(next - 1), []);
        assert_eq!(bench.advance(next), [Output::AskOwner { question: question + 1 }]);
    }
}

#[test]
fn two_misses_in_a_row_make_a_standby_take_over() {
    for misses in [[OwnerAnswer::NoResponders; 2], [OwnerAnswer::TimedOut, OwnerAnswer::NoResponders]] {
        let mut bench = standby();
        assert_eq!(bench.told(1, misses[0]), []);
        assert_eq!(bench.advance(ASK_AGAIN_AFTER), [Output::AskOwner { question: 2 }]);
        assert_eq!(bench.told(2, misses[1]), [Output::ReadOwnLast]);
        let last = bench.tape.last_on(tapedeck_schemas::record::Writer::Signal);
        let append = only_append(bench.handle(Input::OwnLast(Some(last))));
        assert!(matches!(append.entries()[0].event, Event::Epoch(_)), "an idle group is taken over, too");
        assert!(bench.driver.is_owner());
    }
}

#[test]
fn a_reply_between_two_misses_or_a_question_that_was_not_sent_is_no_second_miss() {
    for between in [OwnerAnswer::Alive, OwnerAnswer::Unsent] {
        let mut bench = standby();
        bench.told(1, OwnerAnswer::NoResponders);
        bench.advance(ASK_INTERVAL);
        assert_eq!(bench.told(2, between), []);
        assert_eq!(bench.advance(2 * ASK_INTERVAL), [Output::AskOwner { question: 3 }]);
        let outputs = bench.told(3, OwnerAnswer::NoResponders);
        let expected = if between == OwnerAnswer::Alive { vec![] } else { vec![Output::ReadOwnLast] };
        assert_eq!(outputs, expected, "{between:?}");
    }
}

#[test]
fn the_answer_to_an_earlier_question_has_no_effect() {
    let mut bench = standby();
    bench.told(1, OwnerAnswer::Alive);
    bench.advance(ASK_INTERVAL);
    for _ in 0..3 {
        assert_eq!(bench.told(1, OwnerAnswer::TimedOut), []);
    }
    assert_eq!(bench.driver.deadline(), Some(CHECK_INTERVAL), "question 2 is open");
}

#[test]
fn a_standby_that_cannot_read_the_last_sequence_asks_again() {
    let mut bench = standby();
    bench.told(1, OwnerAnswer::NoResponders);
    bench.advance(ASK_INTERVAL);
    assert_eq!(bench.told(2, OwnerAnswer::NoResponders), [Output::ReadOwnLast]);
    assert_eq!(bench.handle(Input::OwnLast(None)), []);
    assert_eq!(bench.advance(2 * ASK_INTERVAL), [Output::AskOwner { question: 3 }]);
    assert!(!bench.driver.is_owner());
}

#[test]
fn a_claim_asks_once_and_reads_until_it_succeeds() {
    for answer in [OwnerAnswer::Alive, OwnerAnswer::NoResponders, OwnerAnswer::TimedOut] {
        let mut bench = Bench::<Echo>::following(tape_with_owner::<1>());
        bench.asks = true;
        bench.driver.claim();
        assert_eq!(bench.read(), [Output::AskOwner { question: 1 }]);
        assert_eq!(bench.told(1, answer), [Output::ReadOwnLast]);
        assert_eq!(bench.handle(Input::OwnLast(None)), []);
        assert_eq!(bench.advance(ASK_INTERVAL), [Output::ReadOwnLast]);
        assert_eq!(bench.driver.deadline(), Some(CHECK_INTERVAL));
    }
}

#[test]
fn neither_a_standby_nor_a_claim_takes_over_from_an_owner_that_stopped_for_a_loss() {
    for claims in [false, true] {
        let mut bench = Bench::<Echo>::following(tape_with_owner::<1>());
        bench.asks = true;
        if claims {
            bench.driver.claim();
        }
        assert_eq!(bench.read(), [Output::AskOwner { question: 1 }]);
        for question in 1..9 {
            assert_eq!(bench.told(question, OwnerAnswer::Stopped), []);
            let next = Output::AskOwner { question: question + 1 };
            assert_eq!(bench.advance(question * ASK_INTERVAL), [next]);
        }
        // Its process has ended: an operator has looked.
        assert_eq!(bench.told(9, OwnerAnswer::NoResponders), []);
        assert_eq!(bench.advance(9 * ASK_INTERVAL), [Output::AskOwner { question: 10 }]);
        assert_eq!(bench.told(10, OwnerAnswer::NoResponders), [Output::ReadOwnLast]);
    }
}
