//! From signals to orders: sizing, price, time in force, what is open, and which check refuses first.

mod common;

use common::*;
use tapedeck_schemas::event::{Event, OrderStatus, Scope, Side, TimeInForce};
use tapedeck_schemas::ids::OrderId;
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::Writer;

#[test]
fn an_order_carries_its_signal_and_an_id_derived_from_it() {
    let mut desk = Desk::new();
    let order = desk.approved(&signal("X", 1_000, "1", "1"));
    let at = Offset::new(3, 0);
    assert_eq!(order.id, OrderId::derive(TAPE, at, Writer::Risk, 0));
    assert_eq!(order.signal, at);
    assert_eq!((order.account.as_str(), order.strategy.as_str()), ("sim-p3", "blend"));
    assert_eq!(order.instrument, instrument("X"));
}

#[test]
fn a_target_becomes_its_share_of_the_notional_truncated_to_the_lot() {
    for (target, side, quantity) in [
        ("1", Side::Buy, "100"),
        ("-1", Side::Sell, "100"),
        ("0.33333", Side::Buy, "33.333"),
        ("-0.33333", Side::Sell, "33.333"),
        ("7", Side::Buy, "100"),
    ] {
        let order = Desk::new().approved(&signal("X", 1_000, target, "1"));
        assert_eq!((order.side, order.quantity.to_string().as_str()), (side, quantity), "target {target}");
    }
}

#[test]
fn a_confident_order_crosses_the_spread_at_once_and_another_waits_at_its_own_touch() {
    for (target, confidence, time_in_force, price) in [
        ("1", "0.6", TimeInForce::Ioc, "100.01"),
        ("-1", "0.6", TimeInForce::Ioc, "99.99"),
        ("1", "0.5999", TimeInForce::Gtc, "99.99"),
        ("-1", "0.5999", TimeInForce::Gtc, "100.01"),
    ] {
        let order = Desk::new().approved(&signal("X", 1_000, target, confidence));
        assert_eq!((order.time_in_force, order.price.to_string().as_str()), (time_in_force, price));
    }
}

#[test]
fn a_touch_off_the_grid_moves_to_the_tick_that_is_no_worse() {
    for (target, confidence, price) in
        [("1", "1", "100.01"), ("1", "0", "99.98"), ("-1", "1", "99.99"), ("-1", "0", "100.02")]
    {
        let mut desk = Desk::new();
        desk.step(&quote("X", 1_000, "99.985", "100.015"));
        assert_eq!(desk.approved(&signal("X", 1_000, target, confidence)).price.to_string(), price);
    }
}

#[test]
fn the_target_is_truncated_before_the_difference_is_taken() {
    let mut desk = Desk::new();
    let order = desk.approved(&signal("X", 1_000, "0.5", "1"));
    desk.step(&filled(1_000, &order, "50"));
    let order = desk.approved(&signal("X", 1_000, "0.333338", "1"));
    assert_eq!((order.side, order.quantity.to_string().as_str()), (Side::Sell, "16.667"), "33.333 is left, not 33.334");
}

#[test]
fn a_fill_that_the_venue_reports_twice_counts_once() {
    let mut desk = Desk::new();
    let order = desk.approved(&signal("X", 1_000, "1", "1"));
    let report = filled(1_000, &order, "50");
    desk.step(&report);
    desk.step(&report);
    desk.step(&status(1_000, &order, OrderStatus::Canceled));
    let order = desk.approved(&signal("X", 1_000, "1", "1"));
    assert_eq!((order.side, order.quantity.to_string().as_str()), (Side::Buy, "50"), "50 are held, not 100");
}

#[test]
fn a_position_off_the_lot_grid_is_traded_on_it() {
    let mut desk = Desk::new();
    let order = desk.approved(&signal("X", 1_000, "0.5", "1"));
    desk.step(&filled(1_000, &order, "49.9995"));
    desk.step(&status(1_000, &order, OrderStatus::Canceled));
    assert_eq!(desk.approved(&signal("X", 1_000, "0", "1")).quantity.to_string(), "49.999");
}

#[test]
fn parameters_are_told_apart_and_begin_within_their_bounds() {
    let params = tapedeck_risk::params();
    for (n, param) in params.iter().enumerate() {
        assert!(params[..n].iter().all(|other| other.name != param.name), "{} twice", param.name);
        assert!(param.name.starts_with("risk.") && param.accepts(param.default), "{}", param.name);
    }
    assert_eq!(params.len(), 8);
}

#[test]
fn less_than_a_lot_or_the_least_notional_is_silence() {
    let mut desk = Desk::new();
    // 0.1 is worth 9.999 at the bid and 10.001 at the ask; the least notional is 10.
    assert_eq!(desk.order(&signal("X", 1_000, "0.001", "0")), Outcome::Silent);
    assert_eq!(desk.approved(&signal("X", 1_000, "0.001", "1")).quantity.to_string(), "0.1");
    assert_eq!(desk.order(&signal("X", 1_000, "0.001009", "1")), Outcome::Silent, "0.0009 more is less than a lot");
}

#[test]
fn without_terms_or_quote_a_signal_is_silence() {
    let mut desk = Desk::new();
    desk.step(&quote("Y", 1_000, "99", "101"));
    assert_eq!(desk.order(&signal("Y", 1_000, "1", "1")), Outcome::Silent, "no terms");
    desk.step(&definition("Z"));
    assert_eq!(desk.order(&signal("Z", 1_000, "1", "1")), Outcome::Silent, "no quote");
}

