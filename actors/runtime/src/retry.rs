//! The delay before a request is repeated.

use std::time::Duration;

/// None at first, then doubling from 20 ms to 5 s.
pub fn back_off(failures: u32) -> Duration {
    match failures {
        0 => Duration::ZERO,
        n => Duration::from_millis(10 << n.min(9)).min(Duration::from_secs(5)),
    }
}
