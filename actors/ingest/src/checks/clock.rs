//! Rejects an event from the future, which would move tape time ahead for good.

use tapedeck_schemas::event::{RejectDetail, RejectReason};

use super::{Candidate, Rejection, require};

/// How far `ts_recv` may be ahead of JetStream's stamp, ns. It may be any time behind: recorded data is.
pub const CLOCK_AHEAD_NS_MAX: u64 = 5_000_000_000;

/// `ts_recv` is at most [`CLOCK_AHEAD_NS_MAX`] ahead of the stamp.
pub(super) fn check(candidate: &Candidate) -> Result<(), Rejection> {
    let (ts_recv, stamp) = (candidate.event.ts_recv, candidate.stamp);
    require(ts_recv <= stamp.saturating_add(CLOCK_AHEAD_NS_MAX), RejectReason::ClockAhead, || {
        let ahead_ns = ts_recv.saturating_sub(stamp);
        RejectDetail::ClockAhead { ts_recv, ahead_ns, limit_ns: CLOCK_AHEAD_NS_MAX }
    })
}
