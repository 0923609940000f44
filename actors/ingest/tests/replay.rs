//! Arbitrary input: one answer for each entry and no panic, and the recorded facts alone rebuild the state.

mod common;

use common::*;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use tapedeck_ingest::Ingest;
use tapedeck_kernel::testing::assert_decisions;
use tapedeck_kernel::{MachineInput, MarketEntry};
use tapedeck_schemas::event::{Event, Rejected};
use tapedeck_schemas::ids::SourceId;
use tapedeck_schemas::market::{
    self, BarBody, DefinitionBody, MarketBody, MarketEvent, QuoteBody, TradeBody, Unnumbered,
};
use tapedeck_schemas::market::{accepted_at, published};
use tapedeck_schemas::number::{Price, Quantity};
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::Entry;

const PINNED: &str = "2e150199c633492f8e55f5b8c4e7380effd60d709dd53074a46de67baecdb4df";

/// Bodies near the bounds of the rules, whose small numbers fit the tick and lot sizes or miss them.
fn body() -> impl Strategy<Value = MarketBody> {
    let price = || {
        let halves = (-1i64..8).prop_map(|n| i128::from(n) * Price::ONE / 2);
        // At 0.001 the greatest quantity is within the bound of a trade; two are beyond that of a bar.
        prop_oneof![8 => halves, 2 => Just(Price::ONE / 1000), 1 => Just(Price::MAX_UNITS)]
    };
    let size =
        || prop_oneof![8 => (-1i64..8).prop_map(|n| i128::from(n) * Quantity::ONE / 2), 1 => Just(Quantity::MAX_UNITS)];
    let id = || proptest::option::of(0u64..8);
    let (p, q) = (Price::saturating_from_units, Quantity::saturating_from_units);
    prop_oneof![
        4 => (price(), size(), price(), size(), id()).prop_map(move |(bid, bid_size, ask, ask_size, update_id)| {
            let (bid_size, ask_size, update_id) = (q(bid_size), q(ask_size), update_id.map(Into::into));
            // One price in ten is absent.
            let side = |units: i128| (units != Price::ONE * 3).then(|| p(units));
            MarketBody::Quote(QuoteBody { bid: side(bid), bid_size, ask: side(ask), ask_size, update_id })
        }),
        4 => (price(), size(), id()).prop_map(move |(price, quantity, trade_id)| {
            let aggressor = tapedeck_schemas::event::Aggressor::Unknown;
            let trade_id = trade_id.map(Into::into);
            MarketBody::Trade(TradeBody { price: p(price), quantity: q(quantity), aggressor, trade_id })
        }),
        2 => ("[AB]", "[BC]", TICKS, "0[.]5|1", BARS, "[ab]?", CALENDARS).prop_map(|fields| {
            let (base, quote, tick, lot, bars, one, sessions) = fields;
            let mut terms = with_bars(definition(&base, &quote, &tick, &lot, "0"), &bars);
            if let MarketBody::Definition(DefinitionBody { sources, calendar, .. }) = &mut terms {
                sources.extend(one.parse::<SourceId>());
                *calendar = sessions.parse().ok();
            }
            terms
        }),
        1 => (price(), price(), price(), 0u64..4).prop_map(move |(open, high, low, opened)| {
            let (open, high, low, close, volume) = (p(open), p(high), p(low), p(open), q(Quantity::ONE));
            let (bar, closed) = ("100ms".parse().unwrap(), opened + 2 * TENTH);
            MarketBody::Bar(BarBody { bar, open, high, low, close, volume, count: 1, opened, closed, part: 0 })
        }),
        2 => Just(MarketBody::HEARTBEAT),
    ]
}

fn any_entry() -> impl Strategy<Value = MarketEntry> {
    let times = prop_oneof![9 => 0u64..40, 1 => Just(u64::MAX / TENTH)];
    ("[ab]|operator", "[st]", 1u64..12, times, "v[.][XY]", body()).prop_map(
        |(source, session, seq, tenths, symbol, body)| {
            let (source, session) = (source.parse().unwrap(), session.parse().unwrap());
            let event = MarketEvent {
                source,
                session,
                seq,
                ts_recv: (START + 1).saturating_add(tenths * TENTH),
                ts_event: None,
                body,
            };
            MarketEntry { stamp: START, ..entry(&symbol, event) }
        },
    )
}

/// Steps of prices, lists of bars, and calendars in the range of [`any_entry`]'s times, as patterns.
const TICKS: &str = "0|1|0[.]5|0[.]001";
const BARS: &str = "(100ms)?(,2t)?(,3v)?(,1w)?(,2t-quote)?(,100ms-session)?(,1d-session)?";
const CALENDARS: &str = "(1970-01-01=00:00/00:00:01(,01=00:00:01/00:00:02|,02)?)?";

