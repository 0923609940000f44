//! An example of every reason to reject, and the order of the rules.

mod common;

use common::*;
use tapedeck_kernel::{MachineInput, MarketEntry};
use tapedeck_schemas::event::{Event, MalformedDetail, RejectDetail, RejectReason};
use tapedeck_schemas::market::{MarketBody, MarketEvent};
use tapedeck_schemas::text::SUBJECT_BYTES_MAX;

#[test]
fn a_valid_event_is_accepted_with_its_times() {
    let mut harness = Harness::defined();
    let one = MarketEntry { stamp: START + 7, ..entry(SYMBOL, event(1, quote("1.01", "0", "1.02", "0.3", Some(4)))) };
    let [Event::Quote(fact)] = &harness.feed(&one)[..] else { panic!("one quote") };
    assert_eq!((fact.ts_recv, fact.ts_event), (START, Some(START - 5)));
    assert_eq!((fact.bid, fact.ask_size.to_string()), ("1.01".parse().ok(), "0.3".into()));
    let one = MarketEntry { stamp: START + 8, ..entry(SYMBOL, event(2, trade("1.02", "0.2", None))) };
    let [Event::Trade(fact)] = &harness.feed(&one)[..] else { panic!("one trade") };
    assert_eq!((fact.ts_recv, fact.ts_event), (START, Some(START - 5)));
    let [Event::MarketHeartbeat(fact)] = &harness.feed_body(3, MarketBody::HEARTBEAT)[..] else {
        panic!("a heartbeat")
    };
    assert_eq!((fact.instrument.to_string(), fact.ts_recv, fact.ts_event), (SYMBOL.into(), START, Some(START - 5)));
}

/// A row: a body that is fed after the definition (as seq 1), the reason, and the start of the detail.
#[test]
fn each_rule_rejects_with_its_reason_and_the_value() {
    use RejectReason::*;
    let rows = [
        (quote("0", "1", "1", "1", None), NotPositive, "bid 0 "),
        (quote("-1", "1", "1", "1", None), NotPositive, "bid -1 "),
        (quote("1", "1", "-2", "1", None), NotPositive, "ask -2 "),
        (quote("1", "-0.1", "2", "1", None), NotPositive, "bid_size -0.1 "),
        (quote("1", "1", "2", "-0.1", None), NotPositive, "ask_size -0.1 "),
        (trade("0", "1", None), NotPositive, "price 0 "),
        (trade("1", "0", None), NotPositive, "quantity 0 "),
        (trade("1", "-1", None), NotPositive, "quantity -1 "),
        (quote("1.001", "1", "2", "1", None), OffGrid, "bid 1.001 "),
        (quote("1", "1", "2.001", "1", None), OffGrid, "ask 2.001 "),
        (quote("1", "1.01", "2", "1", None), OffGrid, "bid_size 1.01 "),
        (quote("1", "1", "2", "1.01", None), OffGrid, "ask_size 1.01 "),
        (trade("1.001", "1", None), OffGrid, "price 1.001 "),
        (trade("1", "1.01", None), OffGrid, "quantity 1.01 "),
        (quote("", "1", "2", "1", None), BadQuote, "bid_size is 1, but that side has no price"),
        (quote("1", "1", "", "0.1", None), BadQuote, "ask_size is 0.1"),
        (quote("1000", "1000000000000.1", "1001", "1", None), OutOfRange, "1000 times 1000000000000.1 "),
        (quote("1", "1", "1001", "1000000000000", None), OutOfRange, "1001 times 1000000000000 "),
        (trade("10000000000", "10000000000000", None), OutOfRange, "10000000000 times "),
        (trade("1000", "1000000000000.1", None), OutOfRange, "1000 times 1000000000000.1 "),
        (definition("A", "B", "0", "1", "0"), BadDefinition, "tick_size 0 "),
        (definition("A", "B", "1", "-1", "0"), BadDefinition, "lot_size -1 "),
        (definition("A", "B", "1", "1", "-1"), BadDefinition, "min_notional -1 "),
        (definition("A", "A", "1", "1", "1"), BadDefinition, "base and quote are both A"),
        (definition("A", "C", "1", "1", "1"), BadDefinition, "quote C was defined as B before"),
        (definition("C", "B", "1", "1", "1"), BadDefinition, "base C was defined as A before"),
    ];
    for (body, reason, detail) in rows {
        let events = Harness::defined().feed_body(1, body.clone());
        let (found, text) = rejection(&events).unwrap_or_else(|| panic!("{body:?} was accepted"));
        assert_eq!((found, text.starts_with(detail)), (reason, true), "{body:?}: {text}");
        assert_eq!(events.len(), 1, "{body:?}");
    }
    let most = trade("1000", "1000000000000", None);
    assert_eq!(kinds(&Harness::defined().feed_body(1, most)), ["Trade"], "the bound itself is allowed");
}

