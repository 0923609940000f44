//! Exact decimal numbers: prices, quantities, ratios and money. No floats; only operations that say so round.
//!
//! Each type is a signed 128-bit count of a fixed unit (decision 0002):
//!
//! | type | unit | bound on the magnitude |
//! |---|---|---|
//! | [`Price`] | 1e-9 of the quote currency | 1e10 |
//! | [`Quantity`] | 1e-9 of the base currency | 1e13 |
//! | [`Ratio`] | 1e-9 | 1e12 |
//! | [`Money`] | 1e-18 of a currency | 1e20 |
//!
//! A price times a quantity is *exactly* money (1e-9 · 1e-9 = 1e-18). Operations that must round (division, a fee rate)
//! round half to even. Arithmetic saturates at the bound. On the wire a number is a MessagePack integer if it fits
//! signed 64 bits, otherwise 16 big-endian bytes; in JSON it is a decimal string without trailing zeros.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::offset::NS_PER_MS;

/// Reason why a text is not a number of these types.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// The text is not of the form `-?digits[.digits]`, or is longer than 64 bytes.
    #[error("not a decimal number (want digits, an optional point, no exponent)")]
    Malformed,
    /// The number has more decimals than the unit. Holds the greatest number of decimals.
    #[error("has more than {0} decimals")]
    TooPrecise(u32),
    /// The magnitude exceeds the bound of the type.
    #[error("is out of range")]
    OutOfRange,
}

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

fn parse(text: &str, scale: u32) -> Result<i128, NumberError> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    if !all_digits(whole) || !all_digits(fraction) || text.len() > 64 {
        return Err(NumberError::Malformed);
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > scale as usize {
        return Err(NumberError::TooPrecise(scale));
    }
    let mut units: i128 = 0;
    let padding = scale as usize - fraction.len();
    let padded = fraction.bytes().chain(std::iter::repeat_n(b'0', padding));
    for digit in whole.bytes().chain(padded) {
        units = units
            .checked_mul(10)
            .and_then(|u| u.checked_add(i128::from(digit - b'0')))
            .ok_or(NumberError::OutOfRange)?;
    }
    Ok(if negative { -units } else { units })
}

fn format(units: i128, scale: u32, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let sign = if units < 0 { "-" } else { "" };
    let magnitude = units.unsigned_abs();
    let one = 10u128.pow(scale);
    let (whole, fraction) = (magnitude / one, magnitude % one);
    if fraction == 0 {
        return f.pad(&format!("{sign}{whole}"));
    }
    let fraction = format!("{fraction:0width$}", width = scale as usize);
    f.pad(&format!("{sign}{whole}.{}", fraction.trim_end_matches('0')))
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
                Self::from_units(parse(text, Self::SCALE)?).ok_or(NumberError::OutOfRange)
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { format(self.0, Self::SCALE, f) }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { format(self.0, Self::SCALE, f) }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    return serializer.collect_str(self);
                }
                match i64::try_from(self.0) {
                    Ok(small) => serializer.serialize_i64(small),
                    Err(_) => serializer.serialize_bytes(&self.0.to_be_bytes()),
                }
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let units = if deserializer.is_human_readable() {
                    deserializer.deserialize_str(Text($scale))?
                } else {
                    deserializer.deserialize_any(Units)?
                };
                Self::from_units(units).ok_or_else(|| de::Error::custom(NumberError::OutOfRange))
            }
        }
    };
}

fixed!(
    /// Price of one unit of the base currency, in the quote currency. Unit 1e-9.
    Price, 9, 10_000_000_000
);
fixed!(
    /// Amount of the base currency; signed where the sign gives the side. Unit 1e-9.
    Quantity, 9, 10_000_000_000_000
);
fixed!(
    /// Dimensionless number: a weight, a fraction, or the value of a limit. Unit 1e-9.
    Ratio, 9, 1_000_000_000_000
);
fixed!(
    /// Amount of a currency. Unit 1e-18, so that price · quantity is exact.
    Money, 18, 100_000_000_000_000_000_000
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
    /// Returns the arithmetic mean of two prices, rounded half to even to 1e-9.
    pub const fn mid(self, other: Price) -> Price {
        Price::saturating_from_units(div_half_even(self.0 + other.0, 2))
    }
    /// Returns the arithmetic mean of two prices, rounded toward zero to 1e-9. `risk` uses it: another rounding changes
    /// its decisions.
    pub const fn mid_toward_zero(self, other: Price) -> Price {
        Price::saturating_from_units((self.0 + other.0) / 2)
    }
    /// Returns price · ratio, rounded half to even to 1e-9.
    pub const fn scaled_by(self, ratio: Ratio) -> Price {
        Price::saturating_from_units(div_half_even(self.0.saturating_mul(ratio.0), Ratio::ONE))
    }
}

