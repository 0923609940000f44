//! Bars from trades and quotes: when they close, which events are late, and that instruments do not affect each other.

mod common;

use common::*;
use tapedeck_schemas::event::{Bar, Event, RejectReason};
use tapedeck_schemas::market::{BarBody, DefinitionBody, MarketBody, MarketEvent, PriceDomain};

/// A harness that builds these bars of [`SYMBOL`].
fn building(bars: &str) -> Harness {
    let mut harness = Harness::default();
    let mut defined = event(1, terms(bars));
    defined.source = "def".parse().unwrap();
    assert_eq!(kinds(&harness.feed(&entry(SYMBOL, defined)))[0], "InstrumentDefined");
    harness
}

fn terms(bars: &str) -> MarketBody {
    with_bars(definition("A", "B", "0.01", "0.1", "5"), bars)
}

fn received(seq: u64, second: u64, body: MarketBody) -> MarketEvent {
    MarketEvent { ts_recv: START + second * SECOND, ts_event: None, ..event(seq, body) }
}

/// A bar as the second part of one.
fn part(mut bar: MarketBody) -> MarketBody {
    if let MarketBody::Bar(BarBody { part, .. }) = &mut bar {
        *part = 2;
    }
    bar
}

/// Feeds an event of [`SYMBOL`] received `second` seconds after [`START`], and renders the bars that it decides.
fn at(harness: &mut Harness, seq: u64, second: u64, body: MarketBody) -> Vec<String> {
    let answers = harness.feed(&entry(SYMBOL, received(seq, second, body)));
    answers.iter().filter_map(|event| if let Event::Bar(bar) = event { Some(render(bar)) } else { None }).collect()
}

fn render(bar: &Bar) -> String {
    let Bar { bar: spec, open, high, low, close, volume, count, late, opened, closed, part, .. } = bar;
    let second = |ns: &u64| ns.saturating_sub(START) / SECOND; // only weeks start before START, a multiple of 10 s
    let (from, to) = (second(opened), second(closed));
    let part = if *part > 0 { format!(" part {part}") } else { String::new() };
    format!("{spec} {from}-{to} {open} {high} {low} {close} volume {volume} count {count} late {late}{part}")
}

#[test]
fn a_time_bar_is_closed_by_the_first_event_at_its_end_and_a_window_without_events_has_none() {
    let mut harness = building("10s");
    assert_eq!(at(&mut harness, 1, 0, trade("5", "1", None)), [""; 0]);
    assert_eq!(at(&mut harness, 2, 4, trade("7", "0.5", None)), [""; 0]);
    assert_eq!(at(&mut harness, 3, 9, trade("4", "1", None)), [""; 0]);
    let first = "10s 0-10 5 7 4 4 volume 2.5 count 3 late 0";
    assert_eq!(at(&mut harness, 4, 10, trade("6", "1", None)), [first]);
    // A heartbeat closes it as well; 20 to 40 was empty.
    assert_eq!(at(&mut harness, 5, 41, MarketBody::HEARTBEAT), ["10s 10-20 6 6 6 6 volume 1 count 1 late 0"]);
    assert_eq!(at(&mut harness, 6, 55, MarketBody::HEARTBEAT), [""; 0]);
}

#[test]
fn an_event_for_a_closed_window_is_in_no_bar_and_the_next_bar_counts_it() {
    let mut harness = building("10s");
    at(&mut harness, 1, 5, trade("5", "1", None));
    assert_eq!(at(&mut harness, 2, 12, trade("6", "1", None)).len(), 1);
    assert_eq!(at(&mut harness, 3, 9, trade("100", "1", None)), [""; 0]); // its window is closed
    assert_eq!(at(&mut harness, 4, 11, trade("7", "1", None)), [""; 0]); // out of order, within its window
    assert_eq!(at(&mut harness, 5, 20, trade("8", "1", None)), ["10s 10-20 6 7 6 7 volume 2 count 2 late 1"]);
    assert_eq!(at(&mut harness, 6, 30, MarketBody::HEARTBEAT), ["10s 20-30 8 8 8 8 volume 1 count 1 late 0"]);
    // An event before the open window is late even if no bar of its window was closed.
    at(&mut harness, 7, 65, trade("5", "1", None));
    at(&mut harness, 8, 59, trade("100", "1", None));
    assert_eq!(at(&mut harness, 9, 70, MarketBody::HEARTBEAT), ["10s 60-70 5 5 5 5 volume 1 count 1 late 1"]);
}