#[test]
fn an_undefined_instrument_may_have_heartbeats_but_no_quotes_or_trades() {
    let mut harness = Harness::defined();
    let other = |seq, body| entry("v.XY", event(seq, body));
    let unknown = |events: &[Event]| rejection(events).map(|(reason, _)| reason);
    let quoted = harness.feed(&other(1, quote("1", "1", "2", "1", None)));
    assert_eq!(unknown(&quoted), Some(RejectReason::UnknownInstrument));
    let traded = harness.feed(&other(2, trade("1", "1", None)));
    assert_eq!(unknown(&traded), Some(RejectReason::UnknownInstrument));
    assert_eq!(kinds(&harness.feed(&other(3, MarketBody::HEARTBEAT))), ["MarketHeartbeat"]);
}

#[test]
fn new_terms_apply_from_their_definition_on() {
    let mut harness = Harness::defined();
    assert_eq!(rejection(&harness.feed_body(1, trade("1.001", "1", None))).unwrap().0, RejectReason::OffGrid);
    assert_eq!(kinds(&harness.feed_body(2, definition("A", "B", "0.001", "1", "0"))), ["InstrumentDefined"]);
    assert_eq!(kinds(&harness.feed_body(3, trade("1.001", "1", None))), ["Trade"]);
    assert_eq!(rejection(&harness.feed_body(4, trade("1.001", "0.1", None))).unwrap().0, RejectReason::OffGrid);
}

#[test]
fn an_older_definition_with_other_terms_is_rejected_and_one_with_the_same_changes_nothing() {
    let mut harness = Harness::defined();
    let defines = |seq, by, body| entry(SYMBOL, MarketEvent { ts_recv: START + by, ..event(seq, body) });
    let terms = with_bars(definition("A", "B", "0.01", "0.1", "5"), "1s,2t");
    assert_eq!(kinds(&harness.feed(&defines(1, 9 * SECOND, terms.clone()))), ["ClockAdvanced", "InstrumentDefined"]);
    for (seq, other) in (2..).zip([
        with_bars(definition("A", "B", "0.1", "0.1", "5"), "1s,2t"),
        with_bars(definition("A", "B", "0.01", "1", "5"), "1s,2t"),
        with_bars(definition("A", "B", "0.01", "0.1", "6"), "1s,2t"),
        with_bars(definition("A", "B", "0.01", "0.1", "5"), "1s"),
    ]) {
        let (reason, detail) = rejection(&harness.feed(&defines(seq, 8 * SECOND, other))).unwrap();
        assert_eq!(reason, RejectReason::BadDefinition);
        assert!(detail.contains("is before that of the definition in force"), "{detail}");
    }
    assert_eq!(kinds(&harness.feed(&defines(6, 8 * SECOND, terms))), ["InstrumentDefined"], "the terms in force");
    let other = definition("A", "B", "0.1", "0.1", "5");
    assert!(rejection(&harness.feed(&defines(7, 8 * SECOND, other.clone()))).is_some(), "it is no newer for that");
    assert_eq!(kinds(&harness.feed(&defines(8, 9 * SECOND, other))), ["InstrumentDefined"]);
    assert_eq!(rejection(&harness.feed_body(9, trade("1.01", "1", None))).unwrap().0, RejectReason::OffGrid);
}

#[test]
fn a_clock_may_be_five_seconds_ahead_of_the_broker_and_no_more() {
    let mut harness = Harness::defined();
    let ahead = |seq, by| MarketEntry { stamp: START - by, ..entry(SYMBOL, event(seq, MarketBody::HEARTBEAT)) };
    assert_eq!(kinds(&harness.feed(&ahead(1, 5 * SECOND))), ["MarketHeartbeat"]);
    let events = harness.feed(&ahead(2, 5 * SECOND + 1));
    let (reason, detail) = rejection(&events).unwrap();
    assert_eq!(reason, RejectReason::ClockAhead);
    assert!(detail.contains("5000000001 ns ahead"), "{detail}");
    let recorded = MarketEntry { stamp: u64::MAX, ..entry(SYMBOL, event(3, MarketBody::HEARTBEAT)) };
    assert_eq!(kinds(&harness.feed(&recorded)), ["MarketHeartbeat"], "recorded data is behind the stamp");
}

