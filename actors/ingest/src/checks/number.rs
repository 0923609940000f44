//! Rejects an event whose number its source has used before in this session. A number that a gap skipped is not used.

use tapedeck_schemas::event::{RejectDetail, RejectReason};

use super::{Candidate, Rejection, require};

/// The number is above every number of the session before it, or was missing.
pub(super) fn check(candidate: &Candidate) -> Result<(), Rejection> {
    let (seq, last) = (candidate.event.seq, candidate.number.last_seq);
    let is_unused = seq > last || candidate.number.was_missing;
    require(is_unused, RejectReason::Duplicate, || RejectDetail::RepeatedSeq { seq, last })
}
