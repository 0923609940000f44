//! Bars from trades and quotes: what closes them, what is late for them, and that nothing of them depends on others.

mod common;

use common::*;
use tapedeck_schemas::event::{Bar, Event, RejectReason};
use tapedeck_schemas::market::{MarketBody, MarketEvent};

/// A machine that builds these bars of [`SYMBOL`].
fn building(bars: &str) -> Fed {
    let mut fed = Fed::default();
    let mut defined = event(1, terms(bars));
    defined.source = "def".parse().unwrap();
    assert_eq!(kinds(&fed.feed(&entry(SYMBOL, defined)))[0], "InstrumentDefined");
    fed
}

fn terms(bars: &str) -> MarketBody {
    asking(definition("A", "B", "0.01", "0.1", "5"), bars)
}

fn received(seq: u64, second: u64, body: MarketBody) -> MarketEvent {
    MarketEvent { ts_recv: START + second * SECOND, ts_event: None, ..event(seq, body) }
}

/// Feeds an event of [`SYMBOL`] received so many seconds after [`START`], and shows the bars among the answers.
fn at(fed: &mut Fed, seq: u64, second: u64, body: MarketBody) -> Vec<String> {
    let answers = fed.feed(&entry(SYMBOL, received(seq, second, body)));
    answers.iter().filter_map(|event| if let Event::Bar(bar) = event { Some(shape(bar)) } else { None }).collect()
}

fn shape(one: &Bar) -> String {
    let Bar { bar, open, high, low, close, volume, count, late, opened, closed, .. } = one;
    let second = |ns: &u64| (ns - START) / SECOND; // a window never begins before START, a multiple of 10 s
    let (from, to) = (second(opened), second(closed));
    format!("{bar} {from}-{to} {open} {high} {low} {close} volume {volume} count {count} late {late}")
}

#[test]
fn a_time_bar_is_closed_by_the_first_event_at_its_end_and_a_window_without_events_has_none() {
    let mut fed = building("10s");
    assert_eq!(at(&mut fed, 1, 0, trade("5", "1", None)), [""; 0]);
    assert_eq!(at(&mut fed, 2, 4, trade("7", "0.5", None)), [""; 0]);
    assert_eq!(at(&mut fed, 3, 9, trade("4", "1", None)), [""; 0]);
    let first = "10s 0-10 5 7 4 4 volume 2.5 count 3 late 0";
    assert_eq!(at(&mut fed, 4, 10, trade("6", "1", None)), [first]);
    // A heartbeat closes it as well; 20 to 40 was empty.
    assert_eq!(at(&mut fed, 5, 41, MarketBody::Heartbeat), ["10s 10-20 6 6 6 6 volume 1 count 1 late 0"]);
    assert_eq!(at(&mut fed, 6, 55, MarketBody::Heartbeat), [""; 0]);
}

#[test]
fn an_event_for_a_closed_window_is_in_no_bar_and_the_next_bar_counts_it() {
    let mut fed = building("10s");
    at(&mut fed, 1, 5, trade("5", "1", None));
    assert_eq!(at(&mut fed, 2, 12, trade("6", "1", None)).len(), 1);
    assert_eq!(at(&mut fed, 3, 9, trade("100", "1", None)), [""; 0]); // its window is closed
    assert_eq!(at(&mut fed, 4, 11, trade("7", "1", None)), [""; 0]); // out of order, within its window
    assert_eq!(at(&mut fed, 5, 20, trade("8", "1", None)), ["10s 10-20 6 7 6 7 volume 2 count 2 late 1"]);
    assert_eq!(at(&mut fed, 6, 30, MarketBody::Heartbeat), ["10s 20-30 8 8 8 8 volume 1 count 1 late 0"]);
    // Before an open window whose forerunner was empty is late too.
    at(&mut fed, 7, 65, trade("5", "1", None));
    at(&mut fed, 8, 59, trade("100", "1", None));
    assert_eq!(at(&mut fed, 9, 70, MarketBody::Heartbeat), ["10s 60-70 5 5 5 5 volume 1 count 1 late 1"]);
}

#[test]
fn tick_and_volume_bars_are_closed_by_the_event_that_fills_them_and_know_no_late_event() {
    let mut fed = building("2t,3v");
    assert_eq!(at(&mut fed, 1, 5, trade("5", "1", None)), [""; 0]);
    assert_eq!(at(&mut fed, 2, 3, trade("6", "1", None)), ["2t 5-3 5 6 5 6 volume 2 count 2 late 0"]);
    // A trade is never split: the bar holds 6 instead of 3.
    assert_eq!(at(&mut fed, 3, 6, trade("7", "4", None)), ["3v 5-6 5 7 5 7 volume 6 count 3 late 0"]);
    assert_eq!(
        at(&mut fed, 4, 7, trade("8", "3", None)),
        ["2t 6-7 7 8 7 8 volume 7 count 2 late 0", "3v 7-7 8 8 8 8 volume 3 count 1 late 0"]
    );
}

