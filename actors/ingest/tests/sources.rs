//! Which sources may publish: those of the subject, those that a definition names, and the operator over all.

mod common;

use common::*;
use tapedeck_ingest::checks::TIME_NS_MIN;
use tapedeck_kernel::{MachineInput, MarketEntry};
use tapedeck_schemas::event::{Event, RejectReason};
use tapedeck_schemas::market::{self, DefinitionBody, MarketBody, MarketEvent};

/// An entry of a source, with its number.
fn of(source: &str, seq: u64, body: MarketBody) -> MarketEntry {
    entry(SYMBOL, MarketEvent { source: source.parse().unwrap(), ..event(seq, body) })
}

/// The definition of [`Harness::defined`] with this tick size, and these sources.
fn terms(tick_size: &str, sources: &[&str]) -> MarketBody {
    let mut terms = definition("A", "B", tick_size, "0.1", "5");
    if let MarketBody::Definition(DefinitionBody { sources: named, .. }) = &mut terms {
        *named = sources.iter().map(|source| source.parse().unwrap()).collect();
    }
    terms
}

/// The kind of the only fact, or the reason and the words of the only rejection.
fn told(harness: &mut Harness, entry: &MarketEntry) -> String {
    let events = harness.feed(entry);
    match rejection(&events) {
        Some((reason, words)) => format!("{reason}: {words}"),
        None => kinds(&events).join(" "),
    }
}

#[test]
fn only_named_sources_publish_and_a_definition_that_names_none_leaves_them() {
    let mut harness = Harness::defined();
    let refused = "source_not_named: source b is none of the sources that the definition of the instrument names";
    let trade = || trade("1", "1", None);
    for (one, expected) in [
        (of("b", 1, trade()), "Trade"),
        (of("a", 1, terms("0.01", &["a", "c"])), "InstrumentDefined"),
        (of("b", 2, trade()), refused),
        (of("b", 3, terms("1", &[])), refused),
        (of("b", 4, terms("1", &["b"])), refused),
        (of("b", 5, MarketBody::HEARTBEAT), refused),
        (of("a", 2, trade()), "Trade"),
        (of("c", 1, terms("0.01", &[])), "InstrumentDefined"),
        (of("b", 6, trade()), refused),
        (of("c", 2, terms("0.01", &["b", "c"])), "InstrumentDefined"),
        (of("b", 7, trade()), "Trade"),
    ] {
        assert_eq!(told(&mut harness, &one), expected, "{one:?}");
    }
    let other = MarketEvent { source: "b".parse().unwrap(), ..event(1, MarketBody::HEARTBEAT) };
    assert_eq!(told(&mut harness, &entry("v.OTHER", other)), "MarketHeartbeat", "another instrument is not concerned");
}

#[test]
fn the_operator_sets_any_terms_but_the_currencies_and_a_publisher_none_but_these() {
    let mut harness = Harness::defined();
    let old = |seq, body| {
        let source = "operator".parse().unwrap();
        entry(SYMBOL, MarketEvent { source, ts_recv: TIME_NS_MIN, ..event(seq, body) })
    };
    let huge = terms("1000000000", &["rival"]);
    assert_eq!(told(&mut harness, &of("rival", 1, huge.clone())), "InstrumentDefined");
    assert!(told(&mut harness, &of("a", 1, trade("1", "1", None))).starts_with("source_not_named"));
    assert_eq!(
        told(&mut harness, &old(1, terms("0.01", &[]))),
        "InstrumentDefined",
        "whatever its age, for all sources"
    );
    assert_eq!(harness.machine.now, START, "tape time does not decrease");
    assert_eq!(told(&mut harness, &of("a", 2, trade("1.01", "1", None))), "Trade");
    let refused = "bad_definition: the operator has set other terms (tick size 0.01, lot size 0.1), which only the \
                   operator can change: tapedeck control define";
    for (seq, other) in (2..).zip([huge, terms("0.01", &["rival"]), with_bars(terms("0.01", &[]), "1s")]) {
        assert_eq!(told(&mut harness, &of("rival", seq, other)), refused);
    }
    assert_eq!(told(&mut harness, &of("a", 3, terms("0.01", &[]))), "InstrumentDefined", "the same terms");
    assert_eq!(told(&mut harness, &of("rival", 5, terms("0.1", &[]))), refused, "and they stay those of the operator");
    assert_eq!(told(&mut harness, &old(2, terms("0.1", &["a"]))), "InstrumentDefined");
    assert_eq!(told(&mut harness, &of("a", 4, terms("0.1", &[]))), "InstrumentDefined", "the sources stay too");
    assert!(told(&mut harness, &of("rival", 6, trade("1", "1", None))).starts_with("source_not_named"));
    assert!(told(&mut harness, &old(3, definition("A", "C", "0.1", "0.1", "5"))).contains("C was defined as B before"));
}

/// Decodes an event of `source` on a subject.
fn message(subject: &str, source: &str, seq: u64) -> MarketEntry {
    let event = MarketEvent { source: source.parse().unwrap(), ..event(seq, MarketBody::HEARTBEAT) };
    MarketEntry::from_message(subject, START, &market::encode(&event)).remove(0)
}

#[test]
fn an_event_of_another_source_than_its_subject_is_rejected_and_its_number_does_not_count() {
    let mut harness = Harness::defined();
    let own = "in.feed.v.AB.heartbeat";
    assert_eq!(told(&mut harness, &message(own, "feed", 1)), "MarketHeartbeat");
    for (subject, source, expected) in [
        ("in.rival.v.AB.heartbeat", "feed", Some("rival")),
        (own, "rival", Some("feed")),
        ("in.feed.v.AB.heartbeat", "operator", Some("feed")),
        ("md.v.AB.heartbeat", "operator", None),
    ] {
        let events = harness.feed(&message(subject, source, 1000));
        let [Event::Rejected(rejected)] = &events[..] else { panic!("{events:?}") };
        assert_eq!((rejected.reason, rejected.seq), (RejectReason::ForeignSource, Some(1000)));
        assert_eq!(rejected.source.map(|source| source.to_string()).as_deref(), expected, "{subject}");
    }
    assert_eq!(told(&mut harness, &message(own, "feed", 2)), "MarketHeartbeat", "no gap before it");
    assert_eq!(told(&mut harness, &message("md.v.AB.heartbeat", "feed", 3)), "MarketHeartbeat", "the same numbering");
    assert_eq!(told(&mut harness, &message("in.operator.v.AB.heartbeat", "operator", 1)), "MarketHeartbeat");
    // What does not decode is rejected for the source in the subject.
    for payload in [&br#"{"source":"rival"}"#[..], b"x"] {
        let events = harness.feed(&MarketEntry::from_message(own, START, payload).remove(0));
        let [Event::Rejected(rejected)] = &events[..] else { panic!("{events:?}") };
        assert_eq!(rejected.source, Some("feed".parse().unwrap()));
    }
}
