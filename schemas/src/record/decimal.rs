//! Decimal numbers in a record: one integer, `mantissa · 32 + decimals`.
//!
//! The mantissa does not end in zero unless there are no decimals, so each number has one form. An integer beyond
//! signed 64 bits is written as the fewest bytes that hold it, big-endian, two's complement: 9 to 17.

use super::decoder::{RecordDecoder, Token};
use super::encoder::RecordEncoder;
use super::field::FieldError;

/// Greatest number of decimals of a number type.
const DECIMALS_MAX: usize = 21;
/// Bits of the number of decimals.
const BITS: u32 = 5;
const _: () = assert!(DECIMALS_MAX < 1 << BITS);
/// Length of the longest form, in bytes.
const WIDE_BYTES_MAX: usize = 17;

const POWERS: [i128; DECIMALS_MAX + 1] = {
    let mut powers = [1; DECIMALS_MAX + 1];
    let mut at = 1;
    while at < powers.len() {
        powers[at] = powers[at - 1] * 10;
        at += 1;
    }
    powers
};

/// Writes a count of units of 10^-`scale`.
pub(crate) fn write(units: i128, scale: u32, to: &mut RecordEncoder) {
    let (mantissa, decimals) = without_trailing_zeros(units, scale);
    match i64::try_from(mantissa).ok().and_then(|mantissa| mantissa.checked_mul(1 << BITS)) {
        Some(shifted) => to.int(shifted | i64::from(decimals)),
        None => {
            let (bytes, from) = wide(mantissa, decimals);
            to.bytes(&bytes[from..]);
        }
    }
}

/// Reads what [`write`] writes; the count of units.
pub(crate) fn read(scale: u32, from: &mut RecordDecoder<'_>) -> Result<i128, FieldError> {
    let (mantissa, decimals) = match from.token()? {
        Token::Int(n) => (i128::from(n >> BITS), (n & 31) as u32),
        Token::Bytes(bytes) => unpack_wide(bytes)?,
        other => return Err(FieldError::new(format!("{other} where a number is due"))),
    };
    if decimals > scale {
        return Err(FieldError::new(format!("{decimals} decimals where {scale} are the most")));
    }
    if decimals > 0 && mantissa % 10 == 0 {
        return Err(FieldError::new("a number with trailing zeros"));
    }
    let units = mantissa.checked_mul(POWERS[(scale - decimals) as usize]);
    units.ok_or_else(|| FieldError::new("a number out of range"))
}

/// Mantissa and number of decimals of a count of units of 10^-`scale`.
fn without_trailing_zeros(units: i128, scale: u32) -> (i128, u32) {
    /// Divides by each power of ten at most once: 16 + 8 + 4 + 2 + 1 zeros cover every scale. A multiple of 10^n ends
    /// in n zero bits, which most numbers do not.
    macro_rules! strip {
        ($units:expr, $decimals:expr, $ty:ty, $($zeros:literal)*) => {$(
            if $decimals >= $zeros
                && $units.trailing_zeros() >= $zeros
                && $units % (10 as $ty).pow($zeros) == 0
            {
                ($units, $decimals) = ($units / (10 as $ty).pow($zeros), $decimals - $zeros);
            }
        )*};
    }
    if units == 0 {
        return (0, 0);
    }
    let (mut wide, mut decimals) = (units, scale);
    if i64::try_from(wide).is_err() {
        strip!(wide, decimals, i128, 16 8 4 2 1);
        return (wide, decimals);
    }
    let mut narrow = wide as i64;
    strip!(narrow, decimals, i64, 16 8 4 2 1);
    (i128::from(narrow), decimals)
}

/// The bytes of `mantissa · 32 + decimals`, and the index of the first that is needed.
fn wide(mantissa: i128, decimals: u32) -> ([u8; WIDE_BYTES_MAX], usize) {
    let mut bytes = [0; WIDE_BYTES_MAX];
    bytes[0] = (mantissa >> (i128::BITS - BITS)) as u8;
    bytes[1..].copy_from_slice(&(mantissa << BITS | i128::from(decimals)).to_be_bytes());
    let is_sign = |at: usize| bytes[at] == if bytes[at + 1] & 0x80 == 0 { 0 } else { 0xff };
    let from = (0..WIDE_BYTES_MAX - 1).find(|at| !is_sign(*at)).unwrap_or(WIDE_BYTES_MAX - 1);
    (bytes, from)
}

