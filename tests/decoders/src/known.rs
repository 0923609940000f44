//! Faults that fuzzing has found and that are still there. A target goes round them, so that it looks further;
//! `tests/known.rs` shows each, and fails when one is mended: then its guard here goes.

use tapedeck_schemas::bar::BarSpec;

/// LEAN's day is added to without a check: the last day whose midnight is within 64 bits of ns overflows.
pub fn lean_day_at_the_end_of_time(name: &str) -> bool {
    name.contains("25540721_")
}

/// A header of Binance's bulk history is known by its first column; one with too few of them is read beyond its end.
pub fn bulk_header_too_short(content: &[u8]) -> bool {
    let head = content.split(|byte| *byte == b'\n').next().unwrap_or_default();
    // As far as it is text within the bytes that are looked at.
    let line = head[..head.len().min(4096)].utf8_chunks().next().map_or("", |chunk| chunk.valid());
    let fields: Vec<&str> = line.split(',').map(str::trim).collect();
    match fields[0] {
        "agg_trade_id" => fields.len() < 7,
        "id" => line.contains("is_buyer_maker") && fields.len() < 6,
        _ => false,
    }
}

/// A file's name within a zip stands in errors as it is, with its control characters.
pub fn names_a_file_in_a_zip(error: &str) -> bool {
    error.contains(" in the zip ")
}

/// A setup may ask for a bar twice; ingest then refuses the instrument's definition.
pub fn bar_twice(bars: &[BarSpec]) -> bool {
    bars.iter().enumerate().any(|(at, bar)| bars[..at].contains(bar))
}

/// A number's 16 bytes may come as a string that is no UTF-8: a byte less than our own form, which is one of bytes.
pub fn most_canonical_bytes(given: usize) -> usize {
    given + given / 17
}
