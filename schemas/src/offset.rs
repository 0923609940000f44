//! Where a fact stands: the only order there is.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Nanoseconds in a millisecond.
pub const NS_PER_MS: u64 = 1_000_000;

/// Tape time in nanoseconds since the Unix epoch: the running maximum of accepted `ts_recv`, never a wall clock.
pub type TapeTime = u64;

/// (stream sequence, index in the message): the place of an event on a tape, or of an entry in an inbox.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Offset {
    /// JetStream sequence, from 1; 0 stands before the first.
    pub seq: u64,
    /// Index within the message, from 0.
    pub index: u32,
}

impl Offset {
    /// Before everything.
    pub const START: Offset = Offset { seq: 0, index: 0 };

    /// The offset `index` in message `seq`.
    pub const fn new(seq: u64, index: u32) -> Self {
        Self { seq, index }
    }

    /// With the partition before it, as every tool prints it: `p0:1234.5`.
    pub fn in_partition(self, partition: u16) -> String {
        format!("p{partition}:{self}")
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.seq, self.index)
    }
}

/// A text that is not `seq.index`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an offset (want sequence.index, as 1234.5)")]
pub struct InvalidOffset(pub String);

impl FromStr for Offset {
    type Err = InvalidOffset;
    fn from_str(text: &str) -> Result<Self, InvalidOffset> {
        let parts = text.split_once('.').and_then(|(s, i)| Some((s.parse().ok()?, i.parse().ok()?)));
        parts.map(|(seq, index)| Offset { seq, index }).ok_or_else(|| InvalidOffset(text.into()))
    }
}
