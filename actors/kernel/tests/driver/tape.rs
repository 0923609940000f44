//! A tape in memory that accepts and rejects appends as JetStream does.

use std::collections::BTreeMap;
use std::sync::Arc;

use tapedeck_kernel::guard::{StreamState, StreamsAnswer, StreamsQuestion, WitnessAnswer};
use tapedeck_kernel::{Answer, TapeRead, TapeReader, TapeRecord};
use tapedeck_schemas::event::{Event, TapeCreated};
use tapedeck_schemas::ids::TapeId;
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::{self, Entry, Header, RecordHash, Writer};
use tapedeck_schemas::subject::TapeSubject;

use crate::toys::fact_of;

/// The identity of each tape in these tests.
pub(crate) const TAPE: TapeId = TapeId([7; 16]);

#[derive(Debug, Clone)]
pub(crate) struct Message {
    /// The writer whose subject the message is on, if any.
    pub(crate) subject: Option<Writer>,
    /// The name in its subject that is no writer's, if any.
    pub(crate) unknown: Option<&'static str>,
    pub(crate) payload: Arc<[u8]>,
}

impl Message {
    pub(crate) fn tape_subject(&self) -> TapeSubject<'static> {
        match (self.subject, self.unknown) {
            (Some(writer), _) => TapeSubject::Writer(writer),
            (None, Some(name)) => TapeSubject::Unknown(name),
            (None, None) => TapeSubject::Foreign,
        }
    }
}

/// Message `seq` is at index `seq - 1`.
#[derive(Debug)]
pub(crate) struct Tape {
    messages: Vec<Message>,
    /// Hash of each writer's last valid record.
    chains: BTreeMap<Writer, RecordHash>,
}

impl Tape {
    /// A tape that holds its first record.
    pub(crate) fn new() -> Self {
        let created: Event = TapeCreated::first(TAPE, 0, Vec::new()).into();
        let mut tape = Self::empty();
        tape.write(Writer::Keeper, 1, vec![(Offset::START, 0, created)]);
        tape
    }

    pub(crate) fn empty() -> Self {
        Self { messages: Vec::new(), chains: BTreeMap::new() }
    }

    pub(crate) fn last(&self) -> u64 {
        self.messages.len() as u64
    }

    /// The last sequence on a writer's subject; 0 for none.
    pub(crate) fn last_on(&self, writer: Writer) -> u64 {
        self.messages.iter().rposition(|message| message.subject == Some(writer)).map_or(0, |at| at as u64 + 1)
    }

    pub(crate) fn at(&self, seq: u64) -> &Message {
        &self.messages[seq as usize - 1]
    }

    /// The answer of the leader to a question about the tape, and about an inbox that nothing was read of yet.
    pub(crate) fn streams(&self, question: StreamsQuestion, witness: WitnessAnswer) -> StreamsAnswer {
        let index = usize::try_from(question.tape).unwrap().checked_sub(1);
        let message = index.and_then(|index| self.messages.get(index));
        let message = message.map(|message| (String::new(), message.payload.to_vec()));
        let inbox = StreamState { created: 1, first: 1, last: u64::MAX, messages: u64::MAX, ..StreamState::default() };
        let tape = Some(StreamState { last: self.last(), messages: self.last(), message, ..inbox.clone() });
        let inbox = Some(inbox);
        StreamsAnswer { witness, tape, inbox }
    }

    /// Stores a message without a condition.
    pub(crate) fn put(&mut self, subject: Option<Writer>, payload: impl Into<Arc<[u8]>>) -> u64 {
        let payload = payload.into();
        if let (Some(subject), Ok((header, _))) = (subject, record::decode(&payload))
            && (header.writer, header.prev_hash) == (subject, self.chain_of(subject))
        {
            self.chains.insert(subject, RecordHash::of(&payload));
        }
        self.messages.push(Message { subject, unknown: None, payload });
        self.last()
    }

    /// Stores a message on the subject of a writer that this build does not know.
    pub(crate) fn put_unknown(&mut self, name: &'static str, payload: impl Into<Arc<[u8]>>) -> u64 {
        self.messages.push(Message { subject: None, unknown: Some(name), payload: payload.into() });
        self.last()
    }

    /// Stores a record if `expected` is the subject's last sequence, as `Nats-Expected-Last-Subject-Sequence` does.
    pub(crate) fn append(&mut self, subject: Writer, expected: u64, payload: &Arc<[u8]>) -> Answer {
        match self.last_on(subject) {
            last if last == expected => Answer::Committed(self.put(Some(subject), payload.clone())),
            last => Answer::WrongLast(Some(last)),
        }
    }

    /// Writes a record that continues the writer's chain, with events of (cause, at, event).
    pub(crate) fn write(&mut self, writer: Writer, epoch: u64, events: Vec<(Offset, u64, Event)>) -> u64 {
        let entries: Vec<Entry> =
            events.into_iter().map(|(cause, at, event)| Entry { cause, index: 0, at, event }).collect();
        let header = Header { writer, epoch, prev_hash: self.chain_of(writer), inbox: None };
        self.put(Some(writer), record::encode(&header, &entries))
    }

    /// Writes a record of ingest that holds a fact for each value.
    pub(crate) fn write_values(&mut self, values: &[u8]) -> u64 {
        let time = 10 * self.last();
        let events = values.iter().map(|&value| (Offset::new(time, 0), time, fact_of(value, time))).collect();
        self.write(Writer::Ingest, 1, events)
    }

    /// Hash of the writer's last valid record.
    pub(crate) fn chain_of(&self, writer: Writer) -> RecordHash {
        self.chains.get(&writer).copied().unwrap_or_default()
    }

    /// The valid records.
    pub(crate) fn records(&self) -> Vec<TapeRecord> {
        let mut reader = TapeReader::new(TAPE);
        let read = (1..).zip(&self.messages).filter_map(|(seq, message)| {
            match reader.read(seq, message.tape_subject(), &message.payload).expect("the tape can be read") {
                TapeRead::Record(record) => Some(record),
                TapeRead::Invalid { .. } => None,
            }
        });
        read.collect()
    }
}
