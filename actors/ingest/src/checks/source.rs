//! Rejects an event of a source that the definition in force does not name.

use tapedeck_schemas::event::{RejectDetail, RejectReason};

use super::{Candidate, Rejection, require};
use crate::instruments::is_operator;

/// The definition in force names no sources, or that of the event. The operator may always define an instrument again.
pub(super) fn check(candidate: &Candidate) -> Result<(), Rejection> {
    let source = candidate.event.source;
    let named = candidate.terms.map_or(&[][..], |terms| &terms.sources);
    let holds = named.is_empty() || named.contains(&source) || is_operator(source);
    require(holds, RejectReason::SourceNotNamed, || RejectDetail::SourceNotNamed { source })
}
