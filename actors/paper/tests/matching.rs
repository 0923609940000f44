//! Arrival, matching, fees and cancels, as seen in facts.

mod common;

use common::*;
use tapedeck_kernel::testing::Stepper;
use tapedeck_schemas::event::TimeInForce::{Gtc, Ioc};
use tapedeck_schemas::event::{Aggressor, Event, Side};
use tapedeck_schemas::ids::FillId;
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::Writer;

#[test]
fn an_order_arrives_on_the_first_fact_of_ingest_at_or_after_its_latency() {
    let mut harness = Harness::new();
    assert!(harness.step(&buy(1, Ioc, "101", "2")).is_empty());
    assert!(harness.step(&clock(1_004)).is_empty());
    assert!(harness.step(&limit("paper.latency_ms", "1")).is_empty(), "an order in transit keeps its time of arrival");
    assert_eq!(harness.step(&clock(1_005)), ["1 accepted", "1 filled 2@101 leaves 0 taker"]);
    assert!(harness.step(&clock(1_006)).is_empty(), "arrives once");
    assert!(harness.step(&submitted(1_006, order(2, Side::Buy, Ioc, "101", "1"))).is_empty());
    assert_eq!(harness.step(&clock(1_007)).len(), 2);
}

#[test]
fn an_order_observed_long_after_it_was_due_arrives_on_the_next_fact_of_ingest() {
    let mut harness = Harness::new();
    harness.step(&clock(9_000));
    assert!(harness.step(&buy(1, Ioc, "101", "2")).is_empty());
    assert_eq!(harness.step(&clock(9_000)).len(), 2);
}

#[test]
fn an_ioc_takes_the_displayed_size_at_the_touch_and_its_rest_is_closed() {
    let mut harness = Harness::new();
    harness.step(&buy(1, Ioc, "103", "7"));
    let expected = ["1 accepted", "1 filled 5@101 leaves 2 taker", "1 closed ioc_remainder leaves 2"];
    assert_eq!(harness.step(&clock(1_005)), expected);
    harness.step(&sell(2, Ioc, "100.5", "1"));
    let expected = ["2 accepted", "2 closed ioc_remainder leaves 1"];
    assert_eq!(harness.step(&clock(1_005)), expected, "the bid is below its limit");
}

#[test]
fn own_fills_reduce_the_displayed_size_until_the_next_quote() {
    let mut harness = Harness::new();
    for (n, quantity) in [(1, "3"), (2, "3"), (3, "3")] {
        harness.step(&buy(n, Ioc, "101", quantity));
    }
    let expected = [
        "1 accepted",
        "1 filled 3@101 leaves 0 taker",
        "2 accepted",
        "2 filled 2@101 leaves 1 taker",
        "2 closed ioc_remainder leaves 1",
        "3 accepted",
        "3 closed ioc_remainder leaves 3",
    ];
    assert_eq!(harness.step(&clock(1_005)), expected);
    harness.step(&quote(1_010, "100", "5", "101", "5"));
    harness.step(&buy(4, Ioc, "101", "4"));
    assert_eq!(harness.step(&clock(1_010)), ["4 accepted", "4 filled 4@101 leaves 0 taker"]);
}

#[test]
fn without_a_displayed_size_or_a_quote_nothing_fills() {
    let mut harness = Harness::new();
    harness.step(&quote(1_001, "100", "0", "101", "0"));
    harness.step(&buy(1, Ioc, "101", "1"));
    assert_eq!(harness.step(&clock(1_005)), ["1 accepted", "1 closed ioc_remainder leaves 1"]);
    harness.machine = Stepper::new(tapedeck_paper::Paper::new(TAPE));
    harness.step(&definition());
    harness.step(&buy(1, Ioc, "101", "1"));
    harness.step(&buy(2, Gtc, "101", "1"));
    assert_eq!(harness.step(&clock(1_005)), ["1 accepted", "1 closed ioc_remainder leaves 1", "2 accepted"]);
}

