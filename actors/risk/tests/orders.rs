//! From signals to orders: sizing, price, time in force, open orders, and the order of checks.

mod common;

use common::*;
use tapedeck_schemas::event::{Denial, Event, OrderStatus, Scope, Side, TimeInForce};
use tapedeck_schemas::ids::OrderId;
use tapedeck_schemas::number::{Quantity, Ratio};
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::Writer;

#[test]
fn an_order_has_the_offset_of_its_signal_and_an_id_derived_from_it() {
    let mut harness = Harness::new();
    let order = harness.approved(&signal("X", 1_000, "1", "1"));
    let at = Offset::new(3, 0);
    assert_eq!(order.id, OrderId::derive(&TAPE.into(), at, Writer::Risk, 0));
    assert_eq!(order.signal, at);
    assert_eq!((order.account.as_str(), order.strategy.as_str()), ("sim-p3", "blend"));
    assert_eq!(order.instrument, instrument("X"));
}

#[test]
fn a_target_is_a_fraction_of_the_target_notional_truncated_to_the_lot_size() {
    for (target, side, quantity) in [
        ("1", Side::Buy, "100"),
        ("-1", Side::Sell, "100"),
        ("0.33333", Side::Buy, "33.333"),
        ("-0.33333", Side::Sell, "33.333"),
        ("7", Side::Buy, "100"),
    ] {
        let order = Harness::new().approved(&signal("X", 1_000, target, "1"));
        assert_eq!((order.side, order.quantity.to_string().as_str()), (side, quantity), "target {target}");
    }
}

#[test]
fn a_confident_order_crosses_the_spread_and_any_other_rests_at_its_own_touch() {
    for (target, confidence, time_in_force, price) in [
        ("1", "0.6", TimeInForce::Ioc, "100.01"),
        ("-1", "0.6", TimeInForce::Ioc, "99.99"),
        ("1", "0.5999", TimeInForce::Gtc, "99.99"),
        ("-1", "0.5999", TimeInForce::Gtc, "100.01"),
    ] {
        let order = Harness::new().approved(&signal("X", 1_000, target, confidence));
        assert_eq!((order.time_in_force, order.price.to_string().as_str()), (time_in_force, price));
    }
}

#[test]
fn a_touch_between_two_ticks_is_rounded_to_the_price_that_is_no_worse() {
    for (target, confidence, price) in
        [("1", "1", "100.01"), ("1", "0", "99.98"), ("-1", "1", "99.99"), ("-1", "0", "100.02")]
    {
        let mut harness = Harness::new();
        harness.step(&quote("X", 1_000, "99.985", "100.015"));
        assert_eq!(harness.approved(&signal("X", 1_000, target, confidence)).price.to_string(), price);
    }
}

#[test]
fn the_target_is_truncated_before_the_difference_is_computed() {
    let mut harness = Harness::new();
    let order = harness.approved(&signal("X", 1_000, "0.5", "1"));
    harness.step(&filled(1_000, &order, "50"));
    let order = harness.approved(&signal("X", 1_000, "0.333338", "1"));
    assert_eq!((order.side, order.quantity.to_string().as_str()), (Side::Sell, "16.667"), "33.333 remain, not 33.334");
}

#[test]
fn a_fill_that_is_reported_twice_counts_once() {
    let mut harness = Harness::new();
    let order = harness.approved(&signal("X", 1_000, "1", "1"));
    let report = filled(1_000, &order, "50");
    harness.step(&report);
    harness.step(&report);
    harness.step(&status(1_000, &order, OrderStatus::Canceled));
    let order = harness.approved(&signal("X", 1_000, "1", "1"));
    assert_eq!((order.side, order.quantity.to_string().as_str()), (Side::Buy, "50"), "50 are held, not 100");
}

