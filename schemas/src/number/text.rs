//! Decimal numbers in text: `-?digits[.digits][e[+-]digits]`, the grammar of a JSON number with leading zeros.
//!
//! A text is the decimal that it spells: `10`, `10.0` and `1e1` are one number. Nothing is rounded.

use std::fmt;

/// Greatest length of a number in text, in bytes.
pub const NUMBER_BYTES_MAX: usize = 64;

/// Reason why a text is not a number of these types. Part of `Rejected` facts: another message changes decisions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// The text does not have the form of a number.
    #[error("is not a decimal number (want digits, an optional point and an optional exponent)")]
    Malformed,
    /// The text is longer than [`NUMBER_BYTES_MAX`].
    #[error("is longer than {NUMBER_BYTES_MAX} bytes")]
    TooLong,
    /// The number has more decimals than the unit. Holds the greatest number of decimals.
    #[error("has more than {0} decimals")]
    TooPrecise(u32),
    /// The magnitude exceeds the bound of the type. Holds the bound.
    #[error("is out of range (the greatest magnitude is {0})")]
    OutOfRange(i128),
}

/// An exponent at which every number is out of range or too precise.
const EXPONENT_MAX: i64 = 1_000_000;
/// Any number of this many digits fits 64 bits.
const DIGITS_OF_U64: usize = 19;

/// Parses a text into a count of units of 1e-`scale`, at most `most` in magnitude.
pub(super) fn parse(text: &str, scale: u32, most: i128) -> Result<i128, NumberError> {
    if text.len() > NUMBER_BYTES_MAX {
        return Err(NumberError::TooLong);
    }
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (digits, exponent) = match unsigned.bytes().position(|byte| matches!(byte, b'e' | b'E')) {
        Some(at) => (&unsigned[..at], parse_exponent(&unsigned[at + 1..])?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    if !is_digits(whole) || !is_digits(fraction) {
        return Err(NumberError::Malformed);
    }
    // The number is the digits of `whole` and `fraction`, times ten to the power `power`.
    let fraction = fraction.trim_end_matches('0');
    let (mut whole, mut power) = (whole.trim_start_matches('0'), exponent - fraction.len() as i64);
    if fraction.is_empty() {
        let significant = whole.trim_end_matches('0');
        power += (whole.len() - significant.len()) as i64;
        whole = significant;
    }
    let mantissa = digits_value(whole, fraction);
    if mantissa == Some(0) {
        return Ok(0);
    }
    if power < -i64::from(scale) {
        return Err(NumberError::TooPrecise(scale));
    }
    let units = mantissa.zip(ten_to(power + i64::from(scale))).and_then(|(mantissa, ten)| mantissa.checked_mul(ten));
    match units {
        Some(units) if units <= most => Ok(if negative { -units } else { units }),
        _ => Err(out_of_range(scale, most)),
    }
}

/// The error for a magnitude over `most` units of 1e-`scale`.
pub(super) const fn out_of_range(scale: u32, most: i128) -> NumberError {
    NumberError::OutOfRange(most / 10i128.pow(scale))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn parse_exponent(text: &str) -> Result<i64, NumberError> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !is_digits(digits) {
        return Err(NumberError::Malformed);
    }
    let magnitude = digits.parse().map_or(EXPONENT_MAX, |exponent: i64| exponent.min(EXPONENT_MAX));
    Ok(if text.starts_with('-') { -magnitude } else { magnitude })
}

/// Ten to this power; `None` beyond 128 bits.
fn ten_to(power: i64) -> Option<i128> {
    match u32::try_from(power).ok()? {
        power @ 0..=18 => Some(i128::from(10u64.pow(power))),
        power => 10i128.checked_pow(power),
    }
}

/// The value of two runs of digits, one after the other; `None` beyond 128 bits.
fn digits_value(first: &str, second: &str) -> Option<i128> {
    let mut digits = first.bytes().chain(second.bytes()).map(|byte| byte - b'0');
    if first.len() + second.len() <= DIGITS_OF_U64 {
        return Some(i128::from(digits.fold(0u64, |value, digit| value * 10 + u64::from(digit))));
    }
    digits.try_fold(0i128, |value, digit| value.checked_mul(10)?.checked_add(i128::from(digit)))
}

/// Writes a count of units of 1e-`scale` without trailing zeros.
pub(super) fn format(units: i128, scale: u32, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let sign = if units < 0 { "-" } else { "" };
    let magnitude = units.unsigned_abs();
    if let Ok(magnitude) = u64::try_from(magnitude) {
        return format_small(sign, magnitude, scale, f);
    }
    let one = 10u128.pow(scale);
    let (whole, fraction) = (magnitude / one, magnitude % one);
    if fraction == 0 {
        return f.pad(&format!("{sign}{whole}"));
    }
    let fraction = format!("{fraction:0width$}", width = scale as usize);
    f.pad(&format!("{sign}{whole}.{}", fraction.trim_end_matches('0')))
}

/// Sign, digits and point of a number of 64 bits: at most 20 digits, or the zero before the point and 21 decimals.
const SMALL_BYTES_MAX: usize = 24;

/// [`format`] without allocations, for a magnitude of 64 bits.
fn format_small(sign: &str, magnitude: u64, scale: u32, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (mut text, mut at) = ([0u8; SMALL_BYTES_MAX], SMALL_BYTES_MAX);
    let (mut rest, mut place) = (magnitude, 0);
    while rest > 0 || place <= scale {
        let digit = (rest % 10) as u8;
        (rest, place) = (rest / 10, place + 1);
        let is_trailing_zero = digit == 0 && place <= scale && at == SMALL_BYTES_MAX;
        if !is_trailing_zero {
            if place == scale + 1 && at < SMALL_BYTES_MAX {
                at -= 1;
                text[at] = b'.';
            }
            at -= 1;
            text[at] = b'0' + digit;
        }
    }
    at -= sign.len();
    text[at..at + sign.len()].copy_from_slice(sign.as_bytes());
    f.pad(std::str::from_utf8(&text[at..]).unwrap_or_default())
}