#[test]
fn tick_and_volume_bars_are_closed_by_the_event_that_fills_them_and_have_no_late_events() {
    let mut harness = building("2t,3v");
    assert_eq!(at(&mut harness, 1, 5, trade("5", "1", None)), [""; 0]);
    assert_eq!(at(&mut harness, 2, 3, trade("6", "1", None)), ["2t 5-5 5 6 5 6 volume 2 count 2 late 0"]);
    // A trade is never split: the bar holds 6 instead of 3.
    assert_eq!(at(&mut harness, 3, 6, trade("7", "4", None)), ["3v 5-6 5 7 5 7 volume 6 count 3 late 0"]);
    assert_eq!(
        at(&mut harness, 4, 7, trade("8", "3", None)),
        ["2t 6-7 7 8 7 8 volume 7 count 2 late 0", "3v 7-7 8 8 8 8 volume 3 count 1 late 0"]
    );
}

#[test]
fn quote_bars_sample_mids_and_ignore_trades() {
    let mut harness = building("2t-quote");
    at(&mut harness, 1, 0, quote("5", "1", "5.01", "1", None));
    assert_eq!(at(&mut harness, 2, 1, trade("9", "1", None)), [""; 0]);
    let full = at(&mut harness, 3, 2, quote("5", "1", "5.03", "1", None));
    assert_eq!(full, ["2t-quote 0-2 5.005 5.015 5.005 5.015 volume 0 count 2 late 0"]);
}

#[test]
fn a_rejected_event_is_in_no_bar_and_closes_none() {
    let mut harness = building("10s");
    at(&mut harness, 1, 5, trade("5", "1", None));
    assert_eq!(at(&mut harness, 2, 15, trade("5.001", "1", None)), [""; 0]);
    assert_eq!(at(&mut harness, 3, 16, trade("6", "1", None)), ["10s 0-10 5 5 5 5 volume 1 count 1 late 0"]);
}

#[test]
fn a_definition_replaces_the_list_of_bars() {
    let mut harness = building("2t,3t");
    at(&mut harness, 1, 1, trade("5", "1", None));
    // The same list changes nothing; another list drops the series that it omits and keeps the others.
    assert_eq!(kinds(&harness.feed(&entry(SYMBOL, received(2, 1, terms("2t,3t"))))), ["InstrumentDefined"]);
    let answer = harness.feed(&entry(SYMBOL, received(3, 1, terms("3t,1t"))));
    assert_eq!(kinds(&answer), ["InstrumentDefined"]);
    assert_eq!(at(&mut harness, 4, 2, trade("6", "1", None)), ["1t 2-2 6 6 6 6 volume 1 count 1 late 0"]);
    assert_eq!(at(&mut harness, 5, 3, trade("7", "1", None)).len(), 2);
    assert_eq!(kinds(&harness.feed(&entry(SYMBOL, received(6, 3, terms(""))))), ["InstrumentDefined"]);
    assert_eq!(at(&mut harness, 7, 4, trade("7", "1", None)), [""; 0]);
}

#[test]
fn bars_of_an_instrument_do_not_depend_on_events_of_other_instruments() {
    let of = |others: bool| {
        let mut harness = building("10s,3t,1s-quote");
        let mut other = event(1, terms("10s"));
        other.source = "def2".parse().unwrap();
        harness.feed(&entry("v.CD", other));
        let mut bars = Vec::new();
        for n in 1..200u64 {
            let body = if n % 3 == 0 { quote("5", "1", "6", "1", None) } else { trade("5", "1", None) };
            bars.extend(at(&mut harness, n, n, body));
            if others {
                harness.feed(&entry("v.CD", received(n, 500 + 7 * n, trade("1", "1", None))));
            }
        }
        bars
    };
    let alone = of(false);
    assert!(alone.len() > 60, "{}", alone.len());
    assert_eq!(alone, of(true));
}

