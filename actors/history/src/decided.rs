//! The facts of one writer as they are appended, for a program that waits for the answer to an input.

use std::collections::VecDeque;
use std::sync::Arc;

use tapedeck_kernel::{ChainEnd, TapeRead, TapeReader};
use tapedeck_runtime::Bus;
use tapedeck_runtime::tail::{StoredMessage, Tail};
use tapedeck_schemas::event::TapeCreated;
use tapedeck_schemas::generation::Lineage;
use tapedeck_schemas::offset::{Offset, TapeTime};
use tapedeck_schemas::record::{self, OuterHeader, RecordHash, RecordRead, Writer};
use tapedeck_schemas::subject::TapeSubject;

use crate::error::HistoryError;
use crate::fact::StoredFact;

/// Reads the facts of one writer of a tape, from the first, without an end. Invalid records are skipped.
pub struct WriterFacts {
    partition: u16,
    lineage: Arc<Lineage>,
    tail: Tail,
    reader: TapeReader,
    read: VecDeque<StoredFact>,
}

impl WriterFacts {
    /// The facts of `writer` on a tape.
    pub fn open(bus: &Bus, tape: &TapeCreated, writer: Writer) -> Self {
        let (partition, generations) = (tape.partition, bus.generations());
        let subject = generations.tape_subject(partition, writer);
        Self {
            partition,
            lineage: Arc::new(tape.lineage()),
            tail: Tail::new(bus, generations.tape_stream(partition), subject, 1),
            reader: TapeReader::filtered(tape),
            read: VecDeque::new(),
        }
    }

    /// The facts of `writer` after its last record, and the tape time of that record, ns. If there is none, or the last
    /// message on the subject is no record: the facts from the first record on, and 0.
    ///
    /// # Errors
    /// If the tape cannot be read.
    pub async fn open_at_end(bus: &Bus, tape: &TapeCreated, writer: Writer) -> Result<(Self, TapeTime), HistoryError> {
        let mut facts = Self::open(bus, tape, writer);
        let generations = bus.generations();
        let (stream, subject) =
            (generations.tape_stream(tape.partition), generations.tape_subject(tape.partition, writer));
        let Some(last) = bus.last_message_on(&stream, &subject).await? else { return Ok((facts, 0)) };
        let RecordRead { outer: Some(OuterHeader { epoch, .. }), entries, .. } = record::read(&last.payload) else {
            return Ok((facts, 0));
        };
        let end = ChainEnd { seq: last.sequence, hash: RecordHash::of(&last.payload), epoch, build: None };
        facts.reader = TapeReader::filtered_after(tape, writer, end);
        facts.tail = Tail::new(bus, stream, subject, last.sequence + 1);
        Ok((facts, entries.last().map_or(0, |entry| entry.at)))
    }

    /// Waits for the next fact. Its [`StoredFact::time`] is not known, as the facts of ingest are not read: it is 0.
    /// Cancel-safe.
    ///
    /// # Errors
    /// If the tape cannot be read further.
    pub async fn next(&mut self) -> Result<StoredFact, HistoryError> {
        loop {
            if let Some(fact) = self.read.pop_front() {
                return Ok(fact);
            }
            let stored = self.tail.next().await;
            self.take(&stored)?;
        }
    }

    /// The next fact up to the record `last` of the writer; `None` after it. Cancel-safe.
    ///
    /// # Errors
    /// If the tape cannot be read further.
    pub async fn next_until(&mut self, last: u64) -> Result<Option<StoredFact>, HistoryError> {
        while self.read.is_empty() {
            let Some(stored) = self.tail.next_until(last).await? else { return Ok(None) };
            self.take(&stored)?;
        }
        Ok(self.read.pop_front())
    }

    fn take(&mut self, stored: &StoredMessage) -> Result<(), HistoryError> {
        let partition = self.partition;
        let subject = TapeSubject::parse(partition, self.lineage.generation, &stored.subject);
        let read = self.reader.read(stored.seq, subject, &stored.payload);
        if let TapeRead::Record(record) = read.map_err(|fault| HistoryError::Tape { partition, fault })? {
            self.read.extend(StoredFact::of_record((partition, &self.lineage), record, stored.stamp, 0));
        }
        Ok(())
    }

    /// Waits for the first fact that answers an input: a message of the writer's inbox, or a fact of the tape. Facts
    /// before it are skipped. Cancel-safe.
    ///
    /// # Errors
    /// If the tape cannot be read further.
    pub async fn answer_to(&mut self, input: Offset) -> Result<StoredFact, HistoryError> {
        loop {
            let fact = self.next().await?;
            if fact.answers(input) {
                return Ok(fact);
            }
        }
    }
}
