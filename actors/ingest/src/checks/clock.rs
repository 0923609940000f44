//! Refuses an event from the future: accepted, it would push tape time ahead for good.

use tapedeck_schemas::event::RejectReason;

use super::{Candidate, Rejection, require};

/// How far `ts_recv` may run ahead of the broker's stamp, ns. Recorded data lies far behind it, which is fine.
pub const CLOCK_AHEAD_NS_MAX: u64 = 5_000_000_000;

/// `ts_recv` must be at most the bound ahead of the broker's stamp.
pub(super) fn check(subject: &Candidate) -> Result<(), Rejection> {
    let (ts_recv, stamp) = (subject.event.ts_recv, subject.stamp);
    require(ts_recv <= stamp.saturating_add(CLOCK_AHEAD_NS_MAX), RejectReason::ClockAhead, || {
        let ahead = ts_recv.saturating_sub(stamp);
        format!("ts_recv {ts_recv} is {ahead} ns ahead of the broker's stamp; at most {CLOCK_AHEAD_NS_MAX} is allowed")
    })
}