#[test]
fn a_position_that_is_no_multiple_of_the_lot_size_is_traded_in_whole_lots() {
    let mut harness = Harness::new();
    let order = harness.approved(&signal("X", 1_000, "0.5", "1"));
    harness.step(&filled(1_000, &order, "49.9995"));
    harness.step(&status(1_000, &order, OrderStatus::Canceled));
    assert_eq!(harness.approved(&signal("X", 1_000, "0", "1")).quantity.to_string(), "49.999");
}

#[test]
fn parameter_names_are_unique_and_defaults_are_within_their_bounds() {
    let params = tapedeck_risk::params();
    for (n, param) in params.iter().enumerate() {
        assert!(params[..n].iter().all(|other| other.name != param.name), "{} is listed twice", param.name);
        assert!(param.name.starts_with("risk.") && param.accepts(param.default), "{}", param.name);
    }
    assert_eq!(params.len(), 9);
}

#[test]
fn less_than_a_lot_or_the_least_notional_makes_no_order() {
    let mut harness = Harness::new();
    // 0.1 is worth 9.999 at the bid and 10.001 at the ask; the least notional is 10.
    assert_eq!(harness.order(&signal("X", 1_000, "0.001", "0")), Outcome::NoOrder);
    assert_eq!(harness.approved(&signal("X", 1_000, "0.001", "1")).quantity.to_string(), "0.1");
    assert_eq!(harness.order(&signal("X", 1_000, "0.001009", "1")), Outcome::NoOrder, "0.0009 more is less than a lot");
}

#[test]
fn without_terms_or_quote_a_signal_makes_no_order() {
    let mut harness = Harness::new();
    harness.step(&quote("Y", 1_000, "99", "101"));
    assert_eq!(harness.order(&signal("Y", 1_000, "1", "1")), Outcome::NoOrder, "no terms");
    harness.step(&definition("Z"));
    assert_eq!(harness.order(&signal("Z", 1_000, "1", "1")), Outcome::NoOrder, "no quote");
}

#[test]
fn open_orders_count_toward_the_target_until_execution_reports_a_terminal_status() {
    for to in [OrderStatus::Filled, OrderStatus::Canceled, OrderStatus::Expired, OrderStatus::Rejected] {
        let mut harness = Harness::new();
        let first = harness.approved(&signal("X", 1_000, "0.5", "0"));
        assert_eq!(harness.order(&signal("X", 1_000, "0.5", "0")), Outcome::NoOrder, "the first order is open");
        let second = harness.approved(&signal("X", 1_000, "0.7", "0"));
        assert_eq!((second.side, second.quantity.to_string().as_str()), (Side::Buy, "20"));
        for status_before in [OrderStatus::Submitted, OrderStatus::Accepted, OrderStatus::PendingCancel] {
            harness.step(&status(1_000, &first, status_before));
        }
        assert_eq!(harness.order(&signal("X", 1_000, "0.7", "0")), Outcome::NoOrder, "both are open");
        harness.step(&status(1_000, &first, to));
        assert_eq!(harness.approved(&signal("X", 1_000, "0.7", "0")).quantity.to_string(), "50", "after {to}");
    }
}

#[test]
fn a_partial_fill_moves_from_open_to_position_and_the_rest_is_released_at_the_end_of_the_order() {
    let mut harness = Harness::new();
    let order = harness.approved(&signal("X", 1_000, "0.5", "0"));
    harness.step(&filled(1_000, &order, "20"));
    assert_eq!(harness.order(&signal("X", 1_000, "0.5", "0")), Outcome::NoOrder, "20 held and 30 open");
    harness.step(&status(1_000, &order, OrderStatus::Canceled));
    assert_eq!(harness.approved(&signal("X", 1_000, "0.5", "0")).quantity.to_string(), "30", "20 held, none open");
}

#[test]
fn a_fill_after_the_end_of_its_order_still_changes_the_position() {
    let mut harness = Harness::new();
    let order = harness.approved(&signal("X", 1_000, "0.5", "0"));
    harness.step(&status(1_000, &order, OrderStatus::Canceled));
    harness.step(&filled(1_000, &order, "50"));
    let close = harness.approved(&signal("X", 1_000, "0", "1"));
    assert_eq!((close.side, close.quantity.to_string().as_str()), (Side::Sell, "50"));
}

