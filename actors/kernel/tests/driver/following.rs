//! A driver that only follows: it has the owner's state, and never appends.

use tapedeck_kernel::driver::{Input, Output, ProcessIdentity};
use tapedeck_kernel::liveness::{ANSWER_TIMEOUT, ASK_INTERVAL, OwnerAnswer};
use tapedeck_kernel::{Driver, Reads};
use tapedeck_schemas::record::Writer;

use crate::bench::{Bench, only_append};
use crate::reading::{answered_by_gate, message, tape_with_owner};
use crate::tape::{TAPE, Tape};
use crate::toys::{Echo, Gate, Toy};

/// A follower that has read nothing yet. Every output is seen.
fn follower<M: Toy>(tape: Tape) -> Bench<M> {
    let mut bench = Bench::<M>::following(tape);
    bench.driver = Driver::only_follow(M::default(), TAPE, ProcessIdentity { nonce: 2, build: "follower".into() });
    bench.asks = true;
    assert_eq!(bench.poll(), [], "the streams are checked before anything is read");
    bench
}

/// Tells the follower that there is no owner, in every way, for a long time; its outputs.
fn without_an_owner<M: Toy>(bench: &mut Bench<M>) -> Vec<Output> {
    let last = bench.tape.last_on(M::WRITER);
    let mut outputs = Vec::new();
    for round in 1..100 {
        bench.driver.advance(round * (ASK_INTERVAL + ANSWER_TIMEOUT));
        for answer in [OwnerAnswer::NoResponders, OwnerAnswer::TimedOut] {
            outputs.extend(bench.handle(Input::OwnerAnswer { question: round, answer }));
        }
        outputs.extend(bench.handle(Input::OwnLast(Some(last))));
        outputs.extend(bench.handle(Input::Interrupted));
        outputs.extend(bench.poll());
    }
    outputs
}

#[test]
fn a_follower_never_asks_for_the_owner_and_never_appends() {
    let mut bench = follower::<Echo>(tape_with_owner::<1>());
    assert_eq!(bench.read(), []);
    assert_eq!(without_an_owner(&mut bench), []);
    bench.price(5);
    assert_eq!(bench.read(), []);
    assert_eq!(without_an_owner(&mut bench), []);
    assert!(!bench.driver.is_owner());

    assert!(matches!(<Gate as tapedeck_kernel::Machine>::reads(), Reads::Inbox(_)));
    let mut bench = follower::<Gate>(answered_by_gate().0);
    assert_eq!(bench.read(), []);
    assert_eq!(bench.handle(message(1, 1, &[3, 2, 7])), []);
    assert_eq!(bench.handle(message(1, 2, &[3, 5, 7])), []);
    assert_eq!(without_an_owner(&mut bench), []);
    assert!(!bench.driver.is_owner());
    assert_eq!(bench.handle(Input::Drain), [Output::Stopped(tapedeck_kernel::Stop::Drained)]);
}

#[test]
fn a_follower_has_the_numbers_of_the_owner_and_none_that_are_not_on_the_tape() {
    let mut owner = Bench::<Gate>::claiming(Tape::new());
    let epoch = only_append(owner.read());
    owner.commit(&epoch);
    let mut states = vec![(0, owner.driver.machine().0.clone())];
    let messages: Vec<Vec<u8>> = (0..20).map(|n| vec![3, n, 5 + 2 * (n % 2)]).collect();
    for (seq, values) in (1..).zip(&messages) {
        let append = only_append(owner.handle(message(1, seq, values)));
        owner.commit(&append);
        states.push((owner.tape.last(), owner.driver.machine().0.clone()));
    }
    // The inbox is read ahead of the tape, and the tape ahead of the inbox.
    for inbox_first in [true, false] {
        let mut bench = follower::<Gate>(Tape::new());
        std::mem::swap(&mut bench.tape, &mut owner.tape);
        if inbox_first {
            for (seq, values) in (1..).zip(&messages) {
                assert_eq!(bench.handle(message(1, seq, values)), []);
                assert_eq!(bench.driver.inbox_decided(), 0, "nothing of it is on the tape as far as it is read");
            }
            while bench.read < bench.tape.last() {
                bench.read_next();
                let decided = usize::try_from(bench.driver.inbox_decided()).unwrap();
                assert!(states[decided].0 <= bench.read, "{decided} is decided at {}", bench.read);
                assert_eq!(bench.driver.machine().0, states[decided].1);
            }
        } else {
            assert_eq!(bench.read(), []);
            for (seq, values) in (1..).zip(&messages) {
                assert_eq!(bench.driver.inbox_decided(), seq - 1, "what is not read is not known to be decided");
                assert_eq!(bench.handle(message(1, seq, values)), []);
                assert_eq!(bench.driver.machine().0, states[usize::try_from(seq).unwrap()].1);
            }
        }
        assert_eq!(bench.driver.inbox_decided(), 20);
        std::mem::swap(&mut bench.tape, &mut owner.tape);
    }
    assert_eq!(owner.tape.records().iter().filter(|record| record.header.writer != Writer::Keeper).count(), 21);
}

#[test]
fn a_message_is_decided_when_its_last_input_is() {
    let mut owner = Bench::<Gate>::claiming(Tape::new());
    let epoch = only_append(owner.read());
    owner.commit(&epoch);
    // The last value is not answered: whether the owner has read it is not on the tape.
    let append = only_append(owner.handle(message(1, 1, &[3, 2, 7, 2])));
    owner.commit(&append);
    let next = only_append(owner.handle(message(1, 2, &[3])));
    let mut bench = follower::<Gate>(Tape::new());
    std::mem::swap(&mut bench.tape, &mut owner.tape);
    assert_eq!(bench.read(), []);
    assert_eq!(bench.handle(message(1, 1, &[3, 2, 7, 2])), []);
    assert_eq!(bench.driver.inbox_decided(), 0);
    bench.store(&next);
    assert_eq!(bench.handle(message(1, 2, &[3])), []);
    assert_eq!(bench.read(), []);
    assert_eq!(bench.driver.inbox_decided(), 2);
}
