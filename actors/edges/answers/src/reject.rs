//! One rejection, as publishers are told.

use serde::{Deserialize, Serialize};
use tapedeck_schemas::event::Rejected;

/// A rejected event, in the messages on `md-rejects` and in the replies on `md-status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedReject {
    /// Offset of the fact on the tape, or in a reply that of the event in the inbox.
    pub offset: String,
    /// Name of the reason.
    pub reason: String,
    /// The detail in words: rendered here, so that rewording changes no fact.
    pub detail: String,
    /// Code of the broken rule.
    pub code: String,
    /// Subject of the message.
    pub subject: String,
    /// Number of the event; `None` if it could not be read.
    pub seq: Option<u64>,
    /// The instrument in the subject; `None` if it names none.
    pub instrument: Option<String>,
}

impl PublishedReject {
    /// The rejection that a fact records.
    pub fn new(offset: String, fact: &Rejected) -> Self {
        Self {
            offset,
            reason: fact.reason.to_string(),
            detail: fact.detail.words(),
            code: fact.detail.rule().into(),
            subject: fact.subject.clone(),
            seq: fact.seq,
            instrument: fact.instrument.map(|instrument| instrument.to_string()),
        }
    }
}
