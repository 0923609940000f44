//! Known faults that fuzzing has found. The targets tolerate them, to find others; `tests/known.rs` demonstrates each
//! and fails when it is fixed. Then remove its exception here.

/// A number of 9 to 16 bytes may be encoded as a MessagePack string that is not UTF-8, which is a byte shorter than the
/// canonical encoding as bytes.
pub fn most_canonical_bytes(given: usize) -> usize {
    given + given / 10
}
