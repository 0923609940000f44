//! Exact sums without the bound of a number type.

use std::fmt;
use std::ops::{AddAssign, Neg};
use std::str::FromStr;

use super::{Money, NUMBER_BYTES_MAX, NumberError, Price, Quantity, Ratio};

/// An exact sum of prices, quantities, money or products, in units of 1e-21. The whole part has 128 bits: as no addend
/// is above 1e28, 1e10 of the greatest addends fit.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Total {
    /// Whole part, rounded toward minus infinity.
    whole: i128,
    /// Rest, in units of 1e-21; from 0 to below 1.
    rest: i128,
}

/// Decimals of the unit.
const SCALE: u32 = 21;
/// Units of the rest in 1.
const ONE: i128 = 10i128.pow(SCALE);

impl Total {
    /// The sum of nothing.
    pub const ZERO: Self = Self { whole: 0, rest: 0 };

    /// `units` of 1/`one`, where `one` is a power of ten of at most 1e21.
    const fn scaled(units: i128, one: i128) -> Self {
        Self { whole: units.div_euclid(one), rest: units.rem_euclid(one) * (ONE / one) }
    }

    /// Returns price · quantity, exact.
    pub fn product(price: Price, quantity: Quantity) -> Self {
        // The factors are split at the point, so that no partial product exceeds 128 bits: 1e10 · 1e27, 1e12 · 1e18 and
        // 1e12 · 1e9 units.
        let (price_whole, price_rest) = (price.units() / Price::ONE, price.units() % Price::ONE);
        let (whole, rest) = (quantity.units() / Quantity::ONE, quantity.units() % Quantity::ONE);
        let mut sum = Self::scaled(price_whole * quantity.units(), Quantity::ONE);
        sum += Self::scaled(price_rest * whole, Price::ONE);
        sum += Self::scaled(price_rest * rest, Price::ONE * Quantity::ONE);
        sum
    }

    /// Returns the sum; `None` beyond the bound of the whole part.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let rest = self.rest + other.rest;
        let whole = self.whole.checked_add(other.whole)?.checked_add(rest / ONE)?;
        Some(Self { whole, rest: rest % ONE })
    }

    /// Returns the sum as money; `None` beyond the bound of [`Money`].
    pub fn to_money(self) -> Option<Money> {
        self.whole.checked_mul(ONE)?.checked_add(self.rest).and_then(Money::from_units)
    }
}

impl AddAssign for Total {
    /// Stops at the bound of the whole part, which no count of addends that fits a tape reaches.
    fn add_assign(&mut self, other: Self) {
        let most = Self { whole: if other.whole < 0 { i128::MIN } else { i128::MAX }, rest: 0 };
        *self = self.checked_add(other).unwrap_or(most);
    }
}

impl Neg for Total {
    type Output = Self;
    fn neg(self) -> Self {
        match self.rest {
            0 => Self { whole: self.whole.saturating_neg(), rest: 0 },
            rest => Self { whole: self.whole.saturating_neg().saturating_sub(1), rest: ONE - rest },
        }
    }
}

macro_rules! addend {
    ($($ty:ty),*) => {$(
        impl From<$ty> for Total {
            fn from(number: $ty) -> Self { Self::scaled(number.units(), <$ty>::ONE) }
        }
        impl AddAssign<$ty> for Total {
            fn add_assign(&mut self, number: $ty) { *self += Self::from(number); }
        }
    )*};
}
addend!(Price, Quantity, Ratio, Money);

impl fmt::Display for Total {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, magnitude) = if self.whole < 0 { ("-", -*self) } else { ("", *self) };
        if magnitude.rest == 0 {
            return f.pad(&format!("{sign}{}", magnitude.whole));
        }
        let rest = format!("{:0width$}", magnitude.rest, width = SCALE as usize);
        f.pad(&format!("{sign}{}.{}", magnitude.whole, rest.trim_end_matches('0')))
    }
}

impl fmt::Debug for Total {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Total {
    type Err = NumberError;
    /// Parses what `Display` writes: digits and an optional point.
    fn from_str(text: &str) -> Result<Self, NumberError> {
        if text.len() > NUMBER_BYTES_MAX {
            return Err(NumberError::TooLong);
        }
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let (whole, rest) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
        let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !is_digits(whole) || !is_digits(rest) {
            return Err(NumberError::Malformed);
        }
        let rest = rest.trim_end_matches('0');
        if rest.len() > SCALE as usize {
            return Err(NumberError::TooPrecise(SCALE));
        }
        let whole = whole.parse().map_err(|_| NumberError::OutOfRange(i128::MAX))?;
        let rest = format!("{rest:0<width$}", width = SCALE as usize).parse().map_err(|_| NumberError::Malformed)?;
        let total = Self { whole, rest };
        Ok(if text.starts_with('-') { -total } else { total })
    }
}
