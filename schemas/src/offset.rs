//! Offsets, which define the order of events, and tape time.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Nanoseconds in a millisecond.
pub const NS_PER_MS: u64 = 1_000_000;

/// Tape time, ns since the Unix epoch: the running maximum of the `ts_recv` of accepted market events. No wall clock.
pub type TapeTime = u64;

/// The place of an event in a stream: a fact on a tape, or an entry of an inbox. Ordered by sequence, then index.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Offset {
    /// Stream sequence of the message, from 1; 0 is before the first.
    pub seq: u64,
    /// Index of the event in the message, from 0.
    pub index: u32,
}

impl Offset {
    /// The offset before the first event of a stream.
    pub const START: Offset = Offset { seq: 0, index: 0 };

    /// Creates the offset of event `index` in the message with sequence `seq`.
    pub const fn new(seq: u64, index: u32) -> Self {
        Self { seq, index }
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.seq, self.index)
    }
}

/// Error: a text that is not of the form `<sequence>.<index>`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid offset {0:?}: expected <sequence>.<index>, such as 1234.5")]
pub struct InvalidOffset(pub String);

impl FromStr for Offset {
    type Err = InvalidOffset;
    fn from_str(text: &str) -> Result<Self, InvalidOffset> {
        let parts = text.split_once('.').and_then(|(seq, index)| Some((digits(seq)?, digits(index)?)));
        parts.map(|(seq, index)| Offset { seq, index }).ok_or_else(|| InvalidOffset(text.into()))
    }
}

/// Parses a number of digits only: `FromStr` of the integers would also accept a sign.
pub fn digits<T: FromStr>(text: &str) -> Option<T> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_is_two_numbers_of_digits() {
        assert_eq!("12.3".parse(), Ok(Offset::new(12, 3)));
        for text in ["", "12", "12.", ".3", "+12.3", "12.+3", "-1.0", "1.2.3", " 1.2", "18446744073709551616.0"] {
            assert_eq!(text.parse::<Offset>(), Err(InvalidOffset(text.into())));
        }
    }
}
