//! Numbers in MessagePack and JSON: as counts of units, in messages from outside as they are spelled. For those in a
//! record see `record/decimal.rs`.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, Visitor};
use serde::{Deserializer, Serializer};

use super::Decimal;

/// What to send in place of a float.
pub const INSTEAD_OF_FLOAT: &str = "send text such as \"61837.63\", or an integer, which is a whole number";

/// Least and greatest number of bytes of a count of units beyond signed 64 bits.
const WIDE_BYTES: std::ops::RangeInclusive<usize> = 9..=16;

/// Encodes a number as a count of units: an integer if it fits signed 64 bits, otherwise the fewest bytes that
/// hold it, big-endian, two's complement.
pub(super) fn serialize_units<S: Serializer>(units: i128, serializer: S) -> Result<S::Ok, S::Error> {
    match i64::try_from(units) {
        Ok(small) => serializer.serialize_i64(small),
        Err(_) => serializer.serialize_bytes(&units.to_be_bytes()[16 - bytes_of(units)..]),
    }
}

/// The fewest bytes that hold the number in two's complement.
fn bytes_of(units: i128) -> usize {
    let sign_bits = units.leading_zeros().max(units.leading_ones());
    (i128::BITS - sign_bits) as usize / 8 + 1
}

/// Decodes what [`serialize_units`] encodes.
pub(super) struct Units;

impl Visitor<'_> for Units {
    type Value = i128;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an integer, or 9 to 16 big-endian bytes for one beyond 64 bits")
    }
    fn visit_i64<E: de::Error>(self, v: i64) -> Result<i128, E> {
        Ok(i128::from(v))
    }
    fn visit_u64<E: de::Error>(self, v: u64) -> Result<i128, E> {
        // The encoding is canonical: an integer if it fits i64, otherwise bytes.
        i64::try_from(v).map(i128::from).map_err(|_| E::custom("integer beyond i64 must be written as bytes"))
    }
    fn visit_bytes<E: de::Error>(self, v: &[u8]) -> Result<i128, E> {
        if !WIDE_BYTES.contains(&v.len()) {
            return Err(E::custom(format!("{} bytes, want 9 to 16", v.len())));
        }
        let sign = if v[0] & 0x80 == 0 { 0 } else { 0xff };
        let mut bytes = [sign; 16];
        bytes[16 - v.len()..].copy_from_slice(v);
        let units = i128::from_be_bytes(bytes);
        if i64::try_from(units).is_ok() {
            return Err(E::custom("a number within 64 bits must be written as an integer"));
        }
        if bytes_of(units) != v.len() {
            return Err(E::custom("a number must be written in the fewest bytes"));
        }
        Ok(units)
    }
}

/// Decodes a number as it is spelled: text, or an integer, which is a whole number. A float is an error.
pub(super) struct Spelled<T>(pub(super) PhantomData<T>);

impl<T: Decimal> Visitor<'_> for Spelled<T> {
    type Value = T;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a decimal number as text, or an integer")
    }
    fn visit_i64<E: de::Error>(self, v: i64) -> Result<T, E> {
        T::from_whole(i128::from(v)).map_err(|e| E::custom(format!("{v} {e}")))
    }
    fn visit_u64<E: de::Error>(self, v: u64) -> Result<T, E> {
        T::from_whole(i128::from(v)).map_err(|e| E::custom(format!("{v} {e}")))
    }
    fn visit_f64<E: de::Error>(self, v: f64) -> Result<T, E> {
        Err(E::custom(format!("{v} is a float; {INSTEAD_OF_FLOAT}")))
    }
    fn visit_str<E: de::Error>(self, v: &str) -> Result<T, E> {
        v.parse().map_err(|e| E::custom(format!("{v:?} {e}")))
    }
}

/// Numbers in messages from outside, for `#[serde(with)]` and [`SpelledNumber`].
pub mod spelled {
    use super::*;

    /// Encodes a number as text; in MessagePack a whole number within signed 64 bits as an integer.
    pub fn serialize<T: Decimal, S: Serializer>(number: &T, serializer: S) -> Result<S::Ok, S::Error> {
        match number.to_whole().filter(|_| !serializer.is_human_readable()) {
            Some(whole) => serializer.serialize_i64(whole),
            None => serializer.collect_str(number),
        }
    }

    /// Decodes text, or an integer, which is a whole number. A float is an error.
    pub fn deserialize<'de, T: Decimal, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_any(Spelled(PhantomData))
    }
}

/// A number that is encoded as in messages from outside; see [`spelled`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpelledNumber<T>(pub T);

impl<T: Decimal> serde::Serialize for SpelledNumber<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        spelled::serialize(&self.0, serializer)
    }
}

impl<'de, T: Decimal> serde::Deserialize<'de> for SpelledNumber<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        spelled::deserialize(deserializer).map(SpelledNumber)
    }
}

/// Pairs of a name and a number in messages from outside, for `#[serde(with)]`.
pub mod spelled_pairs {
    use super::*;
    use serde::{Deserialize, Serialize};

    /// Encodes each number as [`spelled::serialize`] does.
    pub fn serialize<K: Serialize, T: Decimal, S: Serializer>(
        pairs: &[(K, T)],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(pairs.iter().map(|(name, number)| (name, SpelledNumber(*number))))
    }

    /// Decodes each number as [`spelled::deserialize`] does.
    pub fn deserialize<'de, K: Deserialize<'de>, T: Decimal, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<(K, T)>, D::Error> {
        let pairs = Vec::<(K, SpelledNumber<T>)>::deserialize(deserializer)?;
        Ok(pairs.into_iter().map(|(name, number)| (name, number.0)).collect())
    }
}
