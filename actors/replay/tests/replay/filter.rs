//! Which facts pass.

use tapedeck_replay::{Filter, parse_kind};
use tapedeck_schemas::event::{Event, Kind, OrderStatus, OrderStatusChanged};
use tapedeck_schemas::record::Writer;

use crate::common::*;

/// One of each sort, with the name by which the tests call it.
fn facts() -> Vec<(&'static str, Writer, Event)> {
    let status = OrderStatusChanged {
        order: n("000102030405060708090a0b0c0d0e0f"),
        from: OrderStatus::Approved,
        to: OrderStatus::Submitted,
        filled: n("0"),
        reason: "sent".into(),
    };
    vec![
        ("definition", Writer::Ingest, definition(BTC, "0.01")),
        ("quote", Writer::Ingest, quote(BTC, "5", 1)),
        ("eth", Writer::Ingest, trade(ETH, "5", 1)),
        ("published", Writer::Ingest, bar(BTC, Some("feed"), 1)),
        ("built", Writer::Ingest, bar(BTC, None, 1)),
        ("tick", Writer::Ingest, tick(1)),
        ("signal", Writer::Signal, signal(BTC, "sim-p0", &["zscore", "ewma"])),
        ("order", Writer::Risk, approved(ETH, "sim-p1", "zscore")),
        ("status", Writer::Execution, status.into()),
    ]
}

fn pass(filter: Filter) -> Vec<&'static str> {
    let passes = |(name, writer, event): (_, Writer, Event)| filter.passes(writer, &event).then_some(name);
    facts().into_iter().filter_map(passes).collect()
}

#[test]
fn without_more_the_market_alone_passes() {
    assert_eq!(pass(Filter::default()), ["definition", "quote", "eth", "published"]);
    assert_eq!(pass(Filter { instruments: [n(ETH)].into(), ..Filter::default() }), ["eth"]);
    assert_eq!(pass(Filter::everything()).len(), facts().len());
}

#[test]
fn a_fact_passes_by_what_it_has_and_not_without_it() {
    assert_eq!(pass(Filter::of_kinds([Kind::Bar, Kind::ClockAdvanced])), ["published", "built", "tick"]);
    assert_eq!(pass(Filter { writers: [Writer::Risk].into(), ..Filter::default() }), ["order"]);
    assert_eq!(pass(Filter { strategies: [n("zscore")].into(), ..Filter::default() }), ["signal", "order"]);
    assert_eq!(pass(Filter { strategies: [n("combined")].into(), ..Filter::default() }), ["signal"]);
    assert_eq!(pass(Filter { accounts: [n("sim-p1")].into(), ..Filter::default() }), ["order"]);
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
    };
    assert_eq!(
        filter.to_string(),
        "instrument binance.BTCUSDT,binance.ETHUSDT and kind Quote,Trade and writer ingest and strategy zscore and \
         account sim-p0"
    );
    assert_eq!(Filter::default().to_string(), "the market");
    assert_eq!(parse_kind("orderfilled"), Ok(Kind::OrderFilled));
    assert!(parse_kind("Trades").unwrap_err().contains("\"Trades\" is no kind of fact (want one of Epoch,"));
}
