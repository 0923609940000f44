//! Numbers and natural keys: duplicates, gaps, sessions, sources.

mod common;

use common::*;
use tapedeck_schemas::event::{Event, RejectReason};
use tapedeck_schemas::market::{MarketBody, MarketEvent};

fn gap(events: &[Event]) -> Option<(u64, u64)> {
    events.iter().find_map(|event| match event {
        Event::Gap(fact) => Some((fact.expected, fact.got)),
        _ => None,
    })
}

fn is_duplicate(events: &[Event]) -> bool {
    matches!(rejection(events), Some((RejectReason::Duplicate, _)))
}

#[test]
fn numbers_count_once_and_skipped_ones_are_a_gap() {
    let mut harness = Harness::defined();
    // (number, gap decided, whether it is a duplicate)
    let rows = [
        (1, None, false),
        (2, None, false),
        (2, None, true),
        (5, Some((3, 5)), false),
        (3, None, true), // too late: a greater number came before
        (6, None, false),
        (u64::MAX, Some((7, u64::MAX)), false),
        (u64::MAX, None, true),
    ];
    for (seq, skipped, duplicate) in rows {
        let events = harness.feed_body(seq, trade("1", "1", None));
        assert_eq!((gap(&events), is_duplicate(&events)), (skipped, duplicate), "{seq}: {events:?}");
        assert_eq!(events.len(), 1 + usize::from(skipped.is_some()), "{seq}: {events:?}");
    }
}

#[test]
fn a_gap_precedes_its_event_and_names_the_numbering() {
    let [Event::Gap(gap), Event::Trade(_)] = &Harness::defined().feed_body(3, trade("1", "1", None))[..] else {
        panic!("a gap, then the trade");
    };
    assert_eq!((gap.source.as_str(), gap.session.as_str(), gap.instrument.to_string()), ("feed", "s1", SYMBOL.into()));
    assert_eq!((gap.expected, gap.got), (1, 3));
}

#[test]
fn a_heartbeat_is_numbered_too() {
    let mut harness = Harness::defined();
    assert_eq!(kinds(&harness.feed_heartbeat(2, START)), ["Gap", "MarketHeartbeat"]);
    assert!(is_duplicate(&harness.feed_heartbeat(2, START)));
}

#[test]
fn a_rejected_event_still_uses_its_number_and_shows_its_gap() {
    let mut harness = Harness::defined();
    assert_eq!(kinds(&harness.feed_body(2, trade("0", "1", None))), ["Gap", "Rejected"]);
    assert!(is_duplicate(&harness.feed_body(2, trade("1", "1", None))));
    assert_eq!(kinds(&harness.feed_body(3, trade("1", "1", None))), ["Trade"]);
}

#[test]
fn sessions_sources_and_instruments_are_numbered_apart() {
    let mut harness = Harness::defined();
    let base = event(1, trade("1", "1", None));
    let session = MarketEvent { session: "s2".parse().unwrap(), ..base.clone() };
    let source = MarketEvent { source: "other".parse().unwrap(), ..base.clone() };
    for one in [&base, &session, &source] {
        assert_eq!(kinds(&harness.feed(&entry(SYMBOL, one.clone()))), ["Trade"]);
        assert!(is_duplicate(&harness.feed(&entry(SYMBOL, one.clone()))));
    }
    assert_eq!(kinds(&harness.feed(&entry("v.XY", event(1, MarketBody::HEARTBEAT)))), ["MarketHeartbeat"]);
    let late = MarketEvent { session: "s3".parse().unwrap(), seq: 4, ..base };
    assert_eq!(gap(&harness.feed(&entry(SYMBOL, late))), Some((1, 4)), "a session begins at 1");
}

#[test]
fn natural_keys_hold_across_sessions_and_sources_and_only_accepted_ones_count() {
    let mut harness = Harness::defined();
    let bodies: [fn(&str, Option<u64>) -> MarketBody; 2] =
        [|price, id| trade(price, "1", id), |price, id| quote(price, "1", "3", "1", id)];
    for (n, body) in bodies.into_iter().enumerate() {
        let mut from = |source: &str, seq, price, id| {
            let (source, session) = (source.parse().unwrap(), format!("s{n}").parse().unwrap());
            is_duplicate(&harness.feed(&entry(SYMBOL, MarketEvent { source, session, ..event(seq, body(price, id)) })))
        };
        assert!(!from("a", 1, "1", Some(10)));
        assert!(from("b", 1, "1", Some(10)), "the same again from another source");
        assert!(from("b", 2, "1", Some(9)), "an older one");
        assert!(!from("b", 3, "1", None), "without a key there is nothing to compare");
        assert!(from("b", 4, "1", Some(10)), "the last key stays");
        assert!(!from("b", 5, "0", Some(12)), "rejected, for another reason");
        assert!(!from("b", 6, "1", Some(11)), "the key of a rejected event was not accepted");
        assert!(from("a", 2, "1", Some(11)));
    }
}

#[test]
fn natural_keys_outlive_a_redefinition() {
    let mut harness = Harness::defined();
    harness.feed_body(1, trade("1", "1", Some(10)));
    harness.feed_body(2, quote("1", "1", "2", "1", Some(20)));
    harness.feed_body(3, definition("A", "B", "1", "1", "0"));
    assert!(is_duplicate(&harness.feed_body(4, trade("1", "1", Some(10)))));
    assert!(is_duplicate(&harness.feed_body(5, quote("1", "1", "2", "1", Some(20)))));
}
