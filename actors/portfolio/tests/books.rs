//! Bookings, positions and marks, as seen in facts.

mod common;

use common::*;
use tapedeck_kernel::testing::Stepper;
use tapedeck_schemas::event::Side::{Buy, Sell};
use tapedeck_schemas::event::{Event, OrderFilled, Side};
use tapedeck_schemas::number::Quantity;

#[test]
fn a_fill_is_booked_in_double_entry_changes_the_position_and_marks_the_equity() {
    let mut harness = Harness::new();
    assert_eq!(harness.step(&funded("USDT", "1000")), ["cash 1000 USDT, capital -1000 USDT"]);
    let expected = [
        "cash 2 X, trading -2 X, cash -202 USDT, trading 202 USDT, cash -0.2 USDT, fees 0.2 USDT",
        "sim.X 2 cost 202 average 101 realised 0 fees 0.2",
        "USDT cash 797.8 value 200 realised 0 unrealised -2 fees 0.2 equity 997.8",
    ];
    assert_eq!(harness.step(&filled(fill(1, Buy, "101", "2", "0.2"))), expected);
    let expected = [
        "cash -3 X, trading 3 X, cash 330 USDT, trading -330 USDT",
        "sim.X -1 cost -110 average 110 realised 18 fees 0.2",
        "USDT cash 1127.8 value -100 realised 18 unrealised 10 fees 0.2 equity 1027.8",
    ];
    assert_eq!(harness.step(&filled(fill(2, Sell, "110", "3", "0"))), expected);
    let expected = [
        "cash 1 X, trading -1 X, cash -100 USDT, trading 100 USDT, cash 0.1 USDT, fees -0.1 USDT",
        "sim.X 0 cost 0 average 0 realised 28 fees 0.1",
        "USDT cash 1027.9 value 0 realised 28 unrealised 0 fees 0.1 equity 1027.9",
    ];
    assert_eq!(harness.step(&filled(fill(3, Buy, "100", "1", "-0.1"))), expected, "flat, with a rebate");
}

#[test]
fn a_repeated_fill_is_booked_once() {
    let mut harness = Harness::new();
    assert_eq!(harness.step(&filled(fill(1, Buy, "101", "2", "0"))).len(), 3);
    assert!(harness.step(&filled(fill(1, Buy, "101", "2", "0"))).is_empty());
    let after = harness.step(&filled(fill(2, Buy, "101", "2", "0")));
    assert_eq!(after[1], "sim.X 4 cost 404 average 101 realised 0 fees 0");
}

#[test]
fn strategies_have_their_own_positions_and_share_the_cash() {
    let mut harness = Harness::new();
    harness.step(&filled(fill(1, Buy, "100", "2", "0")));
    let mut other = fill(2, Sell, "100", "5", "0");
    other.strategy = "other".parse().unwrap();
    let decided = harness.step(&filled(other));
    assert_eq!(decided[1], "sim.X -5 cost -500 average 100 realised 0 fees 0");
    assert_eq!(decided[2], "USDT cash 300 value -300 realised 0 unrealised 0 fees 0 equity 0");
}

#[test]
fn each_quote_currency_is_marked_separately_with_all_its_cash_postings() {
    let mut harness = Harness::new();
    harness.step(&definition("Y", "X"));
    harness.step(&quote("Y", 1_000, "1", "3"));
    harness.step(&filled(fill(1, Buy, "100", "2", "0")));
    let mut in_x = fill(2, Buy, "2", "1", "0");
    in_x.instrument = instrument("Y");
    let decided = harness.step(&filled(in_x));
    assert_eq!(decided[2], "X cash 0 value 2 realised 0 unrealised 0 fees 0 equity 2", "2 X bought, 2 X paid");
}

#[test]
fn a_fee_in_another_currency_is_paid_from_the_cash_of_that_currency() {
    let mut harness = Harness::new();
    let mut paid = fill(1, Buy, "100", "2", "0.25");
    paid.fee_currency = "BNB".parse().unwrap();
    let decided = harness.step(&filled(paid));
    assert_eq!(decided[0], "cash 2 X, trading -2 X, cash -200 USDT, trading 200 USDT, cash -0.25 BNB, fees 0.25 BNB");
    assert_eq!(decided[1], "sim.X 2 cost 200 average 100 realised 0 fees 0");
    assert_eq!(decided[2], "USDT cash -200 value 200 realised 0 unrealised 0 fees 0 equity 0");
    let marks = harness.step(&clock(9_000));
    assert_eq!(marks, ["USDT cash -200 value 200 realised 0 unrealised 0 fees 0 equity 0"], "nothing is quoted in BNB");
}

#[test]
fn the_clock_marks_at_most_once_an_interval_and_only_balances_that_are_not_empty() {
    let mut harness = Harness::new();
    assert!(harness.step(&clock(2_000)).is_empty());
    harness.step(&funded("USDT", "5"));
    let mark = "USDT cash 5 value 0 realised 0 unrealised 0 fees 0 equity 5";
    assert_eq!(harness.step(&clock(2_100)), [mark]);
    assert!(harness.step(&clock(3_099)).is_empty());
    assert_eq!(harness.step(&clock(3_100)), [mark]);
    harness.step(&limit("portfolio.mark_interval_ms", "10"));
    assert_eq!(harness.step(&clock(3_110)), [mark]);
    harness.step(&funded("USDT", "-5"));
    assert!(harness.step(&clock(9_000)).is_empty());
}

#[test]
fn a_mark_follows_the_quote() {
    let mut harness = Harness::new();
    harness.step(&filled(fill(1, Buy, "100", "2", "0")));
    harness.step(&quote("X", 5_000, "109", "110"));
    let expected = ["USDT cash -200 value 219 realised 0 unrealised 19 fees 0 equity 19"];
    assert_eq!(harness.step(&clock(5_000)), expected);
}