#[test]
fn a_published_bar_becomes_a_fact_with_its_source_or_is_rejected_for_a_contradiction() {
    let mut harness = building("");
    let bar = |spec: &str, prices: [&str; 4], opened: u64, closed: u64| {
        let [open, high, low, close] = prices.map(|price| price.parse().unwrap());
        let (bar, volume) = (spec.parse().unwrap(), "1".parse().unwrap());
        let (opened, closed) = (START + opened * SECOND, START + closed * SECOND);
        MarketBody::Bar(BarBody { bar, open, high, low, close, volume, count: 2, opened, closed, part: 0 })
    };
    let good = ["5", "7", "4", "6"];
    let mut feed = |seq, body: MarketBody| {
        let MarketBody::Bar(BarBody { closed, .. }) = body else { panic!("a bar") };
        let mut events = harness.feed(&entry(SYMBOL, MarketEvent { ts_recv: closed, ..event(seq, body) }));
        events.retain(|event| !matches!(event, Event::ClockAdvanced(_)));
        events
    };
    let facts = feed(1, bar("10s", good, 0, 10));
    let [Event::Bar(fact)] = facts.as_slice() else { panic!("{facts:?}") };
    assert_eq!((fact.source.unwrap().as_str(), fact.count), ("feed", 2));
    for (seq, body, reason) in [
        (2, bar("10s", ["8", "7", "4", "6"], 0, 10), RejectReason::BadBar),
        (3, bar("10s", ["5", "7", "4", "3"], 0, 10), RejectReason::BadBar),
        (4, bar("10s", good, 0, 9), RejectReason::BadBar),
        (5, bar("10s", good, 5, 15), RejectReason::BadBar),
        (6, bar("2t", good, 5, 4), RejectReason::BadBar),
        (10, bar("10s-session", good, 0, 10), RejectReason::BadBar),
        (11, bar("1w", good, 0, 7 * 24 * 3600), RejectReason::BadBar),
        (12, part(bar("10s", good, 0, 11)), RejectReason::BadBar),
        (13, part(bar("10s", good, 1, 10)), RejectReason::BadBar),
        (14, bar("10s", ["5", "7", "-4", "6"], 0, 10), RejectReason::NotPositive),
        (15, bar("10s", ["5.001", "7", "4", "6"], 0, 10), RejectReason::OffGrid),
    ] {
        assert_eq!(rejection(&feed(seq, body)).map(|(reason, _)| reason), Some(reason), "{seq}");
    }
    // START is a Tuesday, 22:13:20 UTC.
    let (day, time) = (24 * 3600, 22 * 3600 + 13 * 60 + 20);
    let mut week = bar("1w", good, 0, 0);
    if let MarketBody::Bar(BarBody { opened, closed, .. }) = &mut week {
        (*opened, *closed) = (START - (day + time) * SECOND, START + (6 * day - time) * SECOND);
    }
    assert_eq!(kinds(&feed(16, week)), ["Bar"]);
    assert_eq!(kinds(&feed(17, part(bar("10s", good, 0, 9)))), ["Bar"]);
    assert_eq!(kinds(&feed(18, bar("2t-quote", ["5.005", "7", "4", "6"], 5, 5))), ["Bar"]);
    // The same window and values are the same bar, of any source; other values are a revision.
    let (_, words) = rejection(&feed(19, bar("10s", good, 0, 10))).unwrap();
    assert_eq!(words, format!("opened {START} was accepted before with the same values"));
    assert_eq!(kinds(&feed(20, bar("10s", ["5", "7", "4", "5"], 0, 10))), ["Bar"]);
    // A bar that is not over.
    let early = |ahead: u64| MarketEvent {
        ts_recv: START + (20 - ahead) * SECOND,
        ..event(21 + ahead, bar("10s", good, 10, 20))
    };
    let (reason, words) = rejection(&harness.feed(&entry(SYMBOL, early(6)))).unwrap();
    assert_eq!(reason, RejectReason::BadBar);
    assert!(words.contains("is 6000000000 ns after ts_recv; at most 5000000000 is allowed"), "{words}");
    assert_eq!(kinds(&harness.feed(&entry(SYMBOL, early(5)))), ["Bar"]);
}

