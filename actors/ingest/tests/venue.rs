//! The market as venues really are: ids that repeat, restart or are no numbers, quotes that lack a side, prices below
//! zero, and times in other units.

mod common;

use common::*;
use tapedeck_ingest::venue_ids::VENUE_IDS_MAX;
use tapedeck_kernel::{MachineInput, MarketEntry};
use tapedeck_schemas::event::{Event, PriceDomain, RejectReason, TradeIdOrder};
use tapedeck_schemas::market::{DefinitionBody, MarketBody, MarketEvent, QuoteBody, TradeBody};

/// Feeds an event of [`SYMBOL`] from a source with this number.
fn from(harness: &mut Harness, source: &str, seq: u64, body: MarketBody) -> Vec<Event> {
    harness.feed(&entry(SYMBOL, MarketEvent { source: source.parse().unwrap(), ..event(seq, body) }))
}

/// A trade at 1.00 whose id is this text.
fn named(id: &str, quantity: &str) -> MarketBody {
    let MarketBody::Trade(trade) = trade("1", quantity, None) else { panic!("a trade") };
    MarketBody::Trade(TradeBody { trade_id: id.parse().ok(), ..trade })
}

/// [`SYMBOL`] defined with these prices and ids.
fn defined(of: PriceDomain, order: TradeIdOrder) -> Harness {
    let mut harness = Harness::defined();
    let mut terms = definition("A", "B", "0.01", "0.1", "5");
    if let MarketBody::Definition(DefinitionBody { prices, trade_ids, .. }) = &mut terms {
        (*prices, *trade_ids) = (of, order);
    }
    assert_eq!(kinds(&from(&mut harness, "def", 2, terms)), ["InstrumentDefined"]);
    harness
}

fn is_duplicate(events: &[Event]) -> bool {
    rejection(events).is_some_and(|(reason, _)| reason == RejectReason::Duplicate)
}

#[test]
fn an_event_repeats_another_if_id_and_values_are_the_same_in_any_session_and_source() {
    let mut harness = Harness::defined();
    for (n, seq, source, body, repeats) in [
        (1, 1, "a", trade("1", "1", Some(10)), false),
        (2, 1, "b", trade("1", "1", Some(10)), true),
        (3, 2, "b", trade("1", "1", Some(9)), false),
        (4, 2, "a", trade("1", "2", Some(10)), false),
        (5, 3, "b", trade("1.01", "1", Some(10)), false),
        (6, 3, "a", trade("1.01", "1", Some(10)), true),
        (7, 4, "a", trade("1", "1", None), false),
        (8, 4, "b", trade("1", "1", None), false),
        (9, 5, "a", quote("1", "1", "2", "1", Some(10)), false),
        (10, 5, "b", quote("1", "1", "2", "1", Some(10)), true),
        (11, 6, "b", quote("1", "1", "2", "2", Some(10)), false),
        (12, 7, "b", quote("1", "1", "2", "2", Some(3)), false),
    ] {
        assert_eq!(is_duplicate(&from(&mut harness, source, seq, body)), repeats, "{n}");
    }
    let (_, words) = rejection(&from(&mut harness, "c", 1, trade("1", "1", Some(9)))).unwrap();
    assert_eq!(words, "trade_id 9 was accepted before with the same values");
}

#[test]
fn ids_of_spaces_and_texts_are_apart_from_numbers() {
    let mut harness = Harness::defined();
    let uuid = "0d3c1a7e-58b2-4f0c-9a66-2f1f7f3b9c10";
    for (seq, id) in (1..).zip(["7", "agg:7", uuid, "0x7f", "007"]) {
        assert_eq!(kinds(&harness.feed_body(seq, named(id, "1"))), ["Trade"], "{id}");
    }
    for (seq, id) in (6..).zip(["7", "agg:7", uuid, "0x7f", "007"]) {
        assert!(is_duplicate(&harness.feed_body(seq, named(id, "1"))), "{id}");
    }
}

#[test]
fn the_same_id_and_values_hours_later_are_another_trade() {
    const HOUR: u64 = 3600 * SECOND;
    let mut harness = Harness::defined();
    let mut feed = |seq, source: &str, ts_recv, ts_event| {
        let event =
            MarketEvent { source: source.parse().unwrap(), ts_recv, ts_event, ..event(seq, trade("1", "1", Some(7))) };
        is_duplicate(&harness.feed(&entry(SYMBOL, event)))
    };
    assert!(!feed(1, "a", START, None));
    assert!(feed(1, "b", START + HOUR - 1, None), "within an hour");
    assert!(feed(2, "b", START + 9 * HOUR, Some(START)), "the venue's time counts");
    assert!(!feed(3, "b", START + 3 * HOUR, None));
    assert!(feed(2, "a", START + 3 * HOUR, None));
}

