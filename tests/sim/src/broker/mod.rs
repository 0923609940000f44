//! A model of JetStream streams on one replica and on three, with the exact answers of nats-server.
//!
//! The model checks, stores and answers requests. Its caller decides when a request arrives, is agreed on or is lost.
//! `tests/honest` compares the model with nats-server.

mod admission;
mod dedup;
mod refusal;
mod store;
mod stream;
mod subject;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::message::{Message, Publish, Reply};
use stream::Stream;

pub use admission::stored_bytes;

/// The shortest duplicate window that the server accepts, ns.
pub const DUPLICATE_WINDOW_MIN: u64 = 100_000_000;

/// The number of servers that hold each stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replicas {
    /// A request is checked and stored at once.
    One,
    /// A request is checked by the leader, proposed, and stored when a majority has agreed.
    Three,
}

/// The configuration of a stream. A full stream rejects new messages (`discard: new`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamConfig {
    /// For example `TAPE_0_G1`.
    pub name: String,
    /// Exact subjects, or filters with `*` and `>`. Those of two streams must not overlap.
    pub subjects: Vec<String>,
    /// The limit of stored bytes, as [`stored_bytes`] counts them.
    pub max_bytes: Option<u64>,
    /// The limit of stored messages.
    pub max_messages: Option<u64>,
    /// The limit of a message's headers and payload together, in bytes.
    pub max_message_bytes: Option<u64>,
    /// How long a message id is remembered, ns; at least [`DUPLICATE_WINDOW_MIN`].
    pub duplicate_window: u64,
}

/// The number of a proposal, in order of arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// The result of the arrival of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrived {
    /// The request was stored or rejected.
    Answered(Reply),
    /// The request waits for the other replicas; see [`Broker::agree`].
    Proposed(Ticket),
}

/// The stream has no leader at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoLeader;

/// All streams. Methods panic on the name of a stream that does not exist.
#[derive(Debug, Clone)]
pub struct Broker {
    replicas: Replicas,
    streams: BTreeMap<String, Stream>,
    next_ticket: u64,
}

impl Broker {
    /// Empty streams, each with a leader.
    pub fn new(replicas: Replicas, streams: Vec<StreamConfig>) -> Self {
        let mut broker = Self { replicas, streams: BTreeMap::new(), next_ticket: 0 };
        for config in streams {
            assert!(config.duplicate_window >= DUPLICATE_WINDOW_MIN, "{}: duplicate window too short", config.name);
            let name = config.name.clone();
            let had = broker.streams.insert(name.clone(), Stream::new(config));
            assert!(had.is_none(), "two streams named {name}");
        }
        broker
    }

    /// A request reaches the stream's leader at `now` (ns). One replica stores or rejects it, the leader of three
    /// proposes or rejects it.
    pub fn publish(&mut self, now: u64, publish: Publish) -> Arrived {
        let stream = self.streams.values_mut().find(|stream| stream.takes(&publish.subject));
        let Some(stream) = stream.filter(|stream| stream.has_leader) else {
            return Arrived::Answered(Reply::NoResponders);
        };
        stream.forget_ids(now);
        match self.replicas {
            Replicas::One => Arrived::Answered(match stream.admit_alone(&publish) {
                Ok(()) => stream.store(now, publish),
                Err(answer) => answer,
            }),
            Replicas::Three => match stream.admit_as_leader(&publish) {
                Ok(()) => {
                    self.next_ticket += 1;
                    let ticket = Ticket(self.next_ticket);
                    stream.propose(ticket, now, publish);
                    Arrived::Proposed(ticket)
                }
                Err(answer) => Arrived::Answered(answer),
            },
        }
    }

    /// Stores the oldest open proposal of the stream; returns its ticket and answer, or `None` if none is open. The
    /// stamp of the message is the time of its proposal, not `_now`.
    pub fn agree(&mut self, _now: u64, stream: &str) -> Option<(Ticket, Reply)> {
        let stream = self.stream_mut(stream);
        let proposal = stream.proposals.pop_front()?;
        Some((proposal.ticket, stream.store(proposal.stamp, proposal.publish)))
    }

    /// The number of open proposals.
    pub fn proposed(&self, stream: &str) -> usize {
        self.stream(stream).proposals.len()
    }