#[test]
fn an_entry_that_does_not_decode_is_malformed_or_of_a_bad_subject_with_bounded_text() {
    let long = format!("nonsense.{}", "é".repeat(200));
    for (subject, reason) in [("md.v.AB.quote", RejectReason::Malformed), (&long, RejectReason::BadSubject)] {
        let [one] = &MarketEntry::from_message(subject, START, &[0xc1])[..] else { panic!("one entry") };
        let events = Harness::defined().feed(one);
        assert_eq!(rejection(&events).map(|(reason, _)| reason), Some(reason), "{subject}");
    }
    let mut one = entry(SYMBOL, event(1, MarketBody::HEARTBEAT));
    let detail = MalformedDetail::NotAMap;
    one.event =
        Err(tapedeck_schemas::market::Malformed { detail: detail.clone(), source: "f".parse().ok(), seq: Some(9) });
    one.subject = long.as_str().into();
    let [Event::Rejected(fact)] = &Harness::defined().feed(&one)[..] else { panic!("one Rejected") };
    assert_eq!((&fact.detail, fact.subject.len()), (&RejectDetail::Malformed { detail }, SUBJECT_BYTES_MAX - 1));
    assert_eq!((fact.source, fact.seq, fact.instrument), ("f".parse().ok(), Some(9), SYMBOL.parse().ok()));
}

/// Each event breaks the rule of its row and every later one.
#[test]
fn the_first_broken_rule_is_the_reason() {
    use RejectReason::*;
    let far = |event: MarketEvent| MarketEntry { stamp: START - 6 * SECOND, ..entry(SYMBOL, event) };
    let near = |event: MarketEvent| entry(SYMBOL, event);
    let rows = [
        (far(event(5, quote("1", "1", "2", "1", Some(8)))), Duplicate),
        (far(event(6, quote("1", "1", "2", "1", Some(8)))), ClockAhead),
        (near(event(6, quote("1", "1", "2", "1", Some(8)))), Duplicate),
        (near(event(6, quote("-0.001", "1", "-0.001", "1", Some(9)))), NotPositive),
        (near(event(6, quote("9999999999.001", "10000000000000", "1", "1", Some(9)))), OffGrid),
        (near(event(6, quote("9999999999", "10000000000000", "", "1", Some(9)))), BadQuote),
        (near(event(6, quote("9999999999", "10000000000000", "10000000000", "1", Some(9)))), OutOfRange),
    ];
    for (one, reason) in rows {
        let mut harness = Harness::defined();
        assert_eq!(kinds(&harness.feed_body(5, quote("1", "1", "2", "1", Some(8)))), ["Gap", "Quote"]);
        let events = harness.feed(&one);
        assert_eq!(rejection(&events).map(|(reason, _)| reason), Some(reason), "{one:?}");
    }
}

#[test]
fn beyond_the_bound_no_further_instrument_is_defined_but_known_ones_may_change() {
    let mut harness = Harness::default();
    let terms = definition("A", "B", "1", "1", "0");
    for n in 0..tapedeck_ingest::instruments::INSTRUMENTS_MAX {
        assert_eq!(kinds(&harness.feed(&entry(&format!("v.I{n}"), event(1, terms.clone())))), ["InstrumentDefined"]);
    }
    let events = harness.feed(&entry("v.ONE_MORE", event(1, terms.clone())));
    assert_eq!(rejection(&events).map(|(reason, _)| reason), Some(RejectReason::BadDefinition));
    let last = format!("v.I{}", tapedeck_ingest::instruments::INSTRUMENTS_MAX - 1);
    assert_eq!(kinds(&harness.feed(&entry(&last, event(2, terms.clone())))), ["InstrumentDefined"]);
    // The operator has some beyond the bound.
    let of_the_operator = MarketEvent { source: "operator".parse().unwrap(), ..event(1, terms.clone()) };
    assert_eq!(kinds(&harness.feed(&entry("v.ONE_MORE", of_the_operator))), ["InstrumentDefined"]);
    let events = harness.feed(&entry("v.ANOTHER", event(1, terms)));
    assert_eq!(rejection(&events).map(|(reason, _)| reason), Some(RejectReason::BadDefinition));
}
