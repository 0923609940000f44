//! Reads the history of one tape: `RecordReader` returns every message, `FactReader` the facts of a range that pass a
//! filter.

use std::collections::VecDeque;
use std::sync::Arc;

use tapedeck_kernel::{TapeCheckpoint, TapeRead, TapeReader, TapeRecord};
use tapedeck_runtime::tail::{StoredMessage, Tail};
use tapedeck_runtime::{Bus, BusError};
use tapedeck_schemas::generation::Lineage;
use tapedeck_schemas::offset::TapeTime;
use tapedeck_schemas::subject::TapeSubject;

use crate::bounds::RangeBounds;
use crate::error::HistoryError;
use crate::fact::StoredFact;
use crate::filter::{Filter, Matcher};
use crate::resolve::TapeRange;

/// The messages of a stream in order, from the first.
pub enum Messages {
    /// Read from JetStream up to a sequence; with `None`, without an end.
    Live(Box<Tail>, Option<u64>),
    /// Held in memory.
    Held(VecDeque<StoredMessage>),
}

impl Messages {
    /// The messages of a stream up to its present end.
    pub async fn open(bus: &Bus, stream: String) -> Result<Self, HistoryError> {
        let last = bus.last_sequence(&stream).await?;
        Ok(Self::live(bus, stream, Some(last)))
    }

    fn live(bus: &Bus, stream: String, last: Option<u64>) -> Self {
        Messages::Live(Box::new(Tail::new(bus, stream, String::new(), 1)), last)
    }

    /// The next message; `None` at the end. Cancel-safe.
    ///
    /// # Errors
    /// If NATS does not let the messages up to an end be read ([`Tail::next_until`]).
    pub async fn next(&mut self) -> Result<Option<StoredMessage>, BusError> {
        match self {
            Messages::Live(tail, Some(last)) => tail.next_until(*last).await,
            Messages::Live(tail, None) => Ok(Some(tail.next().await)),
            Messages::Held(held) => Ok(held.pop_front()),
        }
    }

    /// Continues at the message `seq`: those before it are known to be lost.
    pub fn skip_to(&mut self, seq: u64) {
        match self {
            Messages::Live(tail, _) => tail.skip_to(seq),
            Messages::Held(held) => held.retain(|stored| stored.seq >= seq),
        }
    }

    /// Reads the remaining messages into memory.
    ///
    /// # Errors
    /// As [`Messages::next`].
    pub async fn hold(mut self) -> Result<VecDeque<StoredMessage>, BusError> {
        let mut held = VecDeque::new();
        while let Some(stored) = self.next().await? {
            held.push_back(stored);
        }
        Ok(held)
    }
}

/// A message of a tape, decoded, with its chain checked.
#[derive(Debug)]
pub struct TapeMessage {
    /// Stream sequence.
    pub seq: u64,
    /// Time at which JetStream stored the message, ns since the Unix epoch.
    pub stamp: u64,
    /// The record, or the reason why it is invalid.
    pub read: TapeRead,
}

/// Reads the records of one tape, always from the first: only then can chains be checked, and the definitions, orders
/// and fills be known that a later fact refers to.
pub struct RecordReader {
    partition: u16,
    messages: Messages,
    reader: TapeReader,
}

impl RecordReader {
    /// Reads the tape `tape` of a partition up to the sequence `last`; with `None`, without an end.
    pub fn new(bus: &Bus, partition: u16, tape: &Lineage, last: Option<u64>) -> Self {
        Self::over(partition, tape, Messages::live(bus, bus.generations().tape_stream(partition), last))
    }

    /// Reads `messages` as the tape `tape`.
    pub fn over(partition: u16, tape: &Lineage, messages: Messages) -> Self {
        Self { partition, messages, reader: TapeReader::new(tape.clone()) }
    }

    /// The last sequence read; 0 at the start.
    pub fn last(&self) -> u64 {
        self.reader.last()
    }

    /// The place up to which the tape is read.
    pub fn checkpoint(&self) -> &TapeCheckpoint {
        self.reader.checkpoint()
    }

    /// Whether every message that the server last reported has been read.
    pub fn is_caught_up(&self) -> bool {
        match &self.messages {
            Messages::Live(tail, _) => tail.is_caught_up(),
            Messages::Held(held) => held.is_empty(),
        }
    }

    /// The next message; `None` at the end. Fails if the tape cannot be read further, or ends before `last`.
    /// Cancel-safe.
    pub async fn next(&mut self) -> Result<Option<TapeMessage>, HistoryError> {
        let partition = self.partition;
        let Some(StoredMessage { seq, subject, stamp, payload }) = self.messages.next().await? else {
            return match self.messages {
                Messages::Live(_, Some(expected)) if self.last() < expected => {
                    Err(HistoryError::Short { partition, expected, got: self.last() })
                }
                _ => Ok(None),
            };
        };
        let subject = TapeSubject::parse(partition, self.reader.lineage().generation, &subject);
        let read = self.reader.read(seq, subject, &payload);
        let read = read.map_err(|fault| HistoryError::Tape { partition, fault })?;
        Ok(Some(TapeMessage { seq, stamp, read }))
    }
}