#[test]
fn a_bar_that_cannot_hold_a_trade_is_closed_before_it_as_a_part() {
    const HALF: &str = "50000000000000000"; // twenty of these fill a volume of 1e18
    const WHOLE: &str = "100000000000000000";
    let mut harness = building("10s,100t,1w,999999999999999999v");
    for seq in 1..=10 {
        assert_eq!(
            at(&mut harness, seq, 9 - seq % 4, trade("0.01", if seq == 1 { HALF } else { WHOLE }, None)),
            [""; 0]
        );
    }
    // The volume is 0.95e18. The next trade is in the second part; the volume bar is filled by it.
    let cut = "0.01 0.01 0.01 0.01 volume 950000000000000000 count 10 late 0";
    let parts = at(&mut harness, 11, 7, trade("0.01", WHOLE, None));
    assert_eq!(parts[0], format!("10s 0-9 {cut} part 1"));
    assert_eq!(parts[1], format!("100t 8-9 {cut} part 1"));
    assert!(parts[2].starts_with("1w ") && parts[2].ends_with("part 1"), "{parts:?}");
    assert_eq!((parts[3].as_str(), parts.len()), (&*format!("999999999999999999v 8-9 {cut} part 1"), 4));
    for seq in 12..=20 {
        assert_eq!(at(&mut harness, seq, 7, trade("0.01", WHOLE, None)).len(), usize::from(seq == 20), "{seq}");
    }
    // Again, at one time: the parts of a window differ by their numbers.
    let parts = at(&mut harness, 21, 7, trade("0.02", "0.1", None));
    let cut = "0.01 0.01 0.01 0.01 volume 1000000000000000000 count 10 late 0";
    assert_eq!(parts[..2], [format!("10s 0-7 {cut} part 2"), format!("100t 7-7 {cut} part 1")]);
    let end = at(&mut harness, 22, 10, MarketBody::HEARTBEAT);
    assert_eq!(end, ["10s 0-10 0.02 0.02 0.02 0.02 volume 0.1 count 1 late 0 part 3"]);
    at(&mut harness, 23, 11, trade("0.02", "0.1", None));
    let next = at(&mut harness, 24, 20, MarketBody::HEARTBEAT);
    assert_eq!(next, ["10s 10-20 0.02 0.02 0.02 0.02 volume 0.1 count 1 late 0"]);
}

#[test]
fn a_definition_cuts_bars_that_are_not_valid_under_its_terms() {
    let mut harness = building("10s,2t,10s-quote");
    at(&mut harness, 1, 1, trade("5.01", "1", None));
    at(&mut harness, 2, 2, quote("5.01", "1", "5.03", "1", None));
    let coarser = with_bars(definition("A", "B", "0.02", "0.1", "5"), "10s,2t,10s-quote");
    let cut = "5.01 5.01 5.01 5.01 volume 1 count 1 late 0 part 1";
    assert_eq!(
        at(&mut harness, 3, 2, coarser.clone()),
        [format!("10s 1-1 {cut}").replace("1-1", "0-1"), format!("2t 1-1 {cut}")]
    );
    at(&mut harness, 4, 3, trade("5.02", "1", None));
    assert_eq!(at(&mut harness, 5, 4, coarser), [""; 0]);
    let end = at(&mut harness, 6, 10, MarketBody::HEARTBEAT);
    assert_eq!(end[0], "10s 0-10 5.02 5.02 5.02 5.02 volume 1 count 1 late 0 part 2");
    assert_eq!(end[1], "10s-quote 0-10 5.02 5.02 5.02 5.02 volume 0 count 1 late 0");
}

#[test]
fn a_finished_bar_may_have_the_greatest_volume_at_any_price() {
    let mut harness = building("1m");
    let [price, volume] = ["10000000000", "1000000000000000000"];
    let bar = MarketBody::Bar(BarBody {
        bar: "2t".parse().unwrap(),
        open: price.parse().unwrap(),
        high: price.parse().unwrap(),
        low: price.parse().unwrap(),
        close: price.parse().unwrap(),
        volume: volume.parse().unwrap(),
        count: 1,
        opened: START,
        closed: START,
        part: 0,
    });
    assert_eq!(at(&mut harness, 1, 0, bar).len(), 1);
}

#[test]
fn a_definition_without_prices_below_zero_cuts_the_bars_that_have_them() {
    let with_prices = |prices| {
        let mut terms = terms("3t,10s,10s-quote");
        if let MarketBody::Definition(DefinitionBody { prices: of, .. }) = &mut terms {
            *of = prices;
        }
        terms
    };
    let mut harness = Harness::default();
    let define = |harness: &mut Harness, seq, second, prices| {
        let event = MarketEvent { source: "def".parse().unwrap(), ..received(seq, second, with_prices(prices)) };
        let answers = harness.feed(&entry(SYMBOL, event));
        answers.iter().filter(|event| matches!(event, Event::Bar(_))).count()
    };
    assert_eq!(define(&mut harness, 1, 0, PriceDomain::Any), 0);
    at(&mut harness, 1, 1, trade("-5", "1", None));
    at(&mut harness, 2, 1, quote("-5", "1", "-4", "1", None));
    assert_eq!(define(&mut harness, 2, 2, PriceDomain::Positive), 3);
    at(&mut harness, 3, 3, trade("5", "1", None));
    assert_eq!(define(&mut harness, 3, 4, PriceDomain::Any), 0);
}
