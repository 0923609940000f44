//! The bounds of unanswered inputs, of records and of the queue, and what answers inputs before their bound.

use tapedeck_kernel::Answer;
use tapedeck_kernel::driver::{Input, Output, QUEUED_INPUTS_MAX, UNANSWERED_CLOCKS_MAX, UNANSWERED_INPUTS_MAX};
use tapedeck_kernel::liveness::HEARTBEAT_INTERVAL;
use tapedeck_schemas::event::Event;
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::{RECORD_BYTES_MAX, RECORD_EVENTS_MAX};

use crate::bench::{Bench, only_append};
use crate::tape::Tape;
use crate::toys::{CLOCK, Echo};

fn assert_progress_at(bench: &mut Bench<Echo>, seq: u64) {
    let append = bench.read_append();
    let entries = append.entries();
    assert!(matches!(entries[..], [ref only] if matches!(only.event, Event::Progress(_))), "{entries:?}");
    assert_eq!(entries[0].cause, Offset::new(seq, 0));
    bench.commit(&append);
}

#[test]
fn the_tenth_unanswered_clock_is_answered_and_an_answer_resets_the_count() {
    let mut bench = Bench::owner();
    for _ in 0..3 {
        for _ in 1..UNANSWERED_CLOCKS_MAX {
            bench.price(CLOCK);
        }
        assert_eq!(bench.read(), []);
        let tenth = bench.price(CLOCK);
        assert_progress_at(&mut bench, tenth);
    }
    for value in [CLOCK, CLOCK, 1] {
        bench.price(value);
    }
    let append = bench.read_append();
    bench.commit(&append);
    for _ in 1..UNANSWERED_CLOCKS_MAX {
        bench.price(CLOCK);
    }
    assert_eq!(bench.read(), []);
}

#[test]
fn the_4096th_unanswered_input_is_answered() {
    let mut bench = Bench::owner();
    for _ in 0..2 {
        for _ in 1..UNANSWERED_INPUTS_MAX {
            bench.price(2);
            assert_eq!(bench.read(), []);
        }
        let last = bench.price(2);
        assert_progress_at(&mut bench, last);
    }
}

/// A price on which two events are decided, and one on which a short one is.
const TWICE: u8 = 5;
const SHORT: u8 = 7;

/// A tape with so many unanswered inputs that one record does not hold the decisions on them.
fn backlog(messages: usize, value: u8) -> Tape {
    let mut tape = Tape::new();
    for _ in 0..messages {
        tape.write_values(&[value; 128]);
    }
    tape
}

/// The numbers of events and bytes of the records that answer a backlog of 100 messages.
fn records_of_a_backlog(value: u8) -> Vec<(usize, usize)> {
    let mut bench = Bench::<Echo>::claiming(backlog(100, value));
    let mut append = only_append(bench.read());
    let mut sizes = Vec::new();
    loop {
        let entries = append.entries();
        sizes.push((entries.len(), append.payload.len()));
        assert_eq!(entries[0].index, 0, "a cause is split");
        let seq = bench.store(&append);
        let mut outputs = bench.answer(append.attempt, Answer::Committed(seq));
        outputs.extend(bench.read());
        if !outputs.iter().any(|output| matches!(output, Output::Append { .. })) {
            return sizes;
        }
        append = only_append(outputs);
    }
}

#[test]
fn decisions_queued_behind_an_append_are_sent_in_records_within_the_bounds() {
    for (value, events) in [(TWICE, 2), (SHORT, 1)] {
        let sizes = records_of_a_backlog(value);
        assert!(sizes.iter().all(|(events, bytes)| *events <= RECORD_EVENTS_MAX && *bytes <= RECORD_BYTES_MAX));
        assert!(sizes.len() < 20, "many events share a record: {sizes:?}");
        let sum: usize = sizes.iter().map(|(events, _)| events).sum();
        assert_eq!(sum, 1 + 100 * 128 * events, "the epoch and each decision");
    }
}

#[test]
fn an_owner_that_waits_for_the_broker_stops_reading() {
    let mut bench = Bench::<Echo>::claiming(backlog(300, TWICE));
    bench.read();
    assert!(!bench.driver.wants_tape(), "300 messages of 128 inputs were read");
    assert!(bench.read < 300);
}

#[test]
fn a_lost_ack_behind_a_backlog_longer_than_the_queue_is_found_on_the_tape() {
    let messages = 2 * QUEUED_INPUTS_MAX / 128 + 100;
    let mut bench = Bench::<Echo>::claiming(backlog(messages, TWICE));
    let mut append = bench.read_append();
    let seq = bench.store(&append); // stored after the whole backlog; its ack is lost
    for _ in 0..2 * messages {
        let mut outputs = bench.answer(append.attempt, Answer::WrongLast(Some(seq)));
        outputs.extend(bench.read());
        if outputs.iter().any(|output| matches!(output, Output::Committed { seq: found, .. } if *found == seq)) {
            return;
        }
        append = only_append(outputs);
    }
    panic!("the record at {seq} is its own, but it retries without reading on from {}", bench.read);
}

#[test]
fn a_drain_answers_the_unanswered_inputs() {
    let mut bench = Bench::owner();
    let input = bench.price(2);
    assert_eq!(bench.read(), []);
    let append = only_append(bench.handle(Input::Drain));
    assert!(matches!(append.entries()[..], [ref only] if matches!(only.event, Event::Progress(_))));
    assert_eq!(append.entries()[0].cause, Offset::new(input, 0));
}

#[test]
fn a_heartbeat_answers_the_unanswered_inputs_once() {
    let mut bench = Bench::owner();
    assert_eq!(bench.advance(HEARTBEAT_INTERVAL), [], "no input is unanswered");
    assert_eq!(bench.driver.deadline(), None);
    bench.price(1);
    let answer = bench.read_append();
    bench.commit(&answer);
    let input = bench.price(2);
    assert_eq!(bench.read(), [], "the last own record is younger than the interval");
    assert_eq!(bench.driver.deadline(), Some(2 * HEARTBEAT_INTERVAL));
    assert_eq!(bench.advance(2 * HEARTBEAT_INTERVAL - 1), []);
    let append = only_append(bench.advance(2 * HEARTBEAT_INTERVAL));
    assert!(matches!(append.entries()[..], [ref only] if matches!(only.event, Event::Progress(_))));
    assert_eq!(append.entries()[0].cause, Offset::new(input, 0));
    bench.commit(&append);
    assert_eq!(bench.advance(4 * HEARTBEAT_INTERVAL), [], "the input is answered");
    bench.price(2);
    let append = bench.read_append();
    assert_eq!(append.entries().len(), 1, "after a long time without a record, an input is answered at once");
    bench.commit(&append);
    bench.price(2);
    assert_eq!(bench.read(), [], "one heartbeat answers once");
    assert!(bench.driver.is_owner() && bench.driver.wants_tape());
}