impl Quantity {
    /// Returns quantity · (bid + ask) / 2, rounded once, half to even to 1e-18; saturates at the bound of [`Money`].
    pub const fn value_at_mid(self, bid: Price, ask: Price) -> Money {
        let twice = bid.0.saturating_add(ask.0).saturating_mul(self.0);
        Money::saturating_from_units(div_half_even(twice, 2))
    }
}

impl Money {
    /// Returns money / quantity, rounded half to even to 1e-9; `None` for a zero quantity or beyond the bound.
    pub const fn per(self, quantity: Quantity) -> Option<Price> {
        if quantity.0 == 0 { None } else { Price::from_units(div_half_even(self.0, quantity.0)) }
    }
    /// Returns money / price, rounded toward zero to 1e-9; `None` for a zero price or beyond the bound.
    pub const fn at(self, price: Price) -> Option<Quantity> {
        if price.0 == 0 { None } else { Quantity::from_units(self.0 / price.0) }
    }
    /// Returns amount · ratio (a fee rate, a weight), rounded half to even to 1e-18.
    pub const fn scaled_by(self, ratio: Ratio) -> Money {
        // Split so that the product cannot overflow: |self| ≤ 1e38, |ratio| ≤ 1e21 units.
        let whole = (self.0 / Ratio::ONE).saturating_mul(ratio.0);
        let rest = div_half_even((self.0 % Ratio::ONE).saturating_mul(ratio.0), Ratio::ONE);
        Money::saturating_from_units(whole.saturating_add(rest))
    }
}

impl Ratio {
    /// Converts milliseconds to nanoseconds, rounded toward zero; 0 for a negative number.
    pub const fn milliseconds_to_ns(self) -> u64 {
        let ns = self.0 / (Ratio::ONE / NS_PER_MS as i128);
        if ns < 0 || ns > u64::MAX as i128 { 0 } else { ns as u64 }
    }
    /// Converts nanoseconds to milliseconds, exact; saturates at the bound, which is 1e18 ns (31 years).
    pub const fn milliseconds_from_ns(ns: u64) -> Ratio {
        Ratio::saturating_from_units(ns as i128 * (Ratio::ONE / NS_PER_MS as i128))
    }
    /// Converts to [`Money`], exact.
    pub const fn to_money(self) -> Money {
        Money::saturating_from_units(self.0 * Ratio::ONE)
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

struct Units;

impl Visitor<'_> for Units {
    type Value = i128;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an integer, or 16 big-endian bytes for one beyond 64 bits")
    }
    fn visit_i64<E: de::Error>(self, v: i64) -> Result<i128, E> {
        Ok(i128::from(v))
    }
    fn visit_u64<E: de::Error>(self, v: u64) -> Result<i128, E> {
        // The encoding is canonical: an integer if it fits i64, otherwise bytes.
        i64::try_from(v).map(i128::from).map_err(|_| E::custom("integer beyond i64 must be written as bytes"))
    }
    fn visit_bytes<E: de::Error>(self, v: &[u8]) -> Result<i128, E> {
        let bytes: [u8; 16] = v.try_into().map_err(|_| E::custom("want 16 bytes"))?;
        let units = i128::from_be_bytes(bytes);
        if i64::try_from(units).is_ok() {
            return Err(E::custom("a number within 64 bits must be written as an integer"));
        }
        Ok(units)
    }
}

struct Text(u32);

impl Visitor<'_> for Text {
    type Value = i128;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a decimal string")
    }
    fn visit_str<E: de::Error>(self, v: &str) -> Result<i128, E> {
        parse(v, self.0).map_err(|e| E::custom(format!("{v:?} {e}")))
    }
}

#[cfg(test)]
mod tests;
