//! The record being built: encoded events within the bounds of a record. The events of one cause stay in one record.

use tapedeck_schemas::record::{self, Entry, HEADER_BYTES_MAX, RECORD_BYTES_MAX, RECORD_EVENTS_MAX};

/// Room kept for the events of one more cause, so that they always fit into the record.
const CAUSE_BYTES_MAX: usize = RECORD_BYTES_MAX / 2;
const CAUSE_EVENTS_MAX: usize = RECORD_EVENTS_MAX / 2;

/// Encoded events that will become a record.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    encoded: Vec<u8>,
    events: usize,
}

impl Builder {
    /// Adds an event. Panics if the record overflows, which [`Builder::is_full`] rules out for a cause whose events fit
    /// into half a record.
    pub(crate) fn push(&mut self, entry: &Entry) {
        record::encode_entry(entry, &mut self.encoded);
        self.events += 1;
        let fits = self.encoded.len() + HEADER_BYTES_MAX <= RECORD_BYTES_MAX && self.events <= RECORD_EVENTS_MAX;
        assert!(fits, "the decisions on one input do not fit one record: bound the machine's output");
    }
    /// Whether it holds no event.
    pub(crate) fn is_empty(&self) -> bool {
        self.events == 0
    }
    /// Whether the events of another cause might not fit.
    pub(crate) fn is_full(&self) -> bool {
        self.encoded.len() + HEADER_BYTES_MAX > RECORD_BYTES_MAX - CAUSE_BYTES_MAX
            || self.events > RECORD_EVENTS_MAX - CAUSE_EVENTS_MAX
    }
    /// Empties the builder. Returns the number of events, and their encoding.
    pub(crate) fn take(&mut self) -> (usize, Vec<u8>) {
        let next = Vec::with_capacity(self.encoded.len());
        (std::mem::take(&mut self.events), std::mem::replace(&mut self.encoded, next))
    }
}
