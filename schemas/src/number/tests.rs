//! Numbers in text and on the wire, and how they round.

use super::*;
use proptest::prelude::*;

#[test]
fn text_round_trips_without_trailing_zeros() {
    for (given, shown) in [
        ("1.50", "1.5"),
        ("0.000000001", "0.000000001"),
        ("-3", "-3"),
        ("000.10", "0.1"),
        ("61837.63000000", "61837.63"),
    ] {
        assert_eq!(given.parse::<Price>().unwrap().to_string(), shown);
    }
}

#[test]
fn what_is_not_exact_is_refused() {
    for (text, error) in [
        ("1e", NumberError::Malformed),
        ("1e1.5", NumberError::Malformed),
        ("NaN", NumberError::Malformed),
        (".5", NumberError::Malformed),
        ("", NumberError::Malformed),
        ("+1", NumberError::Malformed),
        ("1.", NumberError::Malformed),
        ("0.0000000000001", NumberError::TooPrecise(12)),
        ("1e-13", NumberError::TooPrecise(12)),
        ("1e-400", NumberError::TooPrecise(12)),
        ("10000000000.0000000000001", NumberError::TooPrecise(12)),
        ("1e400", NumberError::OutOfRange(10_000_000_000)),
        ("1e99999999999999999999", NumberError::OutOfRange(10_000_000_000)),
        ("123456789012345678901234567890123456789012345678901234567890", NumberError::OutOfRange(10_000_000_000)),
        ("10000000001", NumberError::OutOfRange(10_000_000_000)),
    ] {
        assert_eq!(text.parse::<Price>(), Err(error), "{text}");
    }
}

#[test]
fn the_same_decimal_in_any_spelling_is_the_same_number() {
    for text in ["10", "10.0", "1e1", "1E+1", "100e-1", "0.1e2", "0010", "10.000000000000000000000", "1.0e01"] {
        assert_eq!(text.parse::<Price>(), Ok(Price::whole(10)), "{text}");
    }
    for zero in ["0", "-0", "0.0", "0e400", "0e-400", "-0.000e5"] {
        assert_eq!(zero.parse::<Price>(), Ok(Price::ZERO), "{zero}");
    }
}

#[test]
fn what_is_traded_fits_and_the_next_unit_does_not() {
    for (least, most, beyond) in [
        ("0.000000000001", "10000000000", "10000000000.000000000001"),
        ("-0.000000000001", "-10000000000", "-10000000000.000000000001"),
    ] {
        assert_eq!(least.parse::<Price>().unwrap().to_string(), least);
        assert_eq!(most.parse::<Price>().unwrap().to_string(), most);
        assert_eq!(beyond.parse::<Price>(), Err(NumberError::OutOfRange(10_000_000_000)));
    }
    let beyond = "1000000000000000000.000000001";
    assert_eq!(beyond.parse::<Quantity>(), Err(NumberError::OutOfRange(1_000_000_000_000_000_000)));
    let beyond = "100000000000000000.000000000000000000001";
    assert_eq!(beyond.parse::<Money>(), Err(NumberError::OutOfRange(100_000_000_000_000_000)));
}

#[test]
fn notional_is_exact_at_the_corners_of_the_range() {
    let least = Price::from_units(1).unwrap();
    let most = Quantity::from_units(Quantity::MAX_UNITS).unwrap();
    assert_eq!(least.notional(most).unwrap().to_string(), "1000000");
    let unit = Quantity::from_units(1).unwrap();
    assert_eq!(least.notional(unit).unwrap().to_string(), "0.000000000000000000001");
    let dear = Price::from_units(Price::MAX_UNITS).unwrap();
    assert_eq!(dear.notional(Quantity::whole(10_000_000)).unwrap(), Money::from_units(Money::MAX_UNITS).unwrap());
    assert_eq!(dear.notional(Quantity::whole(10_000_000) + unit), None);
    assert_eq!(dear.notional(most), None);
    assert_eq!(Total::product(dear, most).to_string(), "10000000000000000000000000000");
}

