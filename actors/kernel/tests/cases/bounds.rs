//! Limits: silence, records, queues.

use tapedeck_kernel::Answer;
use tapedeck_kernel::driver::{Input, Output, QUEUED_INPUTS_MAX, UNANSWERED_CLOCKS_MAX, UNANSWERED_INPUTS_MAX};
use tapedeck_schemas::event::Event;
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::{RECORD_BYTES_MAX, RECORD_EVENTS_MAX};

use super::{Bench, only_append, write_values};
use crate::model::Tape;
use crate::model::toys::{Echo, TICK};

fn assert_progress_at(bench: &mut Bench<Echo>, seq: u64) {
    let asked = bench.read_asked();
    let entries = asked.entries();
    assert!(matches!(entries[..], [ref only] if matches!(only.event, Event::Progress(_))), "{entries:?}");
    assert_eq!(entries[0].cause, Offset::new(seq, 0));
    bench.commit(&asked);
}

#[test]
fn the_tenth_unanswered_tick_is_answered_and_an_answer_starts_the_count_again() {
    let mut bench = Bench::owner();
    for _ in 0..3 {
        for _ in 1..UNANSWERED_CLOCKS_MAX {
            bench.price(TICK);
        }
        assert_eq!(bench.read(), []);
        let tenth = bench.price(TICK);
        assert_progress_at(&mut bench, tenth);
    }
    for value in [TICK, TICK, 1] {
        bench.price(value);
    }
    let asked = bench.read_asked();
    bench.commit(&asked);
    for _ in 1..UNANSWERED_CLOCKS_MAX {
        bench.price(TICK);
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

/// A price that is answered by two events, and one that is answered by a short one.
const TWICE: u8 = 5;
const SHORT: u8 = 7;

/// A tape on which many inputs wait, so that an owner that starts has more to say than a record holds.
fn backlog(messages: usize, value: u8) -> Tape {
    let mut tape = Tape::new();
    for _ in 0..messages {
        write_values(&mut tape, &[value; 128]);
    }
    tape
}

/// Sizes of the records by which a backlog of 100 messages is answered.
fn records_of_a_backlog(value: u8) -> Vec<(usize, usize)> {
    let mut bench = Bench::<Echo>::claiming(backlog(100, value));
    let mut asked = only_append(bench.read());
    let mut sizes = Vec::new();
    loop {
        let entries = asked.entries();
        sizes.push((entries.len(), asked.payload.len()));
        assert_eq!(entries[0].index, 0, "a cause is split");
        let seq = bench.store(&asked);
        let mut outputs = bench.answer(asked.attempt, Answer::Committed(seq));
        outputs.extend(bench.read());
        if !outputs.iter().any(|output| matches!(output, Output::Append { .. })) {
            return sizes;
        }
        asked = only_append(outputs);
    }
}

#[test]
fn what_piles_up_behind_an_append_goes_out_in_records_within_their_bounds() {
    for (value, events) in [(TWICE, 2), (SHORT, 1)] {
        let sizes = records_of_a_backlog(value);
        assert!(sizes.iter().all(|(events, bytes)| *events <= RECORD_EVENTS_MAX && *bytes <= RECORD_BYTES_MAX));
        assert!(sizes.len() < 20, "many events share a record: {sizes:?}");
        let sum: usize = sizes.iter().map(|(events, _)| events).sum();
        assert_eq!(sum, 1 + 100 * 128 * events, "the epoch, and every answer");
    }
}

#[test]
fn an_owner_that_waits_for_its_broker_stops_pulling() {
    let mut bench = Bench::<Echo>::claiming(backlog(300, TWICE));
    bench.read();
    assert!(!bench.driver.wants_tape(), "300 messages of 128 inputs were taken in");
    assert!(bench.read < 300);
}

#[test]
fn a_lost_ack_behind_a_backlog_longer_than_the_queue_is_found_on_the_tape() {
    let messages = 2 * QUEUED_INPUTS_MAX / 128 + 100;
    let mut bench = Bench::<Echo>::claiming(backlog(messages, TWICE));
    let mut asked = bench.read_asked();
    let seq = bench.store(&asked); // lands behind the whole backlog; its ack is lost
    for _ in 0..2 * messages {
        let mut outputs = bench.answer(asked.attempt, Answer::WrongLast(Some(seq)));
        outputs.extend(bench.read());
        if outputs.iter().any(|output| matches!(output, Output::Committed { seq: found, .. } if *found == seq)) {
            return;
        }
        asked = only_append(outputs);
    }
    panic!("asks for ever: the record at {seq} is its own, but it does not read on from {}", bench.read);
}

#[test]
fn a_drain_answers_silence() {
    let mut bench = Bench::owner();
    let silent = bench.price(2);
    assert_eq!(bench.read(), []);
    let asked = only_append(bench.tell(Input::Drain));
    assert!(matches!(asked.entries()[..], [ref only] if matches!(only.event, Event::Progress(_))));
    assert_eq!(asked.entries()[0].cause, Offset::new(silent, 0));
}

#[test]
fn who_is_told_to_speak_answers_silence_once_and_goes_on() {
    let mut bench = Bench::owner();
    assert_eq!(bench.tell(Input::Heartbeat), [], "there is nothing to answer");
    let silent = bench.price(2);
    assert_eq!(bench.read(), []);
    let asked = only_append(bench.tell(Input::Heartbeat));
    assert!(matches!(asked.entries()[..], [ref only] if matches!(only.event, Event::Progress(_))));
    assert_eq!(asked.entries()[0].cause, Offset::new(silent, 0));
    bench.commit(&asked);
    assert_eq!(bench.tell(Input::Heartbeat), [], "it has spoken");
    bench.price(2);
    assert_eq!(bench.read(), [], "being told once is not for ever");
    assert!(bench.driver.is_owner() && bench.driver.wants_tape());
}