/// Subjects of market events, and any text.
const SUBJECTS: &str = "((md|in[.](a|operator))[.]v[.]X[.](quote|trade|definition|heartbeat|batch))|.{0,300}";
const TENTH: u64 = 50_000_000;

fn answers(events: &[Event]) -> usize {
    events.iter().filter(|event| accepted_at(event).is_some() || matches!(event, Event::Rejected(_))).count()
}

/// Runs one machine on the entries, and a second one that only follows the decisions of the first.
fn run_and_follow(entries: &[MarketEntry]) {
    tapedeck_kernel::testing::run_and_follow(Ingest::new, entries, |entry, events| {
        assert_eq!(answers(events), 1, "{entry:?}: {events:?}");
        assert!(events.len() <= 3 + 8 + 8, "{events:?}");
    });
}

/// Asserts that each fact of the machine that holds a market event, and each bar that it built, is accepted from a
/// publisher under the definitions before it. Returns the bars, and those of them that are parts.
fn republish(entries: &[MarketEntry]) -> (usize, usize) {
    let mut harness = Harness::default();
    let (mut defined, mut bars, mut parts) = (Vec::new(), 0, 0);
    for one in entries {
        let Ok(event) = &one.event else { continue };
        for mut fact in harness.feed(one) {
            if let Event::Bar(bar) = &mut fact
                && bar.source.is_none()
            {
                bar.source = Some(event.source);
                (bars, parts) = (bars + 1, parts + usize::from(bar.part > 0));
            }
            let Some((instrument, Unnumbered { ts_recv, ts_event, body })) = published(&fact) else { continue };
            let (source, session) = (event.source, "again".parse().unwrap());
            let again = MarketEvent { source, session, seq: 1, ts_recv, ts_event, body };
            let again = MarketEntry { stamp: START, ..entry(&instrument.to_string(), again) };
            let mut fresh = Harness::default();
            for earlier in defined.iter().filter(|earlier: &&MarketEntry| earlier.instrument == Some(instrument)) {
                fresh.feed(earlier);
            }
            let answer = fresh.feed(&again);
            assert_eq!(rejection(&answer), None, "{fact:?}");
            if let Event::InstrumentDefined(_) = fact {
                let number = MarketEvent { session: format!("d{}", defined.len()).parse().unwrap(), ..event.clone() };
                defined.push(MarketEntry { event: Ok(MarketEvent { seq: 1, ..number }), ..one.clone() });
            }
        }
    }
    (bars, parts)
}

/// The entries with numbers that mostly grow, so that most events reach the rules after the first.
fn numbered(mut entries: Vec<MarketEntry>) -> Vec<MarketEntry> {
    for (before, entry) in (0..).zip(&mut entries) {
        entry.event.iter_mut().for_each(|event| event.seq += before);
    }
    entries
}

#[test]
fn every_fact_of_ingest_would_be_accepted_from_a_publisher() {
    let mut runner = TestRunner::deterministic();
    let (mut bars, mut parts) = (0, 0);
    for _ in 0..256 {
        // Every bar and no source is in the first definitions; later ones change them.
        let mut terms = with_bars(definition("A", "C", "0.001", "0.5", "0"), "100ms,2t,3v,1w,2t-quote,1d-session");
        if let MarketBody::Definition(DefinitionBody { calendar, .. }) = &mut terms {
            *calendar = "2023-11-14=22:13:20/22:13:21,14=22:13:21/22:13:22".parse().ok();
        }
        let first = ["v.X", "v.Y"].map(|symbol| {
            let event = MarketEvent { ts_recv: START, ts_event: None, ..event(1, terms.clone()) };
            MarketEntry { stamp: START, ..entry(symbol, event) }
        });
        let others = prop::collection::vec(any_entry(), 60..200).new_tree(&mut runner).unwrap().current();
        let counts = republish(&[&first[..], &numbered(others)].concat());
        (bars, parts) = (bars + counts.0, parts + counts.1);
    }
    assert!(bars > 2_000 && parts > 200, "{bars} bars, {parts} of them parts");
}

proptest! {
    #[test]
    fn following_recorded_facts_gives_the_same_state_as_deciding(
        entries in prop::collection::vec(any_entry(), 1..120),
    ) {
        run_and_follow(&numbered(entries));
    }

    #[test]
    fn any_bytes_on_any_subject_are_answered_once_each(
        messages in prop::collection::vec((SUBJECTS, prop::collection::vec(any::<u8>(), 0..200)), 1..20),
    ) {
        let decode = |(subject, bytes): &(String, Vec<u8>)| MarketEntry::from_message(subject, START, bytes);
        run_and_follow(&messages.iter().flat_map(decode).collect::<Vec<_>>());
    }

    #[test]
    fn damaged_messages_are_answered_once_each(
        bodies in prop::collection::vec(body(), 1..8),
        damage in prop::collection::vec((any::<usize>(), any::<u8>()), 0..3),
    ) {
        let events: Vec<_> = (1..).zip(bodies).map(|(seq, body)| event(seq, body)).collect();
        let mut payload = market::encode_batch(&events);
        for (at, byte) in damage {
            let at = at % payload.len();
            payload[at] = byte;
        }
        run_and_follow(&MarketEntry::from_message("md.v.X.batch", START, &payload));
    }
}