#[test]
fn a_number_beyond_64_bits_is_written_in_the_fewest_bytes() {
    for (units, bytes) in [
        (i128::from(i64::MAX), "cf7fffffffffffffff"),
        (i128::from(i64::MIN), "d38000000000000000"),
        (i128::from(i64::MAX) + 1, "c409008000000000000000"),
        (i128::from(i64::MIN) - 1, "c409ff7fffffffffffffff"),
        (i128::from(u64::MAX), "c40900ffffffffffffffff"),
        (Money::MAX_UNITS, "c4104b3b4ca85a86c47a098a224000000000"),
    ] {
        let packed = rmp_serde::to_vec(&Money::from_units(units).unwrap()).unwrap();
        let hex: String = packed.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, bytes, "{units}");
        assert_eq!(rmp_serde::from_slice::<Money>(&packed).unwrap().units(), units);
        let padded = [&[0xc4, 16][..], &units.to_be_bytes()].concat();
        assert_eq!(rmp_serde::from_slice::<Money>(&padded).is_ok(), padded == packed, "{units} in 16 bytes");
    }
}

#[test]
fn a_total_has_no_bound_that_a_sum_of_money_reaches() {
    let most = Money::from_units(Money::MAX_UNITS).unwrap();
    let mut total = Total::ZERO;
    for _ in 0..30 {
        total += most;
    }
    assert_eq!(total.to_string(), "3000000000000000000");
    assert_eq!(total.to_money(), None);
    total += -total;
    assert_eq!((total, total.to_money()), (Total::ZERO, Some(Money::ZERO)));
    assert_eq!("-0.5".parse::<Total>().unwrap().to_string(), "-0.5");
    for bad in ["", "-", "1e1", ".5", "1.", "+1", "0.0000000000000000000001"] {
        assert!(bad.parse::<Total>().is_err(), "{bad}");
    }
}

#[test]
fn division_rounds_half_to_even() {
    assert_eq!([5, 15, 25, -5, -15, 14, 16].map(|n| div_half_even(n, 10)), [0, 2, 2, 0, -2, 1, 2]);
}

#[test]
fn a_value_at_the_mid_rounds_half_to_even() {
    for (units, bid, ask, is) in [(1, 1, 2, 2), (1, 2, 3, 2), (-1, 1, 2, -2), (-1, 2, 3, -2), (3, 1, 3, 6)] {
        let (quantity, price) = (Quantity::saturating_from_units(units), Price::saturating_from_units);
        let value = quantity.value_at_mid(price(bid), price(ask)).unwrap();
        assert_eq!(value.units(), is, "{units} {bid} {ask}");
    }
}

#[test]
fn milliseconds_are_nanoseconds_and_back() {
    assert_eq!(
        ["1.5", "0.0000019", "-1"].map(|ms| ms.parse::<Ratio>().unwrap().milliseconds_to_ns()),
        [1_500_000, 1, 0]
    );
    assert_eq!(Ratio::milliseconds_from_ns(1_500_001).to_string(), "1.500001");
}

#[test]
fn sums_are_held_at_the_bound_and_never_panic() {
    let most = Money::from_units(Money::MAX_UNITS).unwrap();
    assert_eq!((most + most, -most - most), (most, -most));
}

/// Units up to the bound, often within ten units of it or of zero.
fn units(most: i128) -> impl Strategy<Value = i128> {
    prop_oneof![
        -most..=most,
        -10i128..10,
        (0..10i128).prop_map(move |n| most - n),
        (0..10i128).prop_map(move |n| n - most)
    ]
}

