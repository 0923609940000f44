//! The hashes that a record carries: of the record before, and of the inbox.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::generation::Generation;
use crate::ids::hex_bytes;
use crate::structs::structs;

/// BLAKE3 hash of the bytes of a record. The next record of the same writer carries it.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct RecordHash(pub [u8; 32]);

impl RecordHash {
    /// Computes the hash of the bytes of a record.
    pub fn of(payload: &[u8]) -> Self {
        Self(*blake3::hash(payload).as_bytes())
    }
}

/// Running digest of the messages of an inbox, from the first one; zeros before it.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct InboxDigest(pub [u8; 16]);

impl InboxDigest {
    /// Returns the digest that includes one more message: the first 16 bytes of the BLAKE3 hash of this digest, the
    /// stream sequence of the message (8 bytes, big-endian), the length of its subject in bytes (4 bytes, big-endian),
    /// its subject, and its payload.
    pub fn after(self, seq: u64, subject: &str, payload: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.0).update(&seq.to_be_bytes());
        hasher.update(&(subject.len() as u32).to_be_bytes()).update(subject.as_bytes()).update(payload);
        let mut digest = [0; 16];
        hasher.finalize_xof().fill(&mut digest);
        Self(digest)
    }
}

structs! {
    /// The messages of an inbox up to and including one of them. The records of a writer that reads an inbox carry it
    /// up to their last cause, so that an inbox that lost or changed messages is recognized.
    InboxPrefix {
        /// Generation of the inbox that holds the last message.
        generation: Generation,
        /// Digest of the messages.
        digest: InboxDigest,
    }
}
impl Copy for InboxPrefix {}

macro_rules! digest {
    ($name:ident, $bytes:literal) => {
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.serialize_str(&format!("{self:?}"))
                } else {
                    serializer.serialize_bytes(&self.0)
                }
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    let text = <std::borrow::Cow<'de, str> as Deserialize>::deserialize(deserializer)?;
                    return hex_bytes(&text)
                        .map(Self)
                        .ok_or_else(|| de::Error::custom(format!("{text:?} is not a digest")));
                }
                let bytes: serde_bytes::ByteArray<$bytes> = Deserialize::deserialize(deserializer)?;
                Ok(Self(bytes.into_array()))
            }
        }
    };
}
digest!(RecordHash, 32);
digest!(InboxDigest, 16);