/// A logic that rejected events which this one would accept: its facts are followed, nothing is decided again.
#[test]
fn a_rejection_by_another_logic_is_followed() {
    let mut harness = Harness::defined();
    let at = Offset::new(100, 0);
    let late = |seq, body| entry(SYMBOL, MarketEvent { ts_recv: START + SECOND, ..event(seq, body) });
    let rejected = |one: &MarketEntry| -> Event {
        let reason = tapedeck_schemas::event::RejectReason::OffGrid;
        let detail = tapedeck_schemas::event::RejectDetail::NoDefinition;
        let (source, seq, instrument) = (None, None, one.instrument);
        Rejected { reason, detail, subject: String::new(), source, seq, instrument }.into()
    };
    for one in [late(1, MarketBody::HEARTBEAT), late(2, trade("1", "1", Some(9)))] {
        let recorded = Entry { cause: at, index: 0, at: START, event: rejected(&one) };
        harness.machine.follow(at, &one, &[recorded]);
        assert_eq!(harness.machine.now, START, "a rejected event does not move tape time");
    }
    assert_eq!(
        kinds(&harness.feed_body(3, trade("1", "1", Some(9)))),
        ["Trade"],
        "the key of a rejected event is not recorded"
    );
    assert!(
        rejection(&harness.feed_body(2, MarketBody::HEARTBEAT)).is_some(),
        "the number of a rejected event is recorded"
    );
}

#[test]
fn decisions_are_as_pinned() {
    let at = |by, event: MarketEvent| entry(SYMBOL, MarketEvent { ts_recv: START + by, ..event });
    let mut script = vec![
        at(1, event(1, trade("1", "1", None))),
        at(2, event(2, with_bars(definition("A", "B", "0.01", "0.1", "5"), "1s,2t"))),
        at(3, event(3, quote("1.01", "1", "1.02", "0", Some(1)))),
        at(SECOND, event(6, trade("1.02", "0.1", Some(1)))),
        at(SECOND, event(6, trade("1.02", "0.1", Some(2)))),
        at(SECOND, event(7, trade("1.02", "0.1", Some(1)))),
        at(SECOND, event(8, quote("1.02", "1", "1.02", "0", None))),
        at(SECOND, event(9, quote("1.015", "1", "1.02", "0", None))),
        at(SECOND, event(10, trade("1", "-1", None))),
        at(SECOND, event(11, trade("10000000000", "10000000000000", None))),
        at(SECOND, event(12, definition("A", "C", "0.01", "0.1", "5"))),
        at(2 * SECOND, event(13, MarketBody::HEARTBEAT)),
        MarketEntry { stamp: START, ..at(60 * SECOND, event(14, MarketBody::HEARTBEAT)) },
        at(SECOND, event(15, trade("1.02", "0.1", Some(9)))),
        at(SECOND, event(17, trade("1.02", "0.1", Some(19)))),
        at(SECOND, event(5, trade("1.02", "0.1", Some(9)))),
        at(SECOND, event(16, trade("1.02", "0.1", Some(12)))),
        at(SECOND, event(16, trade("1.02", "0.1", Some(13)))),
    ];
    script.extend(MarketEntry::from_message("md.v.AB.quote", START, &[0xc0]));
    script.extend(MarketEntry::from_message("elsewhere", START, &[0xc0]));
    assert_decisions(
        Ingest::new(),
        &script,
        PINNED,
        "f7a435a295b6fa5d0f40b6e09ef454e81397af17eceff60ffeac6ee14c66229f",
    );
}

/// Sessions of which messages were lost, and that publish again: as [`run_and_follow`], for many holes and fills.
#[test]
fn filled_holes_are_followed_and_restored() {
    let seqs = [3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 1, 2, 4, 5, 29, 28, 16, 16, 40, 33, 36, 34, 31, 39];
    let one = |(n, seq): (usize, u64)| {
        let id = Some(seq * 3 + n as u64 % 2);
        let body = if n % 3 == 0 { quote("1", "1", "3", "1", id) } else { trade("1", "1", id) };
        let source = ["a", "b"][n % 2].parse().unwrap();
        entry(SYMBOL, MarketEvent { source, ..event(seq, body) })
    };
    let defined = entry(SYMBOL, event(1, definition("A", "B", "0.01", "0.1", "0")));
    let doubled = seqs.into_iter().flat_map(|seq| [seq, seq]).enumerate().map(one);
    run_and_follow(&std::iter::once(defined).chain(doubled).collect::<Vec<_>>());
}
