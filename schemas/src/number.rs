//! Exact decimal numbers: prices, quantities, ratios and money. No floats; only operations that say so round.
//!
//! Each type is a signed 128-bit count of a fixed unit (decision 0002):
//!
//! | type | unit | bound on the magnitude |
//! |---|---|---|
//! | [`Price`] | 1e-12 of the quote currency | 1e10 |
//! | [`Quantity`] | 1e-9 of the base currency | 1e18 |
//! | [`Ratio`] | 1e-9 | 1e18 |
//! | [`Money`] | 1e-21 of a currency | 1e17 |
//! | [`Total`] | 1e-21 | 1e38 |
//!
//! A price times a quantity is *exactly* money (1e-12 · 1e-9 = 1e-21). Operations that must round (division, a fee
//! rate) round half to even. A value from outside that does not fit is refused. `+`, `-` and the operations named
//! `saturating` stop at the bound: decision 0016 lists why no booked amount reaches it, and `tapedeck verify` compares
//! bookings with sums in [`Total`], which has no such bound.
//!
//! In a record a number is its mantissa and its decimals (`record/decimal.rs`). In other MessagePack it is its count of
//! units: an integer if it fits signed 64 bits, otherwise the fewest big-endian bytes that hold it, 9 to 16. In
//! messages from outside (market events, commands) a number is the decimal
//! that it spells: text, or an integer, which is a whole number (`spelled`). In JSON a number is written as text
//! without trailing zeros.

use std::fmt;
use std::str::FromStr;

use serde::de;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::offset::NS_PER_MS;

mod text;
mod total;
mod wire;

pub use text::{NUMBER_BYTES_MAX, NumberError};
pub use total::Total;
pub use wire::{INSTEAD_OF_FLOAT, SpelledNumber, spelled, spelled_pairs};

/// Returns `n / d`, rounded half to even. `d` must not be zero.
const fn div_half_even(n: i128, d: i128) -> i128 {
    let (n, d) = if d < 0 { (-n, -d) } else { (n, d) };
    let q = n.div_euclid(d);
    let r = n.rem_euclid(d);
    let twice = r.checked_mul(2);
    match twice {
        Some(t) if t < d => q,
        Some(t) if t == d => q + (q & 1),
        _ => q + 1,
    }
}

/// A number type of this module.
pub trait Decimal: Copy + fmt::Display + FromStr<Err = NumberError> {
    /// Creates a whole number; an error beyond the bound.
    fn from_whole(n: i128) -> Result<Self, NumberError>;
    /// Returns the number if it is whole and fits signed 64 bits.
    fn to_whole(self) -> Option<i64>;
}

