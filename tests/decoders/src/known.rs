//! Faults that fuzzing has found and that are still there. A target goes round them, so that it looks further;
//! `tests/known.rs` shows each, and fails when one is mended: then its guard here goes.

/// A number's 16 bytes may come as a string that is no UTF-8: a byte less than our own form, which is one of bytes.
pub fn most_canonical_bytes(given: usize) -> usize {
    given + given / 17
}
