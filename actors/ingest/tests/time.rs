//! Tape time and `ClockAdvanced`.

mod common;

use common::*;
use tapedeck_ingest::CLOCK_INTERVAL_NS;
use tapedeck_kernel::MarketEntry;
use tapedeck_schemas::event::{Event, MarketHeartbeat};
use tapedeck_schemas::market::{MarketBody, MarketEvent};
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::Entry;

fn time(harness: &Harness) -> u64 {
    harness.machine.now
}

fn clocks(events: &[Event]) -> Vec<u64> {
    let boundary = |event: &Event| if let Event::ClockAdvanced(fact) = event { Some(fact.time) } else { None };
    events.iter().filter_map(boundary).collect()
}

#[test]
fn the_first_event_only_sets_the_time() {
    let mut harness = Harness::default();
    assert_eq!(time(&harness), 0);
    assert_eq!(kinds(&harness.feed_heartbeat(1, START + 1)), ["MarketHeartbeat"]);
    assert_eq!(time(&harness), START + 1);
}

#[test]
fn clock_advanced_is_decided_once_for_the_latest_boundary_reached() {
    let mut harness = Harness::default();
    harness.feed_heartbeat(1, START + 1);
    let step = CLOCK_INTERVAL_NS;
    // (received at, boundary of the ClockAdvanced)
    let rows = [
        (START + step - 1, None),
        (START + step, Some(START + step)), // a boundary is crossed when it is reached
        (START + step, None),
        (START + step + 1, None),
        (START + 5 * step + 7, Some(START + 5 * step)), // one fact for several boundaries
        (START + 2 * step, None),                       // time never goes back
        (START + 6 * step - 1, None),
        (START + 6 * step + 1, Some(START + 6 * step)),
    ];
    let mut latest = 0;
    for (seq, (ts_recv, boundary)) in (2..).zip(rows) {
        let events = harness.feed_heartbeat(seq, ts_recv);
        latest = latest.max(ts_recv);
        assert_eq!(
            (clocks(&events), events.len()),
            (boundary.into_iter().collect(), 1 + usize::from(boundary.is_some())),
            "{seq}"
        );
        assert_eq!(time(&harness), latest);
    }
}

#[test]
fn clock_advanced_comes_between_the_gap_and_the_accepting_fact_of_its_cause() {
    let mut harness = Harness::defined();
    let later = MarketEvent { ts_recv: START + SECOND, ..event(3, trade("1", "1", None)) };
    let events = harness.feed(&entry(SYMBOL, later));
    assert_eq!(kinds(&events), ["Gap", "ClockAdvanced", "Trade"]);
    assert_eq!(clocks(&events), [START + SECOND]);
    let terms = MarketEvent { ts_recv: START + 2 * SECOND, ..event(4, definition("A", "B", "1", "1", "0")) };
    assert_eq!(kinds(&harness.feed(&entry(SYMBOL, terms))), ["ClockAdvanced", "InstrumentDefined"]);
}

#[test]
fn a_rejected_event_does_not_move_tape_time() {
    let mut harness = Harness::defined();
    let later = MarketEvent { ts_recv: START + SECOND, ..event(1, trade("0", "1", None)) };
    assert_eq!(kinds(&harness.feed(&entry(SYMBOL, later))), ["Rejected"]);
    assert_eq!(time(&harness), START);
    let ahead = MarketEvent { ts_recv: u64::MAX, ..event(2, MarketBody::HEARTBEAT) };
    assert_eq!(kinds(&harness.feed(&MarketEntry { stamp: START, ..entry(SYMBOL, ahead) })), ["Rejected"]);
    assert_eq!(time(&harness), START);
    assert_eq!(kinds(&harness.feed_heartbeat(3, START + SECOND)), ["ClockAdvanced", "MarketHeartbeat"]);
}

#[test]
fn the_fact_of_a_heartbeat_moves_tape_time_and_the_input_alone_does_not() {
    let mut harness = Harness::defined();
    let later = entry(SYMBOL, MarketEvent { ts_recv: START + SECOND, ..event(1, MarketBody::HEARTBEAT) });
    let cause = Offset::new(100, 0);
    harness.machine.follow(cause, &later, &[]);
    assert_eq!(time(&harness), START);
    let (instrument, ts_recv) = (SYMBOL.parse().unwrap(), START + SECOND);
    let fact = MarketHeartbeat { instrument, ts_recv, ts_event: None }.into();
    harness.machine.follow(cause, &later, &[Entry { cause, index: 0, at: ts_recv, event: fact }]);
    assert_eq!(time(&harness), START + SECOND);
}
