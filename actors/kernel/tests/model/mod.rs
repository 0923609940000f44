//! A tape in memory that answers as JetStream does, and the modules that run drivers against it.

pub(crate) mod checks;
pub(crate) mod node;
pub(crate) mod toys;
pub(crate) mod world;

use std::collections::BTreeMap;
use std::sync::Arc;

use tapedeck_kernel::Answer;
use tapedeck_schemas::event::{Event, TapeCreated};
use tapedeck_schemas::ids::TapeId;
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::{self, Entry, Header, RecordHash, Writer};

/// The identity of every model tape.
pub(crate) const TAPE: TapeId = TapeId([7; 16]);

/// SplitMix64 (Steele, Lea, Flood 2014): small, seeded, the same everywhere.
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    /// From 0 to `n - 1`.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
    pub(crate) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

/// A message on the model tape.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    /// Writer of its subject.
    pub(crate) subject: Option<Writer>,
    pub(crate) payload: Arc<[u8]>,
    /// Driver that appended it; `None` for a message of the world.
    pub(crate) author: Option<u64>,
}

/// The model tape; message `seq` has index `seq - 1`.
#[derive(Debug)]
pub(crate) struct Tape {
    pub(crate) messages: Vec<Message>,
    chains: BTreeMap<Writer, RecordHash>,
}

impl Tape {
    /// A tape with its first record.
    pub(crate) fn new() -> Self {
        let created: Event = TapeCreated { tape: TAPE, partition: 0, placement: Vec::new() }.into();
        let mut tape = Self::empty();
        tape.write(Writer::Keeper, 0, vec![(Offset::START, 0, created)]);
        tape
    }

    /// A tape without a message.
    pub(crate) fn empty() -> Self {
        Self { messages: Vec::new(), chains: BTreeMap::new() }
    }

    /// The leader's answer to "the last sequence on this subject".
    pub(crate) fn last_on(&self, writer: Writer) -> u64 {
        self.messages.iter().rposition(|message| message.subject == Some(writer)).map_or(0, |at| at as u64 + 1)
    }

    pub(crate) fn last(&self) -> u64 {
        self.messages.len() as u64
    }

    pub(crate) fn at(&self, seq: u64) -> &Message {
        &self.messages[seq as usize - 1]
    }

    /// Stores without any condition: garbage, foreign clients, and writers that are not under test.
    pub(crate) fn put(&mut self, subject: Option<Writer>, payload: impl Into<Arc<[u8]>>) -> u64 {
        self.push(Message { subject, payload: payload.into(), author: None })
    }

    fn push(&mut self, message: Message) -> u64 {
        if let (Some(subject), Ok((header, _))) = (message.subject, record::decode(&message.payload))
            && header.writer == subject
            && header.prev_hash == self.chain_of(subject)
        {
            self.chains.insert(subject, RecordHash::of(&message.payload));
        }
        self.messages.push(message);
        self.last()
    }

    /// Stores if `expected` is the subject's last sequence, as `Nats-Expected-Last-Subject-Sequence` does.
    pub(crate) fn append(&mut self, author: u64, subject: Writer, expected: u64, payload: &Arc<[u8]>) -> Answer {
        if self.last_on(subject) != expected {
            return Answer::WrongLast(None);
        }
        let seq = self.push(Message { subject: Some(subject), payload: payload.clone(), author: Some(author) });
        Answer::Committed(seq)
    }

    /// Writes a record that chains, with events of (cause, at, event).
    pub(crate) fn write(&mut self, writer: Writer, epoch: u64, events: Vec<(Offset, u64, Event)>) -> u64 {
        let prev_hash = self.chain_of(writer);
        let entries: Vec<Entry> =
            events.into_iter().map(|(cause, at, event)| Entry { cause, index: 0, at, event }).collect();
        self.put(Some(writer), record::encode(&Header { writer, epoch, prev_hash }, &entries))
    }

    /// Hash of the writer's last valid record.
    pub(crate) fn chain_of(&self, writer: Writer) -> RecordHash {
        self.chains.get(&writer).copied().unwrap_or_default()
    }

    /// The writer's valid records, found without the code under test: they decode, name the writer, and chain.
    pub(crate) fn valid_of(&self, writer: Writer) -> Vec<Valid> {
        let mut chain = RecordHash::default();
        let mut valid = Vec::new();
        for (seq, message) in (1..).zip(&self.messages) {
            if message.subject != Some(writer) {
                continue;
            }
            let Ok((header, entries)) = record::decode(&message.payload) else { continue };
            if header.writer == writer && header.prev_hash == chain {
                chain = RecordHash::of(&message.payload);
                valid.push(Valid { seq, header, entries });
            }
        }
        valid
    }
}

/// A valid record of the model tape.
pub(crate) struct Valid {
    pub(crate) seq: u64,
    pub(crate) header: Header,
    pub(crate) entries: Vec<Entry>,
}