#[test]
fn an_approval_counts_before_it_is_on_the_tape() {
    let mut harness = Harness::new();
    harness.step(&limit("risk.max_position", "15000"));
    harness.approved(&signal("X", 1_000, "1", "0"));
    harness.step(&limit("risk.target_notional", "16000"));
    assert_eq!(harness.denied_by(&signal("X", 1_000, "1", "0")), "max_position", "100 open and 60 more");
    harness.step(&limit("risk.max_position", "16000"));
    assert_eq!(harness.approved(&signal("X", 1_000, "1", "0")).quantity.to_string(), "60");
}

#[test]
fn ages_are_measured_in_tape_time_and_never_by_stamps() {
    let mut harness = Harness::new();
    harness.step(&limit("risk.max_position", "49999"));
    harness.approved(&signal("X", 1_000, "0.2", "1"));
    harness.step(&clock(3_000));
    harness.approved(&signal("X", 1_000, "0.4", "1"));
    harness.step(&clock(3_001));
    assert_eq!(harness.denied_by(&signal("X", 1_000, "0.6", "1")), "stale_quote");
    harness.step(&quote("X", 3_001, "99.99", "100.01"));
    assert_eq!(harness.denied_by(&signal("X", 1_000, "0.6", "1")), "stale_decision");
    harness.approved(&signal("X", 3_001, "0.6", "1"));
}

#[test]
fn the_first_breach_in_the_order_of_checks_is_recorded() {
    let mut harness = Harness::new();
    let signal = signal("X", 1_000, "1", "1");
    // Every check is broken at first; then, in the order of checks, one after another is repaired.
    let broken = [("risk.price_collar", "0"), ("risk.max_order_notional", "1"), ("risk.max_position", "1")];
    broken.iter().for_each(|(name, value)| drop(harness.step(&limit(name, value))));
    harness.step(&halt(Scope::All, tapedeck_schemas::event::HaltLevel::Halted));
    harness.step(&clock(9_000));
    let repairs = [
        ("halted", resume(Scope::All)),
        ("stale_quote", quote("X", 9_000, "99.99", "100.01")),
        ("stale_decision", limit("risk.stale_decision_ms", "8000")),
        ("price_collar", limit("risk.price_collar", "0.0001")),
        ("max_order_notional", limit("risk.max_order_notional", "10001")),
        ("max_position", limit("risk.max_position", "10000")),
    ];
    for (check, repair) in repairs {
        assert_eq!(harness.denied_by(&signal), check);
        harness.step(&repair);
    }
    harness.approved(&signal);
}

#[test]
fn a_denial_is_a_fact_with_order_and_reason_and_opens_no_order() {
    let mut harness = Harness::new();
    harness.step(&limit_of(Scope::Instrument(instrument("X")), "risk.max_order_notional", "5000".parse().unwrap()));
    let [Event::OrderDenied(denied)] = &harness.step(&signal("X", 1_000, "1", "1"))[..] else { panic!("not denied") };
    let check = "max_order_notional".parse().unwrap();
    let over = Denial::OverLimit { check, measured: Ratio::whole(10_001), limit: Ratio::whole(5_000) };
    assert_eq!(denied.denial, over);
    assert_eq!(denied.order.quantity.to_string(), "100");
    assert_eq!(
        harness.approved(&signal("X", 1_000, "0.4", "1")).quantity.to_string(),
        "40",
        "the denied order is not open"
    );
}