#[test]
fn a_venue_that_sends_its_quote_again_is_heard() {
    let mut harness = Harness::defined();
    let mut seq = 0;
    let mut feed = |ms: u64, body: MarketBody| {
        seq += 1;
        let event = MarketEvent { ts_recv: START + ms * SECOND / 1000, ..event(seq, body) };
        let events = harness.feed(&entry(SYMBOL, event));
        rejection(&events).map(|(reason, _)| reason)
    };
    let one = |id| quote("1", "1", "2", "1", Some(id));
    assert_eq!(feed(0, one(5)), None);
    assert_eq!(feed(1000, one(5)), Some(RejectReason::Duplicate), "another publisher's");
    assert_eq!(feed(1001, one(5)), None, "the venue sends it again");
    assert_eq!(feed(1500, one(5)), Some(RejectReason::Duplicate));
    assert_eq!(feed(2500, quote("", "0", "", "0", None)), None, "withdrawn, without an id");
    assert_eq!(feed(2600, one(5)), None);
    assert_eq!(feed(2600, one(6)), None);
    assert_eq!(feed(1001, one(5)), Some(RejectReason::Duplicate), "from a file");
}

#[test]
fn a_rejected_event_leaves_its_id_to_others() {
    let mut harness = Harness::defined();
    assert!(rejection(&harness.feed_body(1, trade("0", "1", Some(5)))).is_some());
    assert!(rejection(&harness.feed_body(2, trade("1.001", "1", Some(5)))).is_some());
    assert_eq!(kinds(&harness.feed_body(3, trade("1", "1", Some(5)))), ["Trade"]);
}

#[test]
fn the_latest_ids_are_kept_up_to_the_bound_of_the_partition() {
    let mut harness = Harness::defined();
    let other = |seq, body| entry("v.XY", event(seq, body));
    harness.feed(&other(1, definition("X", "Y", "0.01", "0.1", "0")));
    harness.feed(&other(2, trade("1", "1", Some(1))));
    // One busy instrument, trades and quotes: its own ids are dropped, not those of the other.
    let count = VENUE_IDS_MAX as u64 / 4;
    for n in 1..=count {
        harness.feed_body(2 * n, trade("1", "1", Some(n)));
        harness.feed_body(2 * n + 1, quote("1", "1", "2", "1", Some(n)));
    }
    assert!(is_duplicate(&harness.feed(&other(3, trade("1", "1", Some(1))))));
    assert!(is_duplicate(&from(&mut harness, "b", 1, trade("1", "1", Some(count)))));
    assert!(is_duplicate(&from(&mut harness, "b", 2, trade("1", "1", Some(1)))), "both fit in the bound");
    // A second publisher sends all of them again, from the first on: none is accepted.
    let again = (1..=count).map(|n| from(&mut harness, "c", n, trade("1", "1", Some(n))));
    assert_eq!(again.filter(|events| kinds(events) == ["Trade"]).count(), 0);
    (count + 1..=5 * count).for_each(|n| drop(from(&mut harness, "d", n, trade("1", "1", Some(n)))));
    assert!(is_duplicate(&harness.feed(&other(4, trade("1", "1", Some(1))))));
    assert_eq!(kinds(&from(&mut harness, "b", 3, trade("1", "1", Some(1)))), ["Trade"], "forgotten");
}

#[test]
fn many_instruments_share_the_bound_by_the_length_of_their_windows() {
    let mut harness = Harness::default();
    let instruments = 40u64;
    for n in 0..instruments {
        harness.feed(&entry(&format!("v.I{n}"), event(1, definition("A", "B", "1", "1", "0"))));
    }
    let of = |n: u64, source: &str, seq, id| {
        let source = source.parse().unwrap();
        entry(&format!("v.I{n}"), MarketEvent { source, ..event(seq, trade("1", "1", Some(id))) })
    };
    for seq in 2..=100 {
        harness.feed(&of(0, "feed", seq, seq));
    }
    // The others publish more than the partition keeps.
    let each = 2 * VENUE_IDS_MAX as u64 / instruments;
    for n in 1..instruments {
        (2..each).for_each(|seq| drop(harness.feed(&of(n, "feed", seq, seq))));
    }
    for seq in 2..=100 {
        assert!(is_duplicate(&harness.feed(&of(0, "b", seq - 1, seq))), "{seq}");
    }
    // From the latest id on: those that are forgotten would take the place of others. Most rejections have no fact.
    let latest_first = (100..).zip((2..each).rev());
    let mut is_kept = |(seq, id): &(u64, u64)| kinds(&harness.feed(&of(1, "b", *seq, *id))) != ["Trade"];
    let kept = latest_first.take_while(&mut is_kept).count();
    assert!((10_000..30_000).contains(&kept), "{kept}");
}

