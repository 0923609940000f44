//! Refuses a number that its source has already used, or passed over, in this session.

use tapedeck_schemas::event::RejectReason;

use super::{Candidate, Rejection, require};

/// The number must be above every number taken before.
pub(super) fn check(subject: &Candidate) -> Result<(), Rejection> {
    let (seq, last) = (subject.event.seq, subject.last_seq);
    require(seq > last, RejectReason::Duplicate, || format!("seq {seq} is not above {last}, the last taken"))
}
