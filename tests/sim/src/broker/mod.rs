//! A model of JetStream streams, on one replica and on three: what nats-server answers, to the word, without a server.
//!
//! It judges, stores and answers; when a request arrives, is agreed on or is lost, its caller says. Whether it answers
//! as nats-server does is what `tests/honest` shows.

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

/// The shortest window of known message ids that the server takes, ns.
pub const DUPLICATE_WINDOW_MIN: u64 = 100_000_000;

/// How many servers hold each stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replicas {
    /// A request is judged and stored at once.
    One,
    /// A request is judged by the leader, proposed, and stored when a majority has it.
    Three,
}

/// A stream as declared. It refuses when it is full (`discard: new`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamConfig {
    /// Its name.
    pub name: String,
    /// What it takes: exact subjects, or with `*` and `>`. Those of two streams must not overlap.
    pub subjects: Vec<String>,
    /// Most bytes it holds, as the store counts them ([`stored_bytes`]).
    pub max_bytes: Option<u64>,
    /// Most messages it holds.
    pub max_messages: Option<u64>,
    /// Most bytes of a message's headers and payload together.
    pub max_message_bytes: Option<u64>,
    /// How long a message id is known, ns; at least [`DUPLICATE_WINDOW_MIN`].
    pub duplicate_window: u64,
}

/// One proposal, in the order of arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// What became of a request on its arrival.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrived {
    /// It is answered.
    Answered(Reply),
    /// It waits for the other replicas; see [`Broker::agree`].
    Proposed(Ticket),
}

/// Nobody answers for the stream now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoLeader;

/// All streams. A name that is none of theirs is the caller's mistake and panics.
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

    /// A request reaches the stream's leader at `now` (ns). On one replica it is stored or refused at once, on three
    /// refused at once or proposed.
    pub fn publish(&mut self, now: u64, publish: Publish) -> Arrived {
        let taker = self.streams.values_mut().find(|stream| stream.takes(&publish.subject));
        let Some(stream) = taker.filter(|stream| stream.has_leader) else {
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

    /// The oldest open proposal of the stream is agreed on and stored; its ticket and answer. `None` if none is open.
    /// The message bears the time of its proposal, not `_now`.
    pub fn agree(&mut self, _now: u64, stream: &str) -> Option<(Ticket, Reply)> {
        let stream = self.stream_mut(stream);
        let proposal = stream.proposals.pop_front()?;
        Some((proposal.ticket, stream.store(proposal.stamp, proposal.publish)))
    }

    /// How many proposals are open.
    pub fn proposed(&self, stream: &str) -> usize {
        self.stream(stream).proposals.len()
    }

    /// The leader dies. The first `kept` open proposals are stored by the next one (nobody is answered), the rest never
    /// happened. Until [`Broker::elect`], publishes and leader's reads find nobody. On one replica it is the server
    /// that dies; it knows afterwards only the message ids that it finds stored.
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

    /// The stream has a leader again.
    pub fn elect(&mut self, stream: &str) {
        self.stream_mut(stream).has_leader = true;
    }

    /// Whether it has one.
    pub fn has_leader(&self, stream: &str) -> bool {
        self.stream(stream).has_leader
    }

    /// The last message on a subject, read from the leader.
    pub fn last_on(&self, stream: &str, subject: &str) -> Result<Option<&Message>, NoLeader> {
        let stream = self.stream(stream);
        if stream.has_leader { Ok(stream.stored.last_on(subject)) } else { Err(NoLeader) }
    }

    /// What a follower that is `behind` messages behind answers to the same (a direct get): a stale read.
    pub fn stale_last_on(&self, stream: &str, subject: &str, behind: u64) -> Option<&Message> {
        let stored = &self.stream(stream).stored;
        stored.last_on_until(subject, stored.last_seq().saturating_sub(behind))
    }

    /// The message of that sequence, if it is held.
    pub fn get(&self, stream: &str, seq: u64) -> Option<&Message> {
        self.stream(stream).stored.get(seq)
    }

    /// The first sequence held, as the server tells it: 0 for a stream that never held any, and for one that is purged
    /// empty the sequence that comes next.
    pub fn first_seq(&self, stream: &str) -> u64 {
        self.stream(stream).stored.first_seq()
    }

    /// The last sequence given.
    pub fn last_seq(&self, stream: &str) -> u64 {
        self.stream(stream).stored.last_seq()
    }

    /// Removes what is before `seq` (`$JS.API.STREAM.PURGE` with `{"seq": n}`); returns how many. As on the server, 0
    /// is no sequence and removes **everything**, and one past the end moves the end: the next message gets `seq`.
    pub fn purge(&mut self, stream: &str, seq: u64) -> u64 {
        let marks = self.replicas == Replicas::One;
        let stored = &mut self.stream_mut(stream).stored;
        if seq == 0 { stored.clear(marks) } else { stored.purge(seq) }
    }

    /// Puts back what was purged from the beginning, as when the stream is restored from a backup and its own rest.
    pub fn put_back(&mut self, stream: &str, messages: Vec<Message>) {
        self.stream_mut(stream).stored.put_back(messages);
    }

    /// Changes how much it may hold. Nothing that is stored goes; a stream that holds more is full.
    pub fn set_limits(&mut self, stream: &str, max_bytes: Option<u64>, max_messages: Option<u64>) {
        let config = &mut self.stream_mut(stream).config;
        (config.max_bytes, config.max_messages) = (max_bytes, max_messages);
    }

    /// The stream that takes a subject.
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
