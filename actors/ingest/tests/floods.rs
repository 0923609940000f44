//! Floods of invalid events: at most 100 facts a minute for each source, and the sums of the others. Hostile input of
//! any kind leaves the state within its bounds.

mod common;

use std::collections::BTreeMap;

use common::*;
use proptest::prelude::*;
use tapedeck_ingest::Ingest;
use tapedeck_ingest::floods::{SINGLE_REJECTIONS_MAX, UNNUMBERED_SOURCES_MAX};
use tapedeck_ingest::sessions::{SESSIONS_MAX, SOURCES_MAX, UNDEFINED_INSTRUMENTS_MAX};
use tapedeck_kernel::testing::run_and_follow;
use tapedeck_kernel::{MachineInput, MarketEntry};
use tapedeck_schemas::event::{Event, RejectReason, RejectedMany};
use tapedeck_schemas::market::{MarketBody, MarketEvent};

const MINUTE: u64 = 60 * SECOND;
const SINGLES: u64 = SINGLE_REJECTIONS_MAX as u64;

/// An event of a source with this number, `minutes` after [`START`].
fn at(minutes: u64, source: &str, seq: u64, body: MarketBody) -> MarketEntry {
    let (source, ts_recv) = (source.parse().unwrap(), START + minutes * MINUTE);
    entry(SYMBOL, MarketEvent { source, ts_recv, ..event(seq, body) })
}

/// A trade that is rejected.
fn invalid(minutes: u64, source: &str, seq: u64) -> MarketEntry {
    at(minutes, source, seq, trade("0", "1", None))
}

fn many(events: &[Event]) -> Vec<RejectedMany> {
    events
        .iter()
        .filter_map(|event| if let Event::RejectedMany(fact) = event { Some(fact.clone()) } else { None })
        .collect()
}

fn sum(source: Option<&str>, reason: RejectReason, count: u64, seqs: Option<(u64, u64)>) -> RejectedMany {
    let source = source.map(|source| source.parse().unwrap());
    let (first_seq, last_seq) = seqs.unzip();
    RejectedMany { source, reason, count, first_seq, last_seq, gaps: 0 }
}

#[test]
fn beyond_the_rate_rejections_are_summed_and_written_at_the_next_entry_after_the_minute() {
    let mut harness = Harness::defined();
    for seq in 1..=SINGLES + 900 {
        let expected: &[&str] = if seq <= SINGLES { &["Rejected"] } else { &[] };
        assert_eq!(kinds(&harness.feed(&invalid(0, "bad", seq))), expected, "{seq}");
    }
    let not_positive = sum(Some("bad"), RejectReason::NotPositive, 900, Some((SINGLES + 1, SINGLES + 900)));
    let unwritten = |harness: &Harness| harness.machine.machine.unwritten().map(|one| one.count).sum::<u64>();
    assert_eq!(unwritten(&harness), 900);
    assert_eq!(kinds(&harness.feed(&invalid(0, "bad", 5))), [""; 0], "a duplicate now, in the same minute");
    assert_eq!(kinds(&harness.feed(&at(0, "good", 1, trade("1", "1", None)))), ["Trade"], "another source");
    assert_eq!(kinds(&harness.feed(&invalid(0, "other", 1))), ["Rejected"], "another source");
    // The entry of any source brings the sums about.
    let events = harness.feed(&at(1, "good", 2, trade("1", "1", None)));
    assert_eq!(kinds(&events), ["RejectedMany", "RejectedMany", "ClockAdvanced", "Trade"]);
    assert_eq!(many(&events), [not_positive, sum(Some("bad"), RejectReason::Duplicate, 1, Some((5, 5)))]);
    assert_eq!(unwritten(&harness), 0);
    assert_eq!(kinds(&harness.feed(&invalid(1, "bad", 2_000))), ["Gap", "Rejected"], "a new minute");
}

/// The broker's clock was an hour ahead, and was corrected.
#[test]
fn a_stamp_far_ahead_does_not_hold_up_the_sums_of_later_minutes() {
    let mut harness = Harness::defined();
    harness.feed(&invalid(60, "bad", 1));
    for seq in 2..=SINGLES + 9 {
        harness.feed(&invalid(0, "bad", seq));
    }
    let sums = many(&harness.feed(&invalid(1, "bad", SINGLES + 10)));
    assert_eq!(sums.iter().map(|sum| sum.count).collect::<Vec<_>>(), [8]);
}

