//! Products and divisions that `tapedeck_schemas::number` does not have. At the bounds they saturate.

use tapedeck_schemas::number::{Money, Quantity};

/// A quantity as an amount of its own currency, exact: 1e-9 to 1e-21. `risk` approves no order over 1e15.
pub(crate) fn amount(quantity: Quantity) -> Money {
    Money::saturating_from_units(quantity.units().saturating_mul(Money::ONE / Quantity::ONE))
}

/// whole · part / of, rounded half to even to 1e-21, for 0 ≤ part ≤ of; zero for an `of` of zero.
///
/// The product may need 256 bits (1e38 · 1e27), so it is built bit by bit of `part`, as quotient and remainder; as the
/// quotient never exceeds `whole`, nothing overflows.
pub(crate) fn share(whole: Money, part: Quantity, of: Quantity) -> Money {
    let magnitude = whole.units().unsigned_abs();
    let part = part.units().unsigned_abs();
    let of = of.units().unsigned_abs();
    if of == 0 || part >= of {
        return if of == 0 { Money::ZERO } else { whole };
    }
    let mut quotient = 0u128;
    let mut remainder = 0u128;
    for bit in (0..u128::BITS - part.leading_zeros()).rev() {
        quotient *= 2;
        remainder *= 2;
        if part >> bit & 1 == 1 {
            quotient += magnitude / of;
            remainder += magnitude % of;
        }
        quotient += remainder / of;
        remainder %= of;
    }
    let rounded = match (remainder * 2).cmp(&of) {
        std::cmp::Ordering::Less => quotient,
        std::cmp::Ordering::Equal => quotient + (quotient & 1),
        std::cmp::Ordering::Greater => quotient + 1,
    };
    let units = i128::try_from(rounded).unwrap_or(i128::MAX);
    Money::saturating_from_units(if whole.is_negative() { -units } else { units })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn money(units: i128) -> Money {
        Money::saturating_from_units(units)
    }
    fn quantity(units: i128) -> Quantity {
        Quantity::saturating_from_units(units)
    }

    #[test]
    fn a_share_rounds_half_to_even() {
        for (whole, part, of, expected) in
            [(1, 1, 2, 0), (3, 1, 2, 2), (5, 1, 2, 2), (-3, 1, 2, -2), (10, 1, 3, 3), (10, 2, 3, 7), (7, 0, 3, 0)]
        {
            assert_eq!(share(money(whole), quantity(part), quantity(of)).units(), expected, "{whole} {part}/{of}");
        }
    }

    #[test]
    fn a_share_is_exact_at_the_bounds() {
        let most = quantity(Quantity::MAX_UNITS);
        assert_eq!(share(money(Money::MAX_UNITS), most, most).units(), Money::MAX_UNITS);
        let half = quantity(Quantity::MAX_UNITS / 2);
        assert_eq!(share(money(-Money::MAX_UNITS), half, most).units(), -Money::MAX_UNITS / 2);
        assert_eq!(share(money(5), half, Quantity::ZERO), Money::ZERO);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn a_share_equals_plain_division_in_the_range_of_i128(
            whole in -1_000_000_000_000_000_000i128..1_000_000_000_000_000_000,
            part in 0i128..1_000_000,
            of in 1i128..1_000_000,
        ) {
            let part = part.min(of);
            let got = share(money(whole), quantity(part), quantity(of)).units();
            let twice_error = (2 * (got * of - whole * part)).abs();
            prop_assert!(twice_error < of || (twice_error == of && got % 2 == 0), "{}", got);
        }
    }
}