#[test]
fn the_rest_of_a_gtc_rests_and_a_quote_that_crosses_it_fills_it_at_its_limit_as_maker() {
    let mut harness = Harness::new();
    harness.step(&buy(1, Gtc, "101.5", "8"));
    assert_eq!(harness.step(&clock(1_005)), ["1 accepted", "1 filled 5@101 leaves 3 taker"]);
    assert!(harness.step(&quote(1_006, "101", "5", "102", "9")).is_empty());
    assert_eq!(harness.step(&quote(1_007, "100", "5", "101.5", "2")), ["1 filled 2@101.5 leaves 1 maker"]);
    assert_eq!(harness.step(&quote(1_008, "100", "5", "101", "2")), ["1 filled 1@101.5 leaves 0 maker"]);
    assert!(harness.step(&quote(1_009, "100", "5", "101", "2")).is_empty(), "finished");
}

#[test]
fn a_quote_fills_resting_orders_before_arrivals_from_one_displayed_size() {
    let mut harness = Harness::new();
    harness.step(&sell(1, Gtc, "101", "3"));
    harness.step(&clock(1_005));
    harness.step(&sell(2, Ioc, "101", "3"));
    let expected = [
        "1 filled 3@101 leaves 0 maker",
        "2 accepted",
        "2 filled 1@101 leaves 2 taker",
        "2 closed ioc_remainder leaves 2",
    ];
    assert_eq!(harness.step(&quote(1_010, "101", "4", "102", "5")), expected);
}

#[test]
fn a_trade_at_or_through_the_limit_by_the_other_side_fills_resting_orders_by_price_then_time() {
    let mut harness = Harness::new();
    for (n, price) in [(1, "99.5"), (2, "100"), (3, "100"), (4, "99")] {
        harness.step(&buy(n, Gtc, price, "2"));
    }
    harness.step(&sell(5, Gtc, "101", "2"));
    assert_eq!(harness.step(&clock(1_005)).len(), 5);
    assert!(harness.step(&trade(1_006, Aggressor::Buyer, "100", "9")).is_empty());
    assert!(harness.step(&trade(1_006, Aggressor::Unknown, "90", "9")).is_empty());
    assert!(harness.step(&trade(1_006, Aggressor::Seller, "100.5", "9")).is_empty());
    let decided = harness.step(&trade(1_006, Aggressor::Seller, "99.5", "5"));
    let expected = ["2 filled 2@100 leaves 0 maker", "3 filled 2@100 leaves 0 maker", "1 filled 1@99.5 leaves 1 maker"];
    assert_eq!(decided, expected);
    let decided = harness.step(&trade(1_007, Aggressor::Buyer, "102", "1.5"));
    assert_eq!(decided, ["5 filled 1.5@101 leaves 0.5 maker"]);
}

#[test]
fn an_order_is_not_filled_by_the_trade_on_which_it_arrives() {
    let mut harness = Harness::new();
    harness.step(&buy(1, Gtc, "100", "2"));
    assert_eq!(harness.step(&trade(1_005, Aggressor::Seller, "99", "9")), ["1 accepted"]);
}

#[test]
fn fees_are_a_fraction_of_the_notional_in_the_quote_currency_and_fill_ids_are_derived() {
    let mut harness = Harness::new();
    harness.step(&buy(1, Gtc, "101", "5"));
    harness.step(&sell(2, Gtc, "101", "3"));
    let fee = |events: &[Event], index: usize| match &events[index] {
        Event::OrderFilled(fill) => (fill.fill, format!("{} {}", fill.fee, fill.fee_currency)),
        other => panic!("not a fill: {other:?}"),
    };
    let decided = harness.decide(&clock(1_005));
    let id = |seq, index| FillId::derive(&TAPE.into(), Offset::new(seq, 0), Writer::Paper, index);
    assert_eq!(fee(&decided, 1), (id(5, 1), "0.505 USDT".into()));
    harness.step(&limit("paper.maker_fee", "-0.0001"));
    let decided = harness.decide(&trade(1_006, Aggressor::Buyer, "101", "1"));
    assert_eq!(fee(&decided, 0), (id(7, 0), "-0.0101 USDT".into()));
}

