//! The record being built: encoded events within the bounds of a record. The events of one cause stay in one record.
//! And the record in flight.

use std::sync::Arc;

use tapedeck_schemas::record::{
    Entry, Header, InboxPrefix, RECORD_BYTES_MAX, RECORD_EVENTS_MAX, RecordEncoder, RecordHash,
};

/// Room kept for the events of one more cause, so that they always fit into the record.
const CAUSE_BYTES_MAX: usize = RECORD_BYTES_MAX / 2;
const CAUSE_EVENTS_MAX: usize = RECORD_EVENTS_MAX / 2;

/// Encoded events that will become a record.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    encoder: RecordEncoder,
    /// The inbox up to the cause of the last event; see [`Header::inbox`].
    pub(crate) inbox: Option<InboxPrefix>,
}

impl Builder {
    /// Adds an event; `inbox` is the inbox up to its cause. Panics if the record overflows, which [`Builder::is_full`]
    /// rules out for a cause whose events fit into half a record behind any other events.
    pub(crate) fn push(&mut self, entry: &Entry, inbox: Option<InboxPrefix>) {
        self.encoder.push(entry);
        self.inbox = inbox;
        let fits = self.encoder.size_max() <= RECORD_BYTES_MAX && self.encoder.count() <= RECORD_EVENTS_MAX;
        assert!(fits, "the decisions on one input do not fit one record: bound the machine's output");
    }
    /// Whether it holds no event.
    pub(crate) fn is_empty(&self) -> bool {
        self.encoder.count() == 0
    }
    /// Whether the events of another cause might not fit.
    pub(crate) fn is_full(&self) -> bool {
        self.encoder.size_max() > RECORD_BYTES_MAX - CAUSE_BYTES_MAX
            || self.encoder.count() > RECORD_EVENTS_MAX - CAUSE_EVENTS_MAX
    }
    /// Empties the builder. Returns the number of events, and the record.
    pub(crate) fn finish(&mut self, header: &Header) -> (usize, Vec<u8>) {
        (self.encoder.count(), self.encoder.finish(header))
    }
}

/// A record whose append is not acknowledged.
#[derive(Debug)]
pub(crate) struct InFlight {
    pub(crate) payload: Arc<[u8]>,
    pub(crate) hash: RecordHash,
    pub(crate) events: usize,
    pub(crate) failures: u32,
    /// Whether the record may be on the tape although no ack was received.
    pub(crate) in_doubt: bool,
    /// Whether the last attempt failed, so that the next poll repeats it. The first attempt counts as a repetition.
    pub(crate) repeat: bool,
}

impl InFlight {
    pub(crate) fn new(payload: Vec<u8>, events: usize) -> Self {
        let hash = RecordHash::of(&payload);
        Self { payload: payload.into(), hash, events, failures: 0, in_doubt: false, repeat: true }
    }
}