#[test]
fn without_a_quote_a_position_is_valued_at_cost_and_without_terms_it_is_still_booked() {
    let mut harness = Harness::new();
    harness.machine = Stepper::new(tapedeck_portfolio::Portfolio::new());
    let expected = [
        "cash 2 X, trading -2 X, cash -200 USDT, trading 200 USDT",
        "sim.X 2 cost 200 average 100 realised 0 fees 0",
        "USDT cash -200 value 200 realised 0 unrealised 0 fees 0 equity 0",
    ];
    assert_eq!(harness.step(&filled(fill(1, Buy, "100", "2", "0"))), expected);
}

#[test]
fn a_value_at_the_mid_that_does_not_fit_is_replaced_by_the_cost() {
    let mut harness = Harness::new();
    harness.step(&filled(fill(1, Buy, "0.000001", "1000000000000000", "0")));
    harness.step(&quote("X", 5_000, "0.001", "0.003"));
    let fits =
        "USDT cash -1000000000 value 2000000000000 realised 0 unrealised 1999000000000 fees 0 equity 1999000000000";
    assert_eq!(harness.step(&clock(5_000)), [fits]);
    harness.step(&quote("X", 9_000, "9999999999", "10000000000"));
    let at_cost = "USDT cash -1000000000 value 1000000000 realised 0 unrealised 0 fees 0 equity 0";
    assert_eq!(harness.step(&clock(9_000)), [at_cost]);
}

#[test]
fn the_largest_numbers_do_not_stop_the_machine() {
    let mut harness = Harness::new();
    for n in 0..30 {
        let mut huge = fill(n, if n % 3 == 0 { Sell } else { Buy }, "10000000000", "1", "99999999999999999");
        huge.quantity = Quantity::from_units(Quantity::MAX_UNITS).unwrap();
        assert_eq!(harness.decide(&filled(huge)).len(), 3);
        harness.step(&funded("USDT", "99999999999999999"));
        harness.step(&clock(1_000 * u64::from(n) + 2_000));
    }
}

#[test]
fn a_late_quote_marks_no_position() {
    let mut harness = Harness::new();
    harness.step(&filled(fill(1, Side::Buy, "100", "1", "0")));
    harness.step(&aged(quote("X", 20_000, "9", "11"), 10_001));
    let equity = |harness: &mut Harness, at_ms| match &harness.decide(&clock(at_ms))[..] {
        [Event::EquityMarked(mark)] => mark.position_value.to_string(),
        other => panic!("{other:?}"),
    };
    assert_eq!(equity(&mut harness, 20_000), "100");
    harness.step(&aged(quote("X", 21_000, "9", "11"), 10_000));
    assert_eq!(equity(&mut harness, 21_000), "10");
}

/// The value of the position on the next mark by the clock, and the age of its mark in seconds.
fn marked(harness: &mut Harness, at_s: u64) -> (String, u64) {
    let events = harness.decide(&clock(at_s * 1_000));
    let [Event::EquityMarked(mark)] = &events[..] else { panic!("{events:?}") };
    (mark.position_value.to_string(), at_s - mark.marked_at.unwrap() / (1_000 * MS))
}

#[test]
fn a_quote_that_vanished_marks_no_more_and_the_age_of_a_mark_is_said() {
    let mut harness = Harness::new();
    harness.step(&filled(fill(1, Side::Buy, "100", "2", "0")));
    let is = |value: &str, age| (value.to_string(), age);
    assert_eq!(marked(&mut harness, 2), is("200", 1));
    harness.step(&print("X", 3_000, "50"));
    assert_eq!(marked(&mut harness, 3), is("200", 2), "the quote is in force");
    harness.step(&quote("X", 4_000, "", "101"));
    assert_eq!(marked(&mut harness, 5), is("200", 4), "no bid: the last mid, until a trade");
    harness.step(&print("X", 6_000, "50"));
    assert_eq!(marked(&mut harness, 7), is("100", 1));
    harness.step(&quote("X", 8_000, "61", "60"));
    assert_eq!(marked(&mut harness, 9), is("100", 3), "crossed");
    harness.step(&quote("X", 10_000, "60", "60"));
    assert_eq!(marked(&mut harness, 11), is("120", 1), "locked");
    // The quote is older than market.late_ms when the trade prints.
    harness.step(&print("X", 20_000, "40"));
    assert_eq!(marked(&mut harness, 20), is("120", 10));
    harness.step(&print("X", 20_001, "40"));
    assert_eq!(marked(&mut harness, 22), is("80", 2));
}

#[test]
fn the_oldest_of_several_marks_is_said_and_none_without_a_position() {
    let mut harness = Harness::new();
    harness.step(&definition("Y", "USDT"));
    harness.step(&quote("Y", 3_000, "9", "11"));
    harness.step(&funded("USDT", "1000"));
    let [Event::EquityMarked(mark)] = &harness.decide(&clock(4_000))[..] else { panic!("a mark") };
    assert_eq!(mark.marked_at, None);
    harness.step(&filled(OrderFilled { instrument: instrument("Y"), ..fill(1, Side::Buy, "10", "1", "0") }));
    assert_eq!(marked(&mut harness, 6).1, 3);
    harness.step(&filled(fill(2, Side::Sell, "100", "1", "0")));
    assert_eq!(marked(&mut harness, 8).1, 7, "that of X");
}

#[test]
fn a_price_below_zero_values_a_position_with_its_sign() {
    let mut harness = Harness::new();
    harness.step(&quote("X", 2_000, "-38", "-37"));
    harness.step(&filled(fill(1, Side::Buy, "-37", "2", "0")));
    assert_eq!(marked(&mut harness, 3), ("-75".to_string(), 1));
}