#[test]
fn a_message_of_1024_invalid_events_adds_no_more_facts_than_the_rate() {
    let mut harness = Harness::defined();
    let payload = format!("[{}]", vec!["{}"; 1024].join(","));
    for message in 0..10 {
        let entries = MarketEntry::from_message("md.v.AB.batch", START, payload.as_bytes());
        assert_eq!(entries.len(), 1024);
        let facts: usize = entries.iter().map(|entry| harness.feed(entry).len()).sum();
        assert_eq!(facts as u64, if message == 0 { SINGLES } else { 0 }, "message {message}");
    }
    let events = harness.feed(&at(2, "good", 1, trade("1", "1", None)));
    assert_eq!(many(&events), [sum(None, RejectReason::Malformed, 10 * 1024 - SINGLES, None)]);
}

#[test]
fn a_source_that_is_not_known_counts_by_name_until_there_are_many() {
    let mut harness = Harness::defined();
    let malformed = |source: String| {
        let payload = format!(r#"{{"source":"{source}","seq":1}}"#);
        MarketEntry::from_message("md.v.AB.trade", START, payload.as_bytes()).remove(0)
    };
    for n in 0..50 {
        for _ in 0..SINGLES / 50 {
            harness.feed(&malformed(format!("x{n}")));
        }
    }
    for n in 0..UNNUMBERED_SOURCES_MAX {
        assert_eq!(kinds(&harness.feed(&malformed(format!("x{n}")))), ["Rejected"]);
    }
    let rest = (0..1_000).map(|n| harness.feed(&malformed(format!("y{n}"))).len() as u64).sum::<u64>();
    assert_eq!(rest, SINGLES - (50 - UNNUMBERED_SOURCES_MAX as u64) * (SINGLES / 50), "they share one rate");
    // A source with numbers keeps its own.
    assert_eq!(kinds(&harness.feed(&invalid(0, "def", 2))), ["Rejected"]);
}

#[test]
fn gaps_before_summed_events_are_counted_and_their_natural_keys_may_still_come() {
    let mut harness = Harness::defined();
    assert_eq!(kinds(&harness.feed(&at(0, "bad", 1, trade("1", "1", Some(10))))), ["Trade"]);
    for seq in 2..2 + SINGLES {
        assert_eq!(kinds(&harness.feed(&invalid(0, "bad", seq))), ["Rejected"]);
    }
    assert_eq!(kinds(&harness.feed(&invalid(0, "bad", 200))), [""; 0], "no gap either");
    assert_eq!(kinds(&harness.feed(&at(0, "bad", 201, trade("1", "1", Some(20))))), ["Trade"]);
    assert_eq!(kinds(&harness.feed(&at(0, "bad", 150, trade("1", "1", Some(15))))), ["Trade"], "it was missing");
    let sums = many(&harness.feed(&at(1, "bad", 202, trade("1", "1", Some(21)))));
    let not_positive = sum(Some("bad"), RejectReason::NotPositive, 1, Some((200, 200)));
    assert_eq!(sums, [RejectedMany { gaps: 1, ..not_positive }]);
}

/// A logic that answered each rejection with a fact: no sum counts them again.
#[test]
fn rejections_that_another_logic_recorded_are_not_summed() {
    let mut harness = Harness::defined();
    let mut facts = Vec::new();
    for seq in 1..=SINGLES {
        facts = harness.feed(&invalid(0, "bad", seq));
    }
    let recorded = |index| tapedeck_schemas::record::Entry {
        cause: tapedeck_schemas::offset::Offset::new(1_000 + index, 0),
        index: 0,
        at: START,
        event: facts[0].clone(),
    };
    for n in 1..50 {
        let entry = recorded(n);
        harness.machine.follow(entry.cause, &invalid(0, "bad", SINGLES + n), &[entry]);
    }
    assert_eq!(harness.machine.machine.unwritten().count(), 0);
    assert_eq!(many(&harness.feed(&at(1, "good", 1, trade("1", "1", None)))), []);
}

/// A logic whose checks come in another order: its sums have other reasons, and are not written once more.
#[test]
fn sums_that_another_logic_recorded_under_another_reason_are_not_written_again() {
    let mut harness = Harness::defined();
    for seq in 1..=SINGLES + 9 {
        harness.feed(&invalid(0, "bad", seq));
    }
    let first = at(1, "good", 1, MarketBody::HEARTBEAT);
    let recorded = tapedeck_schemas::record::Entry {
        cause: tapedeck_schemas::offset::Offset::new(1_000, 0),
        index: 0,
        at: START,
        event: sum(Some("bad"), RejectReason::OffGrid, 9, Some((SINGLES + 1, SINGLES + 9))).into(),
    };
    harness.machine.follow(recorded.cause, &first, &[recorded]);
    assert_eq!(many(&harness.feed(&at(1, "good", 2, MarketBody::HEARTBEAT))), []);
    assert_eq!(harness.machine.machine.unwritten().count(), 0);
}

/// One event of many sources, sessions and instruments, half of it invalid, within some minutes.
fn hostile_entry() -> impl Strategy<Value = MarketEntry> {
    (0..40u32, 0..9u32, 0..400u32, 1..5u64, 0..4u64, 0..10u32).prop_map(
        |(source, session, symbol, seq, minutes, of)| {
            let (source, session) = (source.saturating_sub(30), session / (1 + of % 3));
            let body = match of {
                0 => definition("A", "B", "0.01", "0.1", "0"),
                1..5 => MarketBody::HEARTBEAT,
                _ => trade("0", "1", None),
            };
            let (source, session) = (format!("x{}", source * of), format!("n{session}"));
            let (source, session) = (source.parse().unwrap(), session.parse().unwrap());
            let event = MarketEvent { source, session, ts_recv: START + minutes * MINUTE, ..event(seq, body) };
            entry(&format!("v.I{symbol}"), event)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn hostile_input_leaves_the_state_within_its_bounds_and_can_be_followed(
        entries in prop::collection::vec(hostile_entry(), 1..1_500),
    ) {
        let mut harness = Harness::default();
        let (mut rejected, mut counted) = (0, 0);
        for entry in &entries {
            let events = harness.feed(entry);
            counted += many(&events).iter().map(|fact| fact.count).sum::<u64>();
            counted += u64::from(rejection(&events).is_some());
            rejected += u64::from(!events.iter().any(|event| tapedeck_schemas::market::accepted_at(event).is_some()));
        }
        let machine = &harness.machine.machine;
        prop_assert_eq!(counted + machine.unwritten().map(|one| one.count).sum::<u64>(), rejected);
        let mut sessions: BTreeMap<_, usize> = BTreeMap::new();
        for ((source, _, symbol), _) in machine.numberings().iter() {
            *sessions.entry((source, symbol)).or_default() += 1;
        }
        prop_assert!(sessions.values().all(|count| *count <= SESSIONS_MAX));
        let mut symbols: BTreeMap<_, usize> = BTreeMap::new();
        sessions.keys().for_each(|(source, _)| *symbols.entry(*source).or_default() += 1);
        let defined = 400;
        let most = UNDEFINED_INSTRUMENTS_MAX + defined;
        prop_assert!(symbols.len() <= SOURCES_MAX && symbols.values().all(|n| *n <= most));
        run_and_follow(Ingest::new, &entries[..entries.len().min(250)], |_, events| assert!(events.len() < 10));
    }
}

#[test]
fn a_flood_is_followed_and_restored() {
    let mut entries = vec![at(0, "good", 1, definition("A", "B", "0.01", "0.1", "0"))];
    for minutes in 0..3 {
        let seqs = (1..=SINGLES + 40).map(|n| minutes * 1_000 + 2 * n);
        entries.extend(seqs.map(|seq| invalid(minutes, "bad", seq)));
        entries.push(at(minutes, "good", 2 + minutes, trade("1", "1", Some(minutes))));
    }
    let mut facts = 0;
    run_and_follow(Ingest::new, &entries, |_, events| facts += many(events).len());
    assert_eq!(facts, 2);
}