macro_rules! fixed {
    ($(#[$doc:meta])* $name:ident, $scale:literal, $bound:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(i128);

        impl $name {
            /// Number of decimals of the unit.
            pub const SCALE: u32 = $scale;
            /// Number of units in 1.
            pub const ONE: i128 = 10i128.pow($scale);
            /// Greatest magnitude, in units.
            pub const MAX_UNITS: i128 = $bound * Self::ONE;
            /// The number 0.
            pub const ZERO: Self = Self(0);

            /// Creates a number from a count of units; `None` beyond the bound.
            pub const fn from_units(units: i128) -> Option<Self> {
                if units >= -Self::MAX_UNITS && units <= Self::MAX_UNITS { Some(Self(units)) } else { None }
            }
            /// Creates a number from a count of units; saturates at the bound.
            pub const fn saturating_from_units(units: i128) -> Self {
                if units > Self::MAX_UNITS {
                    Self(Self::MAX_UNITS)
                } else if units < -Self::MAX_UNITS {
                    Self(-Self::MAX_UNITS)
                } else {
                    Self(units)
                }
            }
            /// Returns the sum; `None` beyond the bound.
            pub const fn checked_add(self, other: Self) -> Option<Self> {
                match self.0.checked_add(other.0) {
                    Some(units) => Self::from_units(units),
                    None => None,
                }
            }
            /// Creates a whole number; saturates at the bound.
            pub const fn whole(n: i64) -> Self { Self::saturating_from_units((n as i128).saturating_mul(Self::ONE)) }
            /// Returns the count of units.
            pub const fn units(self) -> i128 { self.0 }
            /// Returns the magnitude.
            pub const fn abs(self) -> Self { Self(self.0.abs()) }
            /// Returns whether the number is above zero.
            pub const fn is_positive(self) -> bool { self.0 > 0 }
            /// Returns whether the number is below zero.
            pub const fn is_negative(self) -> bool { self.0 < 0 }
            /// Returns whether the number is zero.
            pub const fn is_zero(self) -> bool { self.0 == 0 }
            /// Returns whether the number is a multiple of `step`; false if `step` is not positive.
            pub const fn is_multiple_of(self, step: Self) -> bool { step.0 > 0 && self.0 % step.0 == 0 }
            /// Rounds toward zero to a multiple of `step`; returns the number itself if `step` is not positive.
            pub const fn truncate_to(self, step: Self) -> Self {
                if step.0 > 0 { Self(self.0 - self.0 % step.0) } else { self }
            }
            /// Converts to `f64`, with rounding. For statistics inside strategies only: never convert the result back.
            pub fn to_f64(self) -> f64 { self.0 as f64 / Self::ONE as f64 }
        }
        impl std::ops::Add for $name {
            type Output = Self;
            fn add(self, other: Self) -> Self { Self::saturating_from_units(self.0.saturating_add(other.0)) }
        }
        impl std::ops::Sub for $name {
            type Output = Self;
            fn sub(self, other: Self) -> Self { Self::saturating_from_units(self.0.saturating_sub(other.0)) }
        }
        impl std::ops::Neg for $name {
            type Output = Self;
            fn neg(self) -> Self { Self(-self.0) }
        }
        impl std::ops::AddAssign for $name {
            fn add_assign(&mut self, other: Self) { *self = *self + other; }
        }
        impl std::ops::SubAssign for $name {
            fn sub_assign(&mut self, other: Self) { *self = *self - other; }
        }
        impl std::iter::Sum for $name {
            fn sum<I: Iterator<Item = Self>>(iter: I) -> Self { iter.fold(Self::ZERO, |a, b| a + b) }
        }
        impl FromStr for $name {
            type Err = NumberError;
            fn from_str(text: &str) -> Result<Self, NumberError> {
                text::parse(text, Self::SCALE, Self::MAX_UNITS).map(Self)
            }
        }
        impl Decimal for $name {
            fn from_whole(n: i128) -> Result<Self, NumberError> {
                let units = n.checked_mul(Self::ONE).and_then(Self::from_units);
                units.ok_or(text::out_of_range(Self::SCALE, Self::MAX_UNITS))
            }
            fn to_whole(self) -> Option<i64> {
                if self.0 % Self::ONE == 0 { i64::try_from(self.0 / Self::ONE).ok() } else { None }
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { text::format(self.0, Self::SCALE, f) }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { text::format(self.0, Self::SCALE, f) }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    return serializer.collect_str(self);
                }
                wire::serialize_units(self.0, serializer)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    return spelled::deserialize(deserializer);
                }
                let units = deserializer.deserialize_any(wire::Units)?;
                let out_of_range = || de::Error::custom(text::out_of_range(Self::SCALE, Self::MAX_UNITS));
                Self::from_units(units).ok_or_else(out_of_range)
            }
        }
    };
}

fixed!(
    /// Price of one unit of the base currency, in the quote currency. Unit 1e-12.
    Price, 12, 10_000_000_000
);
fixed!(
    /// Amount of the base currency; signed where the sign gives the side. Unit 1e-9.
    Quantity, 9, 1_000_000_000_000_000_000
);
fixed!(
    /// Dimensionless number: a weight, a fraction, or the value of a limit. Unit 1e-9.
    Ratio, 9, 1_000_000_000_000_000_000
);
fixed!(
    /// Amount of a currency. Unit 1e-21, so that price · quantity is exact.
    Money, 21, 100_000_000_000_000_000
);

impl Price {
    /// Returns price · quantity, exact; `None` beyond the bound of [`Money`].
    pub const fn notional(self, quantity: Quantity) -> Option<Money> {
        match self.0.checked_mul(quantity.0) {
            Some(units) => Money::from_units(units),
            None => None,
        }
    }
    /// Returns price · quantity, exact; saturates at the bound of [`Money`].
    pub const fn saturating_notional(self, quantity: Quantity) -> Money {
        Money::saturating_from_units(self.0.saturating_mul(quantity.0))
    }
    /// Returns the arithmetic mean of two prices, rounded half to even to 1e-12.
    pub const fn mid(self, other: Price) -> Price {
        Price::saturating_from_units(div_half_even(self.0 + other.0, 2))
    }
    /// Returns the arithmetic mean of two prices, rounded toward zero to 1e-12. `risk` uses it: another rounding
    /// changes its decisions.
    pub const fn mid_toward_zero(self, other: Price) -> Price {
        Price::saturating_from_units((self.0 + other.0) / 2)
    }
}