    /// The leader crashes. The next one stores the first `kept` open proposals, unanswered; the rest are lost. Until
    /// [`Broker::elect`], publishes and leader's reads get no answer. With one replica the server itself crashes, and
    /// remembers afterwards only the ids of stored messages.
    pub fn lose_leader(&mut self, now: u64, stream: &str, kept: usize) {
        for _ in 0..kept {
            self.agree(now, stream);
        }
        let replicas = self.replicas;
        let stream = self.stream_mut(stream);
        stream.proposals.clear();
        if replicas == Replicas::One {
            stream.read_ids_back();
        }
        stream.has_leader = false;
    }

    /// Gives the stream a leader again.
    pub fn elect(&mut self, stream: &str) {
        self.stream_mut(stream).has_leader = true;
    }

    /// Whether the stream has a leader.
    pub fn has_leader(&self, stream: &str) -> bool {
        self.stream(stream).has_leader
    }

    /// The last message on a subject, read from the leader.
    pub fn last_on(&self, stream: &str, subject: &str) -> Result<Option<&Message>, NoLeader> {
        let stream = self.stream(stream);
        if stream.has_leader { Ok(stream.stored.last_on(subject)) } else { Err(NoLeader) }
    }

    /// The answer to a direct get by a follower that is `behind` messages behind the leader: a stale read.
    pub fn stale_last_on(&self, stream: &str, subject: &str, behind: u64) -> Option<&Message> {
        let stored = &self.stream(stream).stored;
        stored.last_on_until(subject, stored.last_seq().saturating_sub(behind))
    }

    /// The stored message at a sequence.
    pub fn get(&self, stream: &str, seq: u64) -> Option<&Message> {
        self.stream(stream).stored.get(seq)
    }

    /// The first stored sequence as the server reports it: 0 for a stream that never stored a message, and the next
    /// sequence for one that was purged empty.
    pub fn first_seq(&self, stream: &str) -> u64 {
        self.stream(stream).stored.first_seq()
    }

    /// The last sequence assigned.
    pub fn last_seq(&self, stream: &str) -> u64 {
        self.stream(stream).stored.last_seq()
    }

    /// Removes the messages before `seq` (`$JS.API.STREAM.PURGE` with `{"seq": n}`); returns their number. As on the
    /// server, 0 removes **all** messages, and a sequence past the end moves the end: the next message gets `seq`.
    pub fn purge(&mut self, stream: &str, seq: u64) -> u64 {
        let marks = self.replicas == Replicas::One;
        let stored = &mut self.stream_mut(stream).stored;
        if seq == 0 { stored.clear(marks) } else { stored.purge(seq) }
    }

    /// Puts back messages that were purged from the beginning, as a restore from a backup does.
    pub fn put_back(&mut self, stream: &str, messages: Vec<Message>) {
        self.stream_mut(stream).stored.put_back(messages);
    }

    /// The server crashes before it has synced the messages after `last`, which it had acknowledged. It starts again
    /// without them and without open proposals, and remembers only the ids of stored messages.
    pub fn lose_tail(&mut self, stream: &str, last: u64) {
        let stream = self.stream_mut(stream);
        stream.proposals.clear();
        stream.stored.truncate(last);
        stream.read_ids_back();
    }

    /// Deletes the stream and creates it again with the same configuration.
    pub fn replace(&mut self, stream: &str) {
        let stream = self.stream_mut(stream);
        let created = stream.created + 1;
        *stream = Stream { created, ..Stream::new(stream.config.clone()) };
    }

    /// How many times a stream of this name was created: stands for the time of its creation.
    pub fn created(&self, stream: &str) -> u64 {
        self.stream(stream).created
    }

    /// Changes the limits. Stored messages stay; a stream that is over its new limits is full.
    pub fn set_limits(&mut self, stream: &str, max_bytes: Option<u64>, max_messages: Option<u64>) {
        let config = &mut self.stream_mut(stream).config;
        (config.max_bytes, config.max_messages) = (max_bytes, max_messages);
    }

    /// The stream that a subject belongs to.
    pub fn stream_of(&self, subject: &str) -> Option<&str> {
        self.streams.iter().find(|(_, stream)| stream.takes(subject)).map(|(name, _)| name.as_str())
    }

    fn stream(&self, name: &str) -> &Stream {
        self.streams.get(name).unwrap_or_else(|| panic!("no stream {name}"))
    }

    fn stream_mut(&mut self, name: &str) -> &mut Stream {
        self.streams.get_mut(name).unwrap_or_else(|| panic!("no stream {name}"))
    }
}