#[test]
fn an_order_off_the_steps_or_for_an_unknown_instrument_is_rejected() {
    let mut elsewhere = order(1, Side::Buy, Gtc, "100", "1");
    elsewhere.instrument = "sim.Y".parse().unwrap();
    for (order, reason) in [
        (elsewhere, "unknown_instrument"),
        (order(1, Side::Buy, Gtc, "100.25", "1"), "off_tick 100.25 0.5"),
        (order(1, Side::Buy, Gtc, "0", "1"), "off_tick 0 0.5"),
        (order(1, Side::Buy, Gtc, "100", "1.05"), "off_lot 1.05 0.1"),
        (order(1, Side::Buy, Gtc, "100", "-1"), "off_lot -1 0.1"),
    ] {
        let mut harness = Harness::new();
        harness.step(&submitted(1_000, order));
        assert_eq!(harness.step(&clock(1_005)), [format!("1 rejected: {reason}")]);
        assert!(harness.step(&clock(1_006)).is_empty());
    }
}

#[test]
fn a_cancel_takes_its_latency_and_closes_the_rest_of_the_order() {
    let mut harness = Harness::new();
    harness.step(&buy(1, Gtc, "100", "4"));
    harness.step(&clock(1_005));
    harness.step(&cancel(1_005, 1));
    assert_eq!(harness.step(&trade(1_009, Aggressor::Seller, "100", "1")), ["1 filled 1@100 leaves 3 maker"]);
    assert_eq!(harness.step(&clock(1_010)), ["1 closed canceled leaves 3"]);
    assert!(harness.step(&trade(1_011, Aggressor::Seller, "100", "9")).is_empty());
    harness.step(&cancel(1_011, 1));
    assert_eq!(harness.step(&clock(1_016)), ["1 cancel rejected: not_working"]);
    assert!(harness.step(&clock(1_017)).is_empty());
}

#[test]
fn a_cancel_never_arrives_before_its_order() {
    let mut harness = Harness::new();
    harness.step(&buy(1, Gtc, "100", "4"));
    harness.step(&limit("paper.latency_ms", "0"));
    harness.step(&cancel(1_000, 1));
    assert!(harness.step(&clock(1_004)).is_empty());
    assert_eq!(harness.step(&clock(1_005)), ["1 accepted", "1 closed canceled leaves 4"]);
}

#[test]
fn working_orders_are_bounded() {
    let mut harness = Harness::new();
    let mut last = Vec::new();
    for n in 0..=tapedeck_paper::WORKING_ORDERS_MAX {
        let mut order = order(1, Side::Buy, Gtc, "90", "1");
        order.id.0[8..].copy_from_slice(&(n as u64).to_be_bytes());
        harness.step(&submitted(1_000, order));
        last = harness.step(&clock(1_005));
    }
    assert_eq!(last, ["1 rejected: too_many_orders 256"]);
}

#[test]
fn late_quotes_and_trades_fill_nothing_and_change_no_quote() {
    let mut harness = Harness::new();
    harness.step(&buy(1, Gtc, "99", "2"));
    assert_eq!(harness.step(&clock(20_000)), ["1 accepted"]);
    let crossing = [quote(20_001, "97", "5", "98", "5"), trade(20_002, Aggressor::Seller, "98", "5")];
    for fact in &crossing {
        assert!(harness.step(&aged(fact.clone(), 10_001)).is_empty());
    }
    // An order that arrives trades with the last quote that is not late.
    harness.step(&submitted(20_003, order(2, Side::Buy, Ioc, "101", "1")));
    assert_eq!(harness.step(&clock(20_100)), ["2 accepted", "2 filled 1@101 leaves 0 taker"]);
    assert_eq!(harness.step(&aged(crossing[1].clone(), 10_000)), ["1 filled 2@99 leaves 0 maker"]);
}

#[test]
fn nothing_trades_on_an_absent_side_or_a_crossed_quote() {
    let mut harness = Harness::new();
    harness.step(&quote(1_001, "", "0", "101", "5"));
    harness.step(&sell(1, Ioc, "90", "1"));
    assert_eq!(harness.step(&clock(1_006)), ["1 accepted", "1 closed ioc_remainder leaves 1"]);
    harness.step(&buy(2, Gtc, "102", "1"));
    assert_eq!(harness.step(&clock(1_006)), ["2 accepted", "2 filled 1@101 leaves 0 taker"]);
    harness.step(&buy(3, Gtc, "100", "1"));
    assert_eq!(harness.step(&clock(1_006)), ["3 accepted"]);
    assert!(harness.step(&quote(1_007, "101", "5", "99", "5")).is_empty(), "crossed");
    assert_eq!(harness.step(&quote(1_008, "99", "5", "99", "5")), ["3 filled 1@100 leaves 0 maker"], "locked");
}