fn unpack_wide(given: &[u8]) -> Result<(i128, u32), FieldError> {
    if !(9..=WIDE_BYTES_MAX).contains(&given.len()) {
        return Err(FieldError::new(format!("a number of {} bytes, not 9 to {WIDE_BYTES_MAX}", given.len())));
    }
    let sign = if given[0] & 0x80 == 0 { 0 } else { 0xff };
    let mut bytes = [sign; WIDE_BYTES_MAX];
    bytes[WIDE_BYTES_MAX - given.len()..].copy_from_slice(given);
    let low = i128::from_be_bytes(bytes[1..].try_into().expect("16 bytes"));
    let high = i128::from(bytes[0] as i8);
    let mantissa = high << (i128::BITS - BITS) | (low >> BITS & (i128::MAX >> (BITS - 1)));
    let decimals = (low & 31) as u32;
    let (again, from) = wide(mantissa, decimals);
    match again[from..] == *given {
        true => Ok((mantissa, decimals)),
        false => Err(FieldError::new("a number that does not have the fewest bytes, or is out of range")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number::Money;

    fn encoded(units: i128, scale: u32) -> Vec<u8> {
        let mut encoder = RecordEncoder::default();
        write(units, scale, &mut encoder);
        encoder.event_bytes().to_vec()
    }

    fn decoded(bytes: &[u8], scale: u32) -> Result<i128, String> {
        read(scale, &mut RecordDecoder::new(bytes)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_number_is_its_mantissa_and_its_decimals() {
        for (units, scale, bytes) in [
            (0, 21, &[0][..]),
            (1, 0, &[32]),
            (50, 2, &[0xcc, 5 << 5 | 1]),
            (-50, 2, &[0xd1, 0xff, 0x61]),
            (61_837_630, 3, &[0xce, 0x0b, 0xcb, 0x6a, 0x62]),
            (10i128.pow(21), 21, &[32]),
        ] {
            assert_eq!(encoded(units, scale), bytes, "{units} of 1e-{scale}");
        }
        assert_eq!(encoded(Money::MAX_UNITS - 1, 21).len(), 2 + WIDE_BYTES_MAX);
    }

    #[test]
    fn every_count_of_units_decodes() {
        let near = |n: i128| (-40..=40).map(move |k| n.saturating_add(k));
        let powers = (0..38).flat_map(|power| near(10i128.pow(power)).chain(near(-(10i128.pow(power)))));
        let twos = (30..126).flat_map(|power| near(1 << power).chain(near(-(1 << power))));
        for units in powers.chain(twos) {
            for scale in [0, 9, 12, 21] {
                assert_eq!(decoded(&encoded(units, scale), scale), Ok(units), "{units} of 1e-{scale}");
            }
        }
    }

    #[test]
    fn another_form_of_a_number_is_an_error() {
        let wide = |length: u8, first: u8| [&[0xc4, length, first][..], &vec![0x2a; usize::from(length) - 1]].concat();
        for (bytes, error) in [
            (vec![1 << 5 | 10], "10 decimals where 9 are the most"),
            (vec![1], "trailing zeros"),
            (vec![0xcd, 1, 0x41], "trailing zeros"),
            (vec![0xc0], "nil where a number is due"),
            (vec![0xcf, 0x80, 0, 0, 0, 0, 0, 0, 0], "the integer 9223372036854775808 where a number is due"),
            (wide(8, 1), "8 bytes"),
            (wide(18, 1), "18 bytes"),
            (wide(9, 0), "fewest bytes"),
            (wide(17, 0x7f), "out of range"),
        ] {
            let found = decoded(&bytes, 9).unwrap_err();
            assert!(found.contains(error), "{found}");
        }
    }
}
