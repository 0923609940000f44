//! Which facts pass a filter.

use tapedeck_history::{Filter, Matcher, parse_kind};
use tapedeck_schemas::event::{Event, Kind, OrderStatus, OrderStatusChanged, StatusReason};
use tapedeck_schemas::record::Writer;

use crate::common::*;

/// One of each sort, with the name by which the tests call it.
fn facts() -> Vec<(&'static str, Writer, Event)> {
    let status = OrderStatusChanged {
        order: n("000102030405060708090a0b0c0d0e0f"),
        from: OrderStatus::Approved,
        to: OrderStatus::Submitted,
        filled: n("0"),
        reason: StatusReason::Accepted,
    };
    // Lists groups because: it is one fact of each writer.
    vec![
        ("definition", Writer::Ingest, definition(BTC, "0.01", &[], 1)),
        ("quote", Writer::Ingest, quote(BTC, "5", 1)),
        ("eth", Writer::Ingest, trade(ETH, "5", 1)),
        ("published", Writer::Ingest, bar(BTC, Some("feed"), 1)),
        ("built", Writer::Ingest, bar(BTC, None, 1)),
        ("tick", Writer::Ingest, tick(1)),
        ("signal", Writer::Signal, signal(BTC, "sim-p0", &["zscore", "ewma"])),
        ("order", Writer::Risk, approved(ETH, "sim-p1", "zscore")),
        ("status", Writer::Execution, status.into()),
        ("resumed", Writer::Control, resumed("all")),
        ("resumed btc", Writer::Control, resumed(BTC)),
    ]
}

fn pass(filter: Filter) -> Vec<&'static str> {
    let mut matcher = Matcher::new(filter);
    let passes = |(name, writer, event): (_, Writer, Event)| matcher.passes(writer, &event).then_some(name);
    facts().into_iter().filter_map(passes).collect()
}

#[test]
fn market_facts_alone_pass_if_that_is_asked_for_and_else_every_fact() {
    assert_eq!(pass(Filter::market()), ["definition", "quote", "eth", "published"]);
    assert_eq!(pass(Filter { instruments: [n(ETH)].into(), ..Filter::market() }), ["eth"]);
    assert_eq!(pass(Filter::default()).len(), facts().len());
}

#[test]
fn what_no_fact_of_any_tape_names_is_unknown() {
    let unknown = |instruments: &[&str], accounts: &[&str], strategies: &[&str]| {
        let filter = Filter {
            instruments: instruments.iter().map(|id| n(id)).collect(),
            accounts: accounts.iter().map(|id| n(id)).collect(),
            strategies: strategies.iter().map(|id| n(id)).collect(),
            ..Filter::of_kinds([Kind::OrderFilled])
        };
        let mut matcher = Matcher::new(filter.clone());
        facts().iter().for_each(|(_, writer, event)| _ = matcher.passes(*writer, event));
        let empty_tape = Matcher::new(filter.clone());
        filter.in_all([matcher.unnamed(), empty_tape.unnamed()]).unknown()
    };
    assert_eq!(unknown(&[BTC, ETH], &["sim-p0", "sim-p1"], &["zscore", "combined"]), None);
    let told = unknown(&[BTC, "x.NONE"], &["sim-p7"], &["zscore", "alchemy"]).unwrap();
    assert_eq!(
        told,
        "no fact that was read names the instrument x.NONE and strategy alchemy and account sim-p7; check the spelling"
    );
    assert_eq!(unknown(&[], &[], &[]), None, "no instrument is given");
}

#[test]
fn a_fact_passes_by_what_it_names_or_its_order_names() {
    assert_eq!(pass(Filter::of_kinds([Kind::Bar, Kind::ClockAdvanced])), ["published", "built", "tick"]);
    assert_eq!(pass(Filter { writers: [Writer::Risk].into(), ..Filter::default() }), ["order"]);
    let all = ["signal", "order", "status"];
    assert_eq!(pass(Filter { strategies: [n("zscore")].into(), ..Filter::default() }), all);
    assert_eq!(pass(Filter { strategies: [n("combined")].into(), ..Filter::default() }), ["signal"]);
    assert_eq!(pass(Filter { accounts: [n("sim-p1")].into(), ..Filter::default() }), ["order", "status"]);
    // An order is known by facts that the filter itself leaves out.
    let filter = Filter { accounts: [n("sim-p1")].into(), ..Filter::of_kinds([Kind::OrderStatusChanged]) };
    assert_eq!(pass(filter), ["status"]);
}

#[test]
fn a_fact_of_every_instrument_is_about_each_one() {
    let about = |instrument| pass(Filter { instruments: [n(instrument)].into(), ..Filter::default() });
    assert_eq!(about(ETH), ["eth", "order", "status", "resumed"]);
    assert_eq!(about(BTC), ["definition", "quote", "published", "built", "signal", "resumed", "resumed btc"]);
}

#[test]
fn every_property_must_be_met() {
    let filter = Filter { strategies: [n("zscore")].into(), instruments: [n(BTC)].into(), ..Filter::default() };
    assert_eq!(pass(filter), ["signal"]);
    let filter = Filter { accounts: [n("sim-p0"), n("sim-p1")].into(), ..Filter::of_kinds([Kind::OrderApproved]) };
    assert_eq!(pass(filter), ["order"]);
}

#[test]
fn a_filter_prints_every_property_and_a_kind_is_read_in_any_case() {
    let filter = Filter {
        instruments: [n(ETH), n(BTC)].into(),
        kinds: [Kind::Trade, Kind::Quote].into(),
        writers: [Writer::Ingest].into(),
        strategies: [n("zscore")].into(),
        accounts: [n("sim-p0")].into(),
        ..Filter::default()
    };
    assert_eq!(
        filter.to_string(),
        "instrument binance.BTCUSDT,binance.ETHUSDT and kind Quote,Trade and writer ingest and strategy zscore and \
         account sim-p0"
    );
    assert_eq!(
        (Filter::market().to_string(), Filter::default().to_string()),
        ("market facts".into(), "every fact".into())
    );
    assert_eq!(parse_kind("orderfilled"), Ok(Kind::OrderFilled));
    assert!(parse_kind("Trades").unwrap_err().contains("\"Trades\" is not a kind of fact (expected one of Epoch,"));
}
