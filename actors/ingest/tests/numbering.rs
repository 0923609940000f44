//! Numbers, and the venue's ids beside them: duplicates, gaps, sessions, sources.

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
        (6, Some((3, 6)), false),
        (4, None, false), // was missing
        (4, None, true),
        (7, None, false),
        (3, None, false),
        (u64::MAX, Some((8, u64::MAX)), false),
        (u64::MAX, None, true),
        (5, None, false),
        (5, None, true),
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
fn venue_ids_outlive_a_redefinition() {
    let mut harness = Harness::defined();
    harness.feed_body(1, trade("1", "1", Some(10)));
    harness.feed_body(2, quote("1", "1", "2", "1", Some(20)));
    harness.feed_body(3, definition("A", "B", "1", "1", "0"));
    assert!(is_duplicate(&harness.feed_body(4, trade("1", "1", Some(10)))));
    assert!(is_duplicate(&harness.feed_body(5, quote("1", "1", "2", "1", Some(20)))));
}

/// The answers of [`SYMBOL`]'s trades from these sources, with these numbers and ids.
fn trades<'a>(harness: &mut Harness, rows: &[(&'a str, u64, u64)]) -> Vec<(&'a str, u64, bool)> {
    let mut accepted = |(source, seq, id): &(&'a str, u64, u64)| {
        let event = MarketEvent { source: source.parse().unwrap(), ..event(*seq, trade("1", "1", Some(*id))) };
        (*source, *seq, !is_duplicate(&harness.feed(&entry(SYMBOL, event))))
    };
    rows.iter().map(&mut accepted).collect()
}

#[test]
fn lost_trades_that_are_published_again_are_accepted_once() {
    let mut harness = Harness::defined();
    let all = trades(&mut harness, &[("a", 1, 11), ("a", 2, 12), ("a", 6, 16), ("a", 7, 17)]);
    assert!(all.iter().all(|(.., accepted)| *accepted));
    let again: Vec<_> = (1..=7).map(|seq| ("a", seq, 10 + seq)).collect();
    let filled = [3, 4, 5].map(|seq| ("a", seq, true));
    assert_eq!(trades(&mut harness, &again).into_iter().filter(|(.., accepted)| *accepted).collect::<Vec<_>>(), filled);
    assert!(trades(&mut harness, &again).iter().all(|(.., accepted)| !accepted), "a second time");
    assert!(trades(&mut harness, &[("a", 8, 18)])[0].2);
}

#[test]
fn trades_that_two_sources_lost_are_accepted_from_the_first_that_publishes_them_again() {
    let mut harness = Harness::defined();
    let live = [("a", 1, 11), ("b", 1, 11), ("a", 2, 12), ("b", 2, 12), ("a", 6, 16), ("b", 6, 16), ("a", 7, 17)];
    let accepted: Vec<_> = trades(&mut harness, &live).into_iter().map(|(.., accepted)| accepted).collect();
    assert_eq!(accepted, [true, false, true, false, true, false, true]);
    let again = [("b", 3, 13), ("a", 3, 13), ("a", 4, 14), ("b", 4, 14), ("b", 5, 15), ("a", 5, 15)];
    let accepted: Vec<_> = trades(&mut harness, &again).into_iter().map(|(.., accepted)| accepted).collect();
    assert_eq!(accepted, [true, false, true, false, true, false]);
}

#[test]
fn a_gap_of_quotes_is_filled_by_their_update_ids() {
    let mut harness = Harness::defined();
    for (seq, id) in [(1, 100), (4, 190)] {
        harness.feed_body(seq, quote("1", "1", "3", "1", Some(id)));
    }
    assert!(!is_duplicate(&harness.feed_body(2, quote("1", "1", "3", "1", Some(130)))));
    assert!(is_duplicate(&harness.feed_body(3, quote("1", "1", "3", "1", Some(130)))));
}
