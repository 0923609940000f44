//! Faults that fuzzing has found and that are still there. A target goes round them, so that it looks further;
//! `tests/known.rs` shows each, and fails when one is mended: then its guard here goes.

use tapedeck_schemas::bar::BarSpec;

/// LEAN's day is added to without a check: the last day whose midnight is within 64 bits of ns overflows.
pub fn lean_day_at_the_end_of_time(name: &str) -> bool {
    name.contains("25540721_")
}

/// A setup may ask for a bar twice; ingest then refuses the instrument's definition.
pub fn bar_twice(bars: &[BarSpec]) -> bool {
    bars.iter().enumerate().any(|(at, bar)| bars[..at].contains(bar))
}

/// A number's 16 bytes may come as a string that is no UTF-8: a byte less than our own form, which is one of bytes.
pub fn most_canonical_bytes(given: usize) -> usize {
    given + given / 17
}