/// The text of a count of units, by another way: all decimals, then without the zeros at the end.
fn shown(units: i128, scale: usize) -> String {
    let digits = format!("{:0width$}", units.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let text = format!("{}{whole}.{fraction}", if units < 0 { "-" } else { "" });
    text.trim_end_matches('0').trim_end_matches('.').into()
}

proptest! {
    #[test]
    fn a_number_is_written_with_all_its_digits(
        money in units(Money::MAX_UNITS),
        price in units(Price::MAX_UNITS),
        zeros in 0u32..22,
    ) {
        let (power, edge) = (10i128.pow(zeros), i128::from(u64::MAX));
        for units in [money, price, price.signum(), power, -power, edge, edge + 1] {
            prop_assert_eq!(Money::from_units(units).unwrap().to_string(), shown(units, 21));
            let units = units / (Money::ONE / Quantity::ONE);
            prop_assert_eq!(Quantity::from_units(units).unwrap().to_string(), shown(units, 9));
        }
        prop_assert_eq!(Price::from_units(price).unwrap().to_string(), shown(price, 12));
        prop_assert_eq!(price, shown(price, 12).parse::<Price>().unwrap().units());
    }
    #[test]
    fn a_product_is_exact_or_refused(price in units(Price::MAX_UNITS), quantity in units(Quantity::MAX_UNITS)) {
        let (p, q) = (Price::from_units(price).unwrap(), Quantity::from_units(quantity).unwrap());
        let exact = price.checked_mul(quantity).filter(|units| units.abs() <= Money::MAX_UNITS);
        prop_assert_eq!(p.notional(q).map(Money::units), exact);
        // The total is the sum of four partial products, whatever its size.
        prop_assert_eq!(Total::product(p, q).to_money().map(Money::units), exact);
        prop_assert_eq!(-Total::product(p, q), Total::product(-p, q));
        if let (Some(money), false) = (p.notional(q), q.is_zero()) {
            prop_assert_eq!(money.per(q), Some(p));
        }
    }
    #[test]
    fn a_value_at_the_mid_is_rounded_once_or_refused(
        bid in units(Price::MAX_UNITS), ask in units(Price::MAX_UNITS), quantity in units(Quantity::MAX_UNITS),
    ) {
        let q = Quantity::from_units(quantity).unwrap();
        let value = q.value_at_mid(Price::from_units(bid).unwrap(), Price::from_units(ask).unwrap());
        match ((bid + ask).checked_mul(quantity), value) {
            (Some(twice), Some(value)) => prop_assert!((value.units() * 2 - twice).abs() <= 1),
            (Some(twice), None) => prop_assert!(twice.abs() / 2 >= Money::MAX_UNITS),
            (None, value) => prop_assert_eq!(value, None),
        }
    }
    #[test]
    fn totals_of_numbers_are_the_integer_sums(all in prop::collection::vec(units(Money::MAX_UNITS / 100), 0..80)) {
        let mut total = Total::ZERO;
        all.iter().for_each(|units| total += Money::from_units(*units).unwrap());
        prop_assert_eq!(total.to_money(), Money::from_units(all.iter().sum()));
        prop_assert_eq!(total.to_string().parse::<Total>().unwrap(), total);
    }
    #[test]
    fn a_sum_within_the_bound_is_exact_and_no_other_is_returned(
        a in units(Money::MAX_UNITS), b in units(Money::MAX_UNITS),
    ) {
        let (m, n) = (Money::from_units(a).unwrap(), Money::from_units(b).unwrap());
        let exact = a.checked_add(b).and_then(Money::from_units);
        prop_assert_eq!(m.checked_add(n), exact);
        prop_assert_eq!((m + n).units(), exact.map_or(Money::MAX_UNITS * a.signum(), Money::units));
    }
    #[test]
    fn arithmetic_at_the_bounds_never_panics(
        a in units(Money::MAX_UNITS), b in units(Ratio::MAX_UNITS), c in units(Price::MAX_UNITS),
    ) {
        let (money, ratio, price) =
            (Money::from_units(a).unwrap(), Ratio::from_units(b).unwrap(), Price::from_units(c).unwrap());
        let _ = (money.scaled_by(ratio), money.saturating_value_at(price), money.at(price), ratio.to_money());
        let _ = (Ratio::of(a, b), Ratio::of(c, a), price.mid(-price), price.mid_toward_zero(price));
        let _ = (ratio.milliseconds_to_ns(), Ratio::milliseconds_from_ns(u64::MAX));
    }
    #[test]
    fn every_number_round_trips_through_text_and_messagepack(units in -Quantity::MAX_UNITS..=Quantity::MAX_UNITS) {
        let quantity = Quantity::from_units(units).unwrap();
        prop_assert_eq!(quantity.to_string().parse::<Quantity>().unwrap(), quantity);
        let bytes = rmp_serde::to_vec(&quantity).unwrap();
        prop_assert!(bytes.len() <= 18);
        prop_assert_eq!(rmp_serde::from_slice::<Quantity>(&bytes).unwrap(), quantity);
    }
    #[test]
    fn any_text_parses_or_is_refused_without_panic(text in "[-+0-9.e]{0,70}") {
        let _ = text.parse::<Money>();
    }
}