#[test]
fn open_orders_count_toward_the_target_until_execution_says_that_they_are_finished() {
    for to in [OrderStatus::Filled, OrderStatus::Canceled, OrderStatus::Expired, OrderStatus::Rejected] {
        let mut desk = Desk::new();
        let first = desk.approved(&signal("X", 1_000, "0.5", "0"));
        assert_eq!(desk.order(&signal("X", 1_000, "0.5", "0")), Outcome::Silent, "it is on its way");
        let second = desk.approved(&signal("X", 1_000, "0.7", "0"));
        assert_eq!((second.side, second.quantity.to_string().as_str()), (Side::Buy, "20"));
        for not_yet in [OrderStatus::Submitted, OrderStatus::Accepted, OrderStatus::PendingCancel] {
            desk.step(&status(1_000, &first, not_yet));
        }
        assert_eq!(desk.order(&signal("X", 1_000, "0.7", "0")), Outcome::Silent, "both still work");
        desk.step(&status(1_000, &first, to));
        assert_eq!(desk.approved(&signal("X", 1_000, "0.7", "0")).quantity.to_string(), "50", "after {to}");
    }
}

#[test]
fn a_partial_fill_moves_from_open_to_position_and_the_rest_goes_with_the_order() {
    let mut desk = Desk::new();
    let order = desk.approved(&signal("X", 1_000, "0.5", "0"));
    desk.step(&filled(1_000, &order, "20"));
    assert_eq!(desk.order(&signal("X", 1_000, "0.5", "0")), Outcome::Silent, "20 held and 30 open");
    desk.step(&status(1_000, &order, OrderStatus::Canceled));
    assert_eq!(desk.approved(&signal("X", 1_000, "0.5", "0")).quantity.to_string(), "30", "20 held, none open");
}

#[test]
fn a_fill_after_the_end_of_its_order_still_moves_the_position() {
    let mut desk = Desk::new();
    let order = desk.approved(&signal("X", 1_000, "0.5", "0"));
    desk.step(&status(1_000, &order, OrderStatus::Canceled));
    desk.step(&filled(1_000, &order, "50"));
    let close = desk.approved(&signal("X", 1_000, "0", "1"));
    assert_eq!((close.side, close.quantity.to_string().as_str()), (Side::Sell, "50"));
}

#[test]
fn an_own_approval_counts_before_it_lands_on_the_tape() {
    let mut desk = Desk::new();
    desk.step(&limit("risk.max_position", "15000"));
    desk.approved(&signal("X", 1_000, "1", "0"));
    desk.step(&limit("risk.target_notional", "16000"));
    assert_eq!(desk.order(&signal("X", 1_000, "1", "0")), denied("max_position"), "100 open and 60 more");
    desk.step(&limit("risk.max_position", "16000"));
    assert_eq!(desk.approved(&signal("X", 1_000, "1", "0")).quantity.to_string(), "60");
}

#[test]
fn ages_are_tape_time_and_never_the_brokers_clock() {
    let mut desk = Desk::new();
    desk.step(&limit("risk.max_position", "49999"));
    desk.approved(&signal("X", 1_000, "0.2", "1"));
    desk.step(&tick(3_000));
    desk.approved(&signal("X", 1_000, "0.4", "1"));
    desk.step(&tick(3_001));
    assert_eq!(desk.order(&signal("X", 1_000, "0.6", "1")), denied("stale_data"));
    desk.step(&quote("X", 3_001, "99.99", "100.01"));
    assert_eq!(desk.order(&signal("X", 1_000, "0.6", "1")), denied("stale_decision"));
    desk.approved(&signal("X", 3_001, "0.6", "1"));
}

#[test]
fn the_first_refusal_of_the_list_is_the_one_that_is_told() {
    let mut desk = Desk::new();
    let wanted = signal("X", 1_000, "1", "1");
    // Everything is wrong with it; then, from the first check on, one thing after another is put right.
    let wrong = [("risk.price_collar", "0"), ("risk.max_order_notional", "1"), ("risk.max_position", "1")];
    wrong.iter().for_each(|(name, value)| drop(desk.step(&limit(name, value))));
    desk.step(&halt(Scope::All, tapedeck_schemas::event::HaltLevel::Halted));
    desk.step(&tick(9_000));
    let right = [
        ("halted", resume(Scope::All)),
        ("stale_data", quote("X", 9_000, "99.99", "100.01")),
        ("stale_decision", limit("risk.stale_decision_ms", "8000")),
        ("price_collar", limit("risk.price_collar", "0.0001")),
        ("max_order_notional", limit("risk.max_order_notional", "10001")),
        ("max_position", limit("risk.max_position", "10000")),
    ];
    for (check, fixed) in right {
        assert_eq!(desk.order(&wanted), denied(check));
        desk.step(&fixed);
    }
    desk.approved(&wanted);
}

#[test]
fn a_refusal_is_a_fact_with_order_check_measure_and_limit_and_opens_nothing() {
    let mut desk = Desk::new();
    desk.step(&limit_of(Scope::Instrument(instrument("X")), "risk.max_order_notional", "5000".parse().unwrap()));
    let [Event::OrderDenied(refused)] = &desk.step(&signal("X", 1_000, "1", "1"))[..] else { panic!("not denied") };
    assert_eq!(refused.check, "max_order_notional");
    assert_eq!((refused.measured.to_string().as_str(), refused.limit.to_string().as_str()), ("10001", "5000"));
    assert_eq!(refused.order.quantity.to_string(), "100");
    assert_eq!(
        desk.approved(&signal("X", 1_000, "0.4", "1")).quantity.to_string(),
        "40",
        "the refused one is not open"
    );
}
