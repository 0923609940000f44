//! A reader's way along one tape, record by record, chains checked. What is done with the records lives elsewhere.

use anyhow::{Context as _, Result};
use tapedeck_kernel::{TapeRead, TapeReader};
use tapedeck_runtime::Bus;
use tapedeck_runtime::shell::writer_of;
use tapedeck_runtime::tail::Tail;
use tapedeck_schemas::event::TapeCreated;
use tapedeck_schemas::subject;

/// A message of a tape, judged.
#[derive(Debug)]
pub struct WalkedRecord {
    /// Stream sequence.
    pub seq: u64,
    /// When the broker stored it, ns.
    pub stamp: u64,
    /// The record, or why it is invalid.
    pub read: TapeRead,
}

/// A reader's place on a tape. It begins at the first record, for only from there can the chains be checked.
pub struct Walk {
    partition: u16,
    tail: Tail,
    reader: TapeReader,
    last: Option<u64>,
}

impl Walk {
    /// Along the whole tape, up to a sequence; without one for ever.
    pub fn new(bus: &Bus, tape: &TapeCreated, last: Option<u64>) -> Self {
        let tail = Tail::new(bus, subject::tape_stream(tape.partition), String::new(), 1);
        Self { partition: tape.partition, tail, reader: TapeReader::new(tape.tape), last }
    }

    /// Whether everything that was there at some moment has been handed out: a good moment to flush.
    pub fn is_caught_up(&self) -> bool {
        self.tail.is_caught_up()
    }

    /// The next record; `None` past the last one. Cancel-safe.
    pub async fn next(&mut self) -> Result<Option<WalkedRecord>> {
        let stored = match self.last {
            Some(last) => self.tail.next_until(last).await,
            None => Some(self.tail.next().await),
        };
        let Some(stored) = stored else { return Ok(None) };
        let writer = writer_of(self.partition, &stored.subject);
        let read = self.reader.read(stored.seq, writer, &stored.payload);
        let read = read.with_context(|| format!("cannot read on in {}", subject::tape_stream(self.partition)))?;
        Ok(Some(WalkedRecord { seq: stored.seq, stamp: stored.stamp, read }))
    }
}

/// The last sequence that a tape has now.
pub async fn end(bus: &Bus, partition: u16) -> Result<u64> {
    Ok(bus.context().get_stream(subject::tape_stream(partition)).await?.cached_info().state.last_sequence)
}