#[test]
fn holes_and_restarts_of_consecutive_ids_are_facts() {
    let mut harness = defined(PriceDomain::Positive, TradeIdOrder::Consecutive);
    let mut seq = 0;
    let mut feed = |harness: &mut Harness, body| {
        seq += 1;
        harness.feed_body(seq, body)
    };
    for (id, expected) in [
        (100, &["Trade"][..]),
        (101, &["Trade"]),
        (104, &["TradeIdGap", "Trade"]),
        (103, &["Trade"]),
        (105, &["Trade"]),
        (1, &["TradeIdsRestarted", "Trade"]),
        (2, &["Trade"]),
    ] {
        assert_eq!(kinds(&feed(&mut harness, trade("1", "1", Some(id)))), expected, "{id}");
    }
    assert_eq!(kinds(&feed(&mut harness, named("agg:50", "1"))), ["Trade"], "another space");
    assert!(is_duplicate(&feed(&mut harness, trade("1", "1", Some(2)))), "a repetition is no restart");
    let Event::TradeIdGap(gap) = &feed(&mut harness, trade("1", "1", Some(9)))[0] else { panic!("a gap") };
    assert_eq!((gap.expected, gap.got), (3, 9));
    // A number far ahead hides no gap that follows.
    assert_eq!(kinds(&feed(&mut harness, trade("1", "1", Some(u64::MAX)))), ["TradeIdsRestarted", "Trade"]);
    assert_eq!(kinds(&feed(&mut harness, trade("1", "1", Some(10)))), ["TradeIdsRestarted", "Trade"]);
    assert_eq!(kinds(&feed(&mut harness, trade("1", "1", Some(12)))), ["TradeIdGap", "Trade"]);
    // While a definition says that ids have no order, they are not followed.
    let terms = |order| {
        let mut terms = definition("A", "B", "0.01", "0.1", "5");
        if let MarketBody::Definition(DefinitionBody { trade_ids, .. }) = &mut terms {
            *trade_ids = order;
        }
        terms
    };
    let define = |harness: &mut Harness, seq, order| drop(from(harness, "def", seq, terms(order)));
    define(&mut harness, 3, TradeIdOrder::Any);
    assert_eq!(kinds(&feed(&mut harness, trade("1", "1", Some(13)))), ["Trade"]);
    define(&mut harness, 4, TradeIdOrder::Consecutive);
    assert_eq!(kinds(&feed(&mut harness, trade("1", "1", Some(14)))), ["Trade"]);
    // Without the definition's word there is no order.
    let mut any = Harness::defined();
    for (seq, id) in (1..).zip([100, 5, 200]) {
        assert_eq!(kinds(&any.feed_body(seq, trade("1", "1", Some(id)))), ["Trade"]);
    }
}

#[test]
fn quotes_without_sides_locked_and_crossed_ones_are_recorded() {
    let mut harness = Harness::defined();
    let mut seq = 0;
    let mut sides = |bid: &str, bid_size: &str, ask: &str, ask_size: &str| {
        seq += 1;
        let events = harness.feed_body(seq, quote(bid, bid_size, ask, ask_size, None));
        let [Event::Quote(quote)] = &events[..] else { panic!("{events:?}") };
        let text = |price: Option<tapedeck_schemas::Price>| price.map_or(String::new(), |price| price.to_string());
        (text(quote.bid), text(quote.ask), quote.touch().is_some(), quote.is_crossed())
    };
    let of = |bid: &str, ask: &str, has_touch, is_crossed| (bid.into(), ask.into(), has_touch, is_crossed);
    assert_eq!(sides("1", "1", "1", "1"), of("1", "1", true, false));
    assert_eq!(sides("2", "1", "1", "1"), of("2", "1", false, true));
    assert_eq!(sides("", "0", "1", "1"), of("", "1", false, false));
    assert_eq!(sides("1", "0", "", "0"), of("1", "", false, false));
    assert_eq!(sides("", "0", "", "0"), of("", "", false, false));
    assert_eq!(sides("0", "0", "1", "0"), of("", "1", false, false), "a price of 0 with size 0 is no price");
    assert_eq!(sides("0", "0", "0", "0"), of("", "", false, false));
}

