//! One rejection, as publishers are told.

use serde::{Deserialize, Serialize};
use tapedeck_schemas::event::{REJECTED_MANY_CODE, Rejected, RejectedMany};

/// A rejected event, in the messages on `md-rejects` and in the replies on `md-status`; or the sum of several, on
/// `md-rejects`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedReject {
    /// Offset of the fact on the tape, or in a reply that of the event in the inbox.
    pub offset: String,
    /// Name of the reason.
    pub reason: String,
    /// Number of the events.
    pub count: u64,
    /// The detail in words: rendered here, so that rewording changes no fact.
    pub detail: String,
    /// Code of the broken rule, or [`REJECTED_MANY_CODE`].
    pub code: String,
    /// Subject of the message; `None` for a sum.
    pub subject: Option<String>,
    /// Number of the event, of a sum that of the first one; `None` if it could not be read.
    pub seq: Option<u64>,
    /// Number of the last event; `None` if it could not be read.
    pub last_seq: Option<u64>,
    /// The instrument in the subject; `None` if it names none, and for a sum.
    pub instrument: Option<String>,
}

impl PublishedReject {
    /// The rejection that a fact records.
    pub fn new(offset: String, fact: &Rejected) -> Self {
        Self {
            offset,
            reason: fact.reason.to_string(),
            count: 1,
            detail: fact.detail.words(),
            code: fact.detail.rule().into(),
            subject: Some(fact.subject.clone()),
            seq: fact.seq,
            last_seq: fact.seq,
            instrument: fact.instrument.map(|instrument| instrument.to_string()),
        }
    }

    /// The sum of rejections that a fact records.
    pub fn many(offset: String, fact: &RejectedMany) -> Self {
        Self {
            offset,
            reason: fact.reason.to_string(),
            count: fact.count,
            detail: fact.words(),
            code: REJECTED_MANY_CODE.into(),
            subject: None,
            seq: fact.first_seq,
            last_seq: fact.last_seq,
            instrument: None,
        }
    }
}