#[test]
fn bars_of_quotes_take_mids_and_leave_trades_alone() {
    let mut fed = building("2t-quote");
    at(&mut fed, 1, 0, quote("5", "1", "5.01", "1", None));
    assert_eq!(at(&mut fed, 2, 1, trade("9", "1", None)), [""; 0]);
    let full = at(&mut fed, 3, 2, quote("5", "1", "5.03", "1", None));
    assert_eq!(full, ["2t-quote 0-2 5.005 5.015 5.005 5.015 volume 0 count 2 late 0"]);
}

#[test]
fn what_is_refused_is_in_no_bar_and_closes_none() {
    let mut fed = building("10s");
    at(&mut fed, 1, 5, trade("5", "1", None));
    assert_eq!(at(&mut fed, 2, 15, trade("5.001", "1", None)), [""; 0]);
    assert_eq!(at(&mut fed, 3, 16, trade("6", "1", None)), ["10s 0-10 5 5 5 5 volume 1 count 1 late 0"]);
}

#[test]
fn a_definition_says_which_bars_are_built_from_there_on() {
    let mut fed = building("2t,3t");
    at(&mut fed, 1, 1, trade("5", "1", None));
    // The same again changes nothing; another list drops what it does not name and lets the rest go on.
    assert_eq!(kinds(&fed.feed(&entry(SYMBOL, received(2, 1, terms("2t,3t"))))), ["InstrumentDefined"]);
    let answer = fed.feed(&entry(SYMBOL, received(3, 1, terms("3t,1t"))));
    assert_eq!(kinds(&answer), ["InstrumentDefined", "BarsDefined"]);
    assert_eq!(at(&mut fed, 4, 2, trade("6", "1", None)), ["1t 2-2 6 6 6 6 volume 1 count 1 late 0"]);
    assert_eq!(at(&mut fed, 5, 3, trade("7", "1", None)).len(), 2);
    assert_eq!(kinds(&fed.feed(&entry(SYMBOL, received(6, 3, terms(""))))), ["InstrumentDefined", "BarsDefined"]);
    assert_eq!(at(&mut fed, 7, 4, trade("7", "1", None)), [""; 0]);
}

#[test]
fn bars_of_an_instrument_do_not_depend_on_what_lies_between_its_events() {
    let of = |others: bool| {
        let mut fed = building("10s,3t,1s-quote");
        let mut other = event(1, terms("10s"));
        other.source = "def2".parse().unwrap();
        fed.feed(&entry("v.CD", other));
        let mut bars = Vec::new();
        for n in 1..200u64 {
            let body = if n % 3 == 0 { quote("5", "1", "6", "1", None) } else { trade("5", "1", None) };
            bars.extend(at(&mut fed, n, n, body));
            if others {
                fed.feed(&entry("v.CD", received(n, 500 + 7 * n, trade("1", "1", None))));
            }
        }
        bars
    };
    let alone = of(false);
    assert!(alone.len() > 60, "{}", alone.len());
    assert_eq!(alone, of(true));
}

#[test]
fn a_published_bar_is_a_fact_with_its_source_or_refused_for_what_contradicts_in_it() {
    let mut fed = building("");
    let bar = |spec: &str, prices: [&str; 4], opened: u64, closed: u64| {
        let [open, high, low, close] = prices.map(|price| price.parse().unwrap());
        let (bar, volume) = (spec.parse().unwrap(), "1".parse().unwrap());
        let (opened, closed) = (START + opened * SECOND, START + closed * SECOND);
        MarketBody::Bar { bar, open, high, low, close, volume, count: 2, opened, closed }
    };
    let good = ["5", "7", "4", "6"];
    let facts = fed.body(1, bar("10s", good, 0, 10));
    let [Event::Bar(fact)] = facts.as_slice() else { panic!("{facts:?}") };
    assert_eq!((fact.source.unwrap().as_str(), fact.count), ("feed", 2));
    for (seq, body, reason) in [
        (2, bar("10s", ["8", "7", "4", "6"], 0, 10), RejectReason::BadBar),
        (3, bar("10s", ["5", "7", "4", "3"], 0, 10), RejectReason::BadBar),
        (4, bar("10s", good, 0, 9), RejectReason::BadBar),
        (5, bar("10s", good, 5, 15), RejectReason::BadBar),
        (6, bar("2t", good, 5, 4), RejectReason::BadBar),
        (7, bar("10s", ["5", "7", "-4", "6"], 0, 10), RejectReason::NotPositive),
        (8, bar("10s", ["5.001", "7", "4", "6"], 0, 10), RejectReason::OffGrid),
    ] {
        assert_eq!(refusal(&fed.body(seq, body)).map(|(reason, _)| reason), Some(reason), "{seq}");
    }
    assert_eq!(kinds(&fed.body(9, bar("2t-quote", ["5.005", "7", "4", "6"], 5, 5))), ["Bar"]);
}
