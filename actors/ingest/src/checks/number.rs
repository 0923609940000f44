//! Rejects an event whose number its source has used or skipped before in this session.

use tapedeck_schemas::event::{RejectDetail, RejectReason};

use super::{Candidate, Rejection, require};

/// The number is above every number of the session before it.
pub(super) fn check(candidate: &Candidate) -> Result<(), Rejection> {
    let (seq, last) = (candidate.event.seq, candidate.last_seq);
    require(seq > last, RejectReason::Duplicate, || RejectDetail::RepeatedSeq { seq, last })
}