impl Quantity {
    /// Returns quantity · (bid + ask) / 2, rounded once, half to even to 1e-21; `None` beyond the bound of [`Money`].
    pub const fn value_at_mid(self, bid: Price, ask: Price) -> Option<Money> {
        match (bid.0 + ask.0).checked_mul(self.0) {
            Some(twice) => Money::from_units(div_half_even(twice, 2)),
            None => None,
        }
    }
    /// Converts to an amount of the base currency, exact; `None` beyond the bound of [`Money`].
    pub const fn to_money(self) -> Option<Money> {
        match self.0.checked_mul(Money::ONE / Quantity::ONE) {
            Some(units) => Money::from_units(units),
            None => None,
        }
    }
}

impl Money {
    /// Returns money / quantity, rounded half to even to 1e-12; `None` for a zero quantity or beyond the bound.
    pub const fn per(self, quantity: Quantity) -> Option<Price> {
        if quantity.0 == 0 { None } else { Price::from_units(div_half_even(self.0, quantity.0)) }
    }
    /// Returns money / price, rounded toward zero to 1e-9; `None` for a zero price or beyond the bound.
    pub const fn at(self, price: Price) -> Option<Quantity> {
        if price.0 == 0 { None } else { Quantity::from_units(self.0 / price.0) }
    }
    /// Returns amount · price, where the amount is of the base currency, rounded half to even to 1e-21; saturates at
    /// the bound.
    pub const fn saturating_value_at(self, price: Price) -> Money {
        // Split so that the rest cannot overflow: below 1e12 units, times at most 1e22.
        let whole = (self.0 / Price::ONE).saturating_mul(price.0);
        let rest = div_half_even((self.0 % Price::ONE) * price.0, Price::ONE);
        Money::saturating_from_units(whole.saturating_add(rest))
    }
    /// Returns amount · ratio (a fee rate, a weight), rounded half to even to 1e-21; saturates at the bound.
    pub const fn scaled_by(self, ratio: Ratio) -> Money {
        // Split so that the rest cannot overflow: below 1e9 units, times at most 1e27.
        let whole = (self.0 / Ratio::ONE).saturating_mul(ratio.0);
        let rest = div_half_even((self.0 % Ratio::ONE).saturating_mul(ratio.0), Ratio::ONE);
        Money::saturating_from_units(whole.saturating_add(rest))
    }
}

impl Ratio {
    /// Converts milliseconds to nanoseconds, rounded toward zero; 0 for a negative number, and the greatest time for
    /// one beyond it.
    pub const fn milliseconds_to_ns(self) -> u64 {
        let ns = self.0 / (Ratio::ONE / NS_PER_MS as i128);
        match ns {
            ..0 => 0,
            _ if ns > u64::MAX as i128 => u64::MAX,
            _ => ns as u64,
        }
    }
    /// Converts nanoseconds to milliseconds, exact.
    pub const fn milliseconds_from_ns(ns: u64) -> Ratio {
        Ratio::saturating_from_units(ns as i128 * (Ratio::ONE / NS_PER_MS as i128))
    }
    /// Converts to [`Money`], exact; `None` beyond the bound of [`Money`].
    pub const fn to_money(self) -> Option<Money> {
        match self.0.checked_mul(Money::ONE / Ratio::ONE) {
            Some(units) => Money::from_units(units),
            None => None,
        }
    }
    /// Returns the ratio of two counts of the same unit, rounded half to even to 1e-9; zero for a zero denominator.
    pub const fn of(numerator: i128, denominator: i128) -> Ratio {
        if denominator == 0 {
            return Ratio::ZERO;
        }
        // `i128::MIN` cannot be negated, which a negative denominator would require.
        let scaled = numerator.saturating_mul(Ratio::ONE);
        let scaled = if scaled == i128::MIN { -i128::MAX } else { scaled };
        let denominator = if denominator == i128::MIN { -i128::MAX } else { denominator };
        Ratio::saturating_from_units(div_half_even(scaled, denominator))
    }
}

#[cfg(test)]
mod tests;
