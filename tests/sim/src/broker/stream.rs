//! One stream: its configuration, stored messages, message ids and open proposals.

use std::collections::VecDeque;

use crate::message::{Publish, Reply};

use super::dedup::Dedup;
use super::store::Store;
use super::{StreamConfig, Ticket, admission, subject};

#[derive(Debug, Clone)]
pub(super) struct Proposal {
    pub(super) ticket: Ticket,
    pub(super) stamp: u64,
    pub(super) publish: Publish,
}

#[derive(Debug, Clone)]
pub(super) struct Stream {
    pub(super) config: StreamConfig,
    pub(super) stored: Store,
    pub(super) ids: Dedup,
    /// Oldest first.
    pub(super) proposals: VecDeque<Proposal>,
    pub(super) has_leader: bool,
    /// How many times a stream of this name was created.
    pub(super) created: u64,
}

impl Stream {
    pub(super) fn new(config: StreamConfig) -> Self {
        let (stored, ids) = (Store::default(), Dedup::default());
        Self { config, stored, ids, proposals: VecDeque::new(), has_leader: true, created: 1 }
    }

    pub(super) fn takes(&self, subject: &str) -> bool {
        self.config.subjects.iter().any(|filter| subject::matches(filter, subject))
    }

    pub(super) fn forget_ids(&mut self, now: u64) {
        self.ids.forget(now, self.config.duplicate_window);
    }

    pub(super) fn propose(&mut self, ticket: Ticket, stamp: u64, publish: Publish) {
        self.proposals.push_back(Proposal { ticket, stamp, publish });
    }

    /// Stores a checked request; returns the answer.
    pub(super) fn store(&mut self, stamp: u64, publish: Publish) -> Reply {
        let id = admission::id(&publish.headers).map(str::to_string);
        let seq = self.stored.push(stamp, publish);
        if let Some(id) = id {
            self.ids.insert(stamp, &id, seq);
        }
        Reply::Ack { stream: self.config.name.clone(), seq, duplicate: false }
    }

    /// Reads the message ids from the stored messages, as the server does when it starts.
    pub(super) fn read_ids_back(&mut self) {
        self.ids = Dedup::default();
        for message in self.stored.iter() {
            if let Some(id) = admission::id(&message.headers) {
                self.ids.insert(message.stamp, id, message.seq);
            }
        }
    }
}
