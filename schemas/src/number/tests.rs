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
        ("0.0000000001", NumberError::TooPrecise(9)),
        ("10000000001", NumberError::OutOfRange(10_000_000_000)),
    ] {
        assert_eq!(text.parse::<Price>(), Err(error), "{text}");
    }
}

#[test]
fn notional_is_exact_at_the_corners_of_the_range() {
    let least: Price = "0.000000001".parse().unwrap();
    let most: Quantity = "1000000000000".parse().unwrap();
    assert_eq!(least.notional(most).unwrap().to_string(), "1000");
    let unit: Quantity = "0.000000001".parse().unwrap();
    assert_eq!(least.notional(unit).unwrap().to_string(), "0.000000000000000001");
    assert_eq!(Price::from_units(Price::MAX_UNITS).unwrap().notional(most), None);
}

#[test]
fn division_rounds_half_to_even() {
    assert_eq!([5, 15, 25, -5, -15, 14, 16].map(|n| div_half_even(n, 10)), [0, 2, 2, 0, -2, 1, 2]);
}

#[test]
fn a_value_at_the_mid_rounds_half_to_even() {
    for (units, bid, ask, is) in [(1, 1, 2, 2), (1, 2, 3, 2), (-1, 1, 2, -2), (-1, 2, 3, -2), (3, 1, 3, 6)] {
        let (quantity, price) = (Quantity::saturating_from_units(units), Price::saturating_from_units);
        assert_eq!(quantity.value_at_mid(price(bid), price(ask)).units(), is, "{units} {bid} {ask}");
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

proptest! {
    #[test]
    fn every_number_round_trips_through_text_and_messagepack(units in -Quantity::MAX_UNITS..=Quantity::MAX_UNITS) {
        let quantity = Quantity::from_units(units).unwrap();
        prop_assert_eq!(quantity.to_string().parse::<Quantity>().unwrap(), quantity);
        let bytes = rmp_serde::to_vec(&quantity).unwrap();
        prop_assert_eq!(rmp_serde::from_slice::<Quantity>(&bytes).unwrap(), quantity);
    }
    #[test]
    fn any_text_parses_or_is_refused_without_panic(text in "[-+0-9.e]{0,70}") {
        let _ = text.parse::<Money>();
    }
}