#[test]
fn a_side_that_is_null_or_missing_is_absent() {
    let mut harness = Harness::defined();
    let head = format!(r#""source":"f","session":"s","ts_recv":"{START}""#);
    for (seq, sides) in
        (1..).zip([r#""ask":"2","ask_size":"1""#, r#""bid":null,"ask":"2""#, r#""bid":null,"ask":null"#, ""])
    {
        let comma = if sides.is_empty() { "" } else { "," };
        let payload = format!(r#"{{{head},"seq":{seq}{comma}{sides}}}"#);
        let [one] = &MarketEntry::from_message(&format!("md.{SYMBOL}.quote"), START, payload.as_bytes())[..] else {
            panic!("one entry")
        };
        let events = harness.feed(one);
        let Some(Event::Quote(quote)) = events.last() else { panic!("{sides}: {events:?}") };
        assert_eq!(quote.bid, None, "{sides}");
    }
}

#[test]
fn any_price_is_accepted_where_the_definition_says_so() {
    let mut harness = defined(PriceDomain::Any, TradeIdOrder::Any);
    for (seq, body) in (1..).zip([
        trade("-37.63", "1", None),
        trade("0", "1", None),
        quote("-0.02", "1", "-0.01", "1", None),
        quote("-0.01", "1", "0", "0", None),
    ]) {
        let events = harness.feed_body(seq, body.clone());
        assert!(matches!(kinds(&events)[..], ["Trade" | "Quote"]), "{body:?}: {events:?}");
        if let Some(Event::Quote(quote)) = events.last() {
            assert!(quote.touch().is_some(), "an ask of 0 is a price here");
        }
    }
    let off = harness.feed_body(5, trade("-37.635", "1", None));
    assert_eq!(rejection(&off).map(|(reason, _)| reason), Some(RejectReason::OffGrid));
    let far = harness.feed_body(6, trade("-1000", "1000000000000.1", None));
    assert_eq!(rejection(&far).map(|(reason, _)| reason), Some(RejectReason::OutOfRange));
}

#[test]
fn a_time_that_is_not_in_nanoseconds_is_refused_with_the_unit_that_it_looks_like() {
    let mut harness = Harness::defined();
    let mut refused = |seq, ts_recv, ts_event| {
        let one = MarketEvent { ts_recv, ts_event, ..event(seq, trade("1", "1", None)) };
        rejection(&harness.feed(&entry(SYMBOL, one))).map(|(reason, words)| format!("{reason}: {words}"))
    };
    let seconds = START / 1_000_000_000;
    for (seq, time, told) in [
        (1, seconds, "looks like s: send nanoseconds"),
        (2, seconds * 1_000 + 5, "looks like ms: send nanoseconds"),
        (3, seconds * 1_000_000, "looks like us: send nanoseconds"),
        (4, 1, "before 1980 in ns: send nanoseconds since 1970"),
    ] {
        let words = refused(seq, time, None).unwrap();
        assert!(words.starts_with(&format!("not_nanoseconds: ts_recv {time} ")) && words.ends_with(told), "{words}");
        let words = refused(seq + 10, START, Some(time)).unwrap();
        assert!(words.starts_with(&format!("not_nanoseconds: ts_event {time} ")) && words.ends_with(told), "{words}");
    }
    assert_eq!(refused(20, START, Some(START)), None);
}

#[test]
fn a_restart_of_update_ids_and_two_interleaved_ranges_lose_nothing() {
    let mut harness = Harness::defined();
    for (seq, id) in (1..).zip([900_001, 900_002, 1, 2, 3]) {
        assert_eq!(kinds(&harness.feed_body(seq, quote("1", "1", "2", "1", Some(id)))), ["Quote"], "{id}");
    }
    for (seq, id) in (6..).zip([10, 5_000, 11, 5_001, 12, 5_002]) {
        assert_eq!(kinds(&harness.feed_body(seq, trade("1", "1", Some(id)))), ["Trade"], "{id}");
    }
    let body =
        QuoteBody { bid: None, bid_size: Default::default(), ask: None, ask_size: Default::default(), update_id: None };
    assert_eq!(kinds(&harness.feed_body(12, body.into())), ["Quote"], "withdrawn");
}