/// The place of a fact relative to a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Before the range.
    Before,
    /// In the range.
    Within,
    /// After the range.
    After,
}

/// A fact, with its place relative to the range and the result of the filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassifiedFact {
    /// The fact.
    pub fact: StoredFact,
    /// Whether it passes the filter.
    pub passes: bool,
    /// Whether the fact lies before, in or after the range.
    pub standing: Standing,
}

/// Classifies each fact of a tape by a range and a filter. Pure. It must be given every record, from the first.
#[derive(Debug)]
pub struct Classifier {
    partition: u16,
    lineage: Arc<Lineage>,
    bounds: RangeBounds,
    matcher: Matcher,
    time: TapeTime,
    is_over: bool,
}

impl Classifier {
    /// A classifier at the beginning of the tape of `partition`.
    pub fn new(partition: u16, tape: Lineage, bounds: RangeBounds, filter: Filter) -> Self {
        let lineage = Arc::new(tape);
        Self { partition, lineage, bounds, matcher: Matcher::new(filter), time: 0, is_over: false }
    }

    /// Whether a fact after the range was classified, so that no later record holds a fact of the range.
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// The filter, without the instruments, accounts and strategies that a fact has named.
    pub fn unnamed(&self) -> &Filter {
        self.matcher.unnamed()
    }

    /// Classifies the facts of the next record.
    pub fn classify(&mut self, record: TapeRecord, stamp: u64) -> Vec<ClassifiedFact> {
        let mut classified = Vec::with_capacity(record.entries.len());
        for fact in StoredFact::of_record((self.partition, &self.lineage), record, stamp, self.time) {
            self.time = fact.time;
            let standing = match &self.bounds {
                bounds if bounds.is_after(fact.offset, fact.time) => Standing::After,
                bounds if bounds.is_before(fact.offset, fact.time) => Standing::Before,
                _ => Standing::Within,
            };
            self.is_over |= standing == Standing::After;
            let passes = self.matcher.passes(fact.writer, &fact.event);
            classified.push(ClassifiedFact { fact, passes, standing });
        }
        classified
    }
}

/// Reads the facts of a range of one tape that pass a filter.
pub struct FactReader {
    records: RecordReader,
    classifier: Classifier,
}

impl FactReader {
    /// Reads up to the end of the range.
    pub fn new(bus: &Bus, range: &TapeRange, filter: Filter) -> Self {
        Self::until(bus, range, filter, Some(range.bounds.last_sequence(range.end)))
    }

    /// Reads on as facts are appended, without an end.
    pub fn following(bus: &Bus, range: &TapeRange, filter: Filter) -> Self {
        Self::until(bus, range, filter, None)
    }

    fn until(bus: &Bus, range: &TapeRange, filter: Filter, last: Option<u64>) -> Self {
        let records = RecordReader::new(bus, range.partition, &range.tape, last);
        Self { records, classifier: Classifier::new(range.partition, range.tape.clone(), range.bounds, filter) }
    }

    /// The sequence of the last record read; 0 at the start.
    pub fn last(&self) -> u64 {
        self.records.last()
    }

    /// Whether every message that the server last reported has been read.
    pub fn is_caught_up(&self) -> bool {
        self.records.is_caught_up()
    }

    /// The filter, without the instruments, accounts and strategies that a fact read so far has named.
    pub fn unnamed(&self) -> &Filter {
        self.classifier.unnamed()
    }

    /// Every fact of the next message, classified; no fact for an invalid record, which is logged; `None` at the end.
    /// Cancel-safe.
    pub async fn next_classified(&mut self) -> Result<Option<Vec<ClassifiedFact>>, HistoryError> {
        if self.classifier.is_over() {
            return Ok(None);
        }
        let Some(TapeMessage { seq, stamp, read }) = self.records.next().await? else { return Ok(None) };
        Ok(Some(match read {
            TapeRead::Record(record) => self.classifier.classify(record, stamp),
            TapeRead::Invalid { why, .. } => {
                let offset = self.classifier.lineage.print_record(self.classifier.partition, seq);
                tracing::warn!(offset, why, "invalid record skipped");
                Vec::new()
            }
        }))
    }

    /// The facts of the next record that are in the range and pass, which may be none; `None` at the end. Cancel-safe.
    pub async fn next(&mut self) -> Result<Option<impl Iterator<Item = StoredFact> + use<>>, HistoryError> {
        let wanted = |one: ClassifiedFact| (one.passes && one.standing == Standing::Within).then_some(one.fact);
        Ok(self.next_classified().await?.map(|facts| facts.into_iter().filter_map(wanted)))
    }
}
