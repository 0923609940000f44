//! Tape time and its ticks.

mod common;

use common::*;
use tapedeck_ingest::TICK_INTERVAL_NS;
use tapedeck_kernel::{Machine, MarketEntry};
use tapedeck_schemas::event::Event;
use tapedeck_schemas::market::{MarketBody, MarketEvent};

fn time(fed: &Fed) -> u64 {
    fed.machine.time(&entry(SYMBOL, event(1, MarketBody::Heartbeat)))
}

fn ticks(events: &[Event]) -> Vec<u64> {
    let of_tick = |event: &Event| if let Event::ClockAdvanced(tick) = event { Some(tick.time) } else { None };
    events.iter().filter_map(of_tick).collect()
}

#[test]
fn the_first_event_only_sets_the_time() {
    let mut fed = Fed::default();
    assert_eq!(time(&fed), 0);
    assert_eq!(fed.beat(1, START + 1), []);
    assert_eq!(time(&fed), START + 1);
}

#[test]
fn a_tick_is_the_latest_boundary_reached_and_comes_once() {
    let mut fed = Fed::default();
    fed.beat(1, START + 1);
    let step = TICK_INTERVAL_NS;
    // (received at, the tick it brings)
    let rows = [
        (START + step - 1, None),
        (START + step, Some(START + step)), // a boundary is crossed when it is reached
        (START + step, None),
        (START + step + 1, None),
        (START + 5 * step + 7, Some(START + 5 * step)), // several at once are one tick
        (START + 2 * step, None),                       // time never goes back
        (START + 6 * step - 1, None),
        (START + 6 * step + 1, Some(START + 6 * step)),
    ];
    let mut latest = 0;
    for (seq, (ts_recv, tick)) in (2..).zip(rows) {
        let events = fed.beat(seq, ts_recv);
        latest = latest.max(ts_recv);
        assert_eq!((ticks(&events), events.len()), (tick.into_iter().collect(), usize::from(tick.is_some())), "{seq}");
        assert_eq!(time(&fed), latest);
    }
}

#[test]
fn a_tick_stands_between_the_gap_and_the_accepting_fact_of_its_cause() {
    let mut fed = Fed::defined();
    let later = MarketEvent { ts_recv: START + SECOND, ..event(3, trade("1", "1", None)) };
    let events = fed.feed(&entry(SYMBOL, later));
    assert_eq!(kinds(&events), ["Gap", "ClockAdvanced", "Trade"]);
    assert_eq!(ticks(&events), [START + SECOND]);
    let terms = MarketEvent { ts_recv: START + 2 * SECOND, ..event(4, definition("A", "B", "1", "1", "0")) };
    assert_eq!(kinds(&fed.feed(&entry(SYMBOL, terms))), ["ClockAdvanced", "InstrumentDefined"]);
}

#[test]
fn a_refused_event_moves_no_time() {
    let mut fed = Fed::defined();
    let later = MarketEvent { ts_recv: START + SECOND, ..event(1, trade("0", "1", None)) };
    assert_eq!(kinds(&fed.feed(&entry(SYMBOL, later))), ["Rejected"]);
    assert_eq!(time(&fed), START);
    let ahead = MarketEvent { ts_recv: u64::MAX, ..event(2, MarketBody::Heartbeat) };
    assert_eq!(kinds(&fed.feed(&MarketEntry { stamp: START, ..entry(SYMBOL, ahead) })), ["Rejected"]);
    assert_eq!(time(&fed), START);
    assert_eq!(kinds(&fed.beat(3, START + SECOND)), ["ClockAdvanced"]);
}