#[test]
fn a_target_beyond_the_greatest_quantity_is_denied_and_not_cut_to_it() {
    let mut harness = Harness::new();
    let mut defined = definition("TINY");
    if let Event::InstrumentDefined(terms) = &mut defined.event {
        (terms.tick_size, terms.lot_size) = ("0.000000000001".parse().unwrap(), Quantity::whole(1));
    }
    harness.step(&defined);
    for name in ["risk.target_notional", "risk.max_order_notional", "risk.max_position"] {
        harness.step(&limit_of(Scope::All, name, Ratio::whole(100_000_000_000)));
    }
    harness.step(&limit_of(Scope::All, "risk.price_collar", Ratio::whole(1)));
    harness.step(&quote("TINY", 2_000, "0.000000000001", "0.000000000002"));
    // 1e11 at 1e-12 is 1e23, above the bound of a quantity.
    assert_eq!(harness.denied_by(&signal("TINY", 2_000, "1", "1")), "max_quantity");
    assert_eq!(harness.denied_by(&signal("TINY", 2_000, "-1", "1")), "max_quantity");
    harness.step(&limit_of(Scope::All, "risk.target_notional", Ratio::whole(1_000)));
    let order = harness.approved(&signal("TINY", 2_000, "1", "1"));
    assert_eq!(order.quantity, Quantity::whole(1_000_000_000_000_000));
}

#[test]
fn a_late_quote_is_no_quote_and_the_age_of_a_quote_is_its_own() {
    let mut harness = Harness::new();
    harness.step(&clock(20_000));
    harness.step(&aged(quote("X", 20_000, "89.99", "90.01"), 10_001));
    harness.step(&limit("risk.stale_data_ms", "86400000"));
    let order = harness.approved(&signal("X", 20_000, "0.5", "1"));
    assert_eq!(order.price.to_string(), "100.01", "the late quote did not replace the last one");
    // Tape time is that of another source: the quote is as old as its own ts_recv says.
    harness.step(&limit("risk.stale_data_ms", "2000"));
    harness.step(&aged(quote("X", 20_000, "99.99", "100.01"), 2_001));
    let stale = Denial::StaleQuote { age_ns: 2_001 * MS, limit_ns: 2_000 * MS };
    assert_eq!(harness.order(&signal("X", 20_000, "1", "1")), Outcome::Denied(stale));
}

#[test]
fn an_order_needs_the_side_that_gives_its_price_and_no_crossed_quote_gives_one() {
    let decided = |bid: &str, ask: &str, target: &str| {
        let mut harness = Harness::new();
        harness.step(&quote("X", 1_100, bid, ask));
        match harness.order(&signal("X", 1_100, target, "1")) {
            Outcome::Approved(order) => format!("{} {} at {}", order.side, order.quantity, order.price),
            Outcome::Denied(denial) => format!("{denial:?}"),
            Outcome::NoOrder => "none".into(),
        }
    };
    assert_eq!(decided("100", "100", "1"), "buy 100 at 100", "locked");
    assert_eq!(decided("", "100.01", "1"), "buy 100 at 100.01", "sized at the last mid");
    assert_eq!(decided("", "100.01", "-1"), "none", "nothing is bid");
    assert_eq!(decided("99.99", "", "-1"), "sell 100 at 99.99");
    assert_eq!(decided("99.99", "", "1"), "none");
    assert_eq!(decided("", "", "1"), "none");
    assert_eq!(decided("100.02", "100", "1"), "none", "crossed");
}

#[test]
fn limits_hold_at_prices_below_zero() {
    let mut harness = Harness::new();
    let mut terms = definition("X");
    if let Event::InstrumentDefined(terms) = &mut terms.event {
        terms.prices = tapedeck_schemas::event::PriceDomain::Any;
    }
    harness.step(&terms);
    harness.step(&quote("X", 1_100, "-37.63", "-37.61"));
    let order = harness.approved(&signal("X", 1_100, "1", "1"));
    assert_eq!((order.side, order.price.to_string().as_str()), (Side::Buy, "-37.61"));
    assert_eq!(order.quantity.to_string(), "265.816", "10,000 / 37.62");
    harness.step(&limit("risk.max_order_notional", "5000"));
    let Outcome::Denied(..) = harness.order(&signal("X", 1_100, "-1", "1")) else { panic!("over the limit") };
}
