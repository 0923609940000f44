//! A tape, read as far as it can be.

use tapedeck_kernel::{TapeFault, TapeRead, TapeReader, TapeRecord};
use tapedeck_runtime::Bus;
use tapedeck_runtime::tail::{StoredMessage, Tail};
use tapedeck_schemas::generation::Lineage;
use tapedeck_schemas::record::{self, Entry};
use tapedeck_schemas::subject::TapeSubject;

use crate::error::HistoryError;

/// The records of a tape up to a sequence, or up to the first one that is missing.
pub(super) struct TapeWalk {
    partition: u16,
    tail: Tail,
    reader: TapeReader,
    end: u64,
    /// The last sequence that could be read.
    pub(super) last: u64,
    /// The reason why the tape cannot be read up to its end.
    pub(super) fault: Option<TapeFault>,
    /// The message at which the fault was found.
    at_fault: Option<StoredMessage>,
}

impl TapeWalk {
    pub(super) fn open(bus: &Bus, partition: u16, lineage: &Lineage, end: u64) -> Self {
        let tail = Tail::new(bus, bus.generations().tape_stream(partition), String::new(), 1);
        Self { partition, tail, reader: TapeReader::new(lineage.clone()), end, last: 0, fault: None, at_fault: None }
    }

    /// The next valid record.
    ///
    /// # Errors
    /// If a record is not understood: a later build must look at it.
    pub(super) async fn next(&mut self) -> Result<Option<TapeRecord>, HistoryError> {
        let partition = self.partition;
        while self.fault.is_none()
            && let Some(stored) = self.tail.next_until(self.end).await?
        {
            let seq = stored.seq;
            let subject = TapeSubject::parse(partition, self.reader.lineage().generation, &stored.subject);
            match self.reader.read(seq, subject, &stored.payload) {
                Ok(TapeRead::Record(record)) => {
                    self.last = seq;
                    return Ok(Some(record));
                }
                Ok(TapeRead::Invalid { .. }) => self.last = seq,
                Err(fault @ TapeFault::NotUnderstood { .. }) => return Err(HistoryError::Tape { partition, fault }),
                Err(fault) => (self.fault, self.at_fault) = (Some(fault), Some(stored)),
            }
        }
        if self.fault.is_none() && self.last < self.end {
            let (expected, got) = (self.last + 1, self.end + 1);
            self.fault = Some(TapeFault::NotNext { expected, got });
        }
        Ok(None)
    }

    /// The sequence and the facts of the next message after the fault, without its chain.
    pub(super) async fn next_unchecked(&mut self) -> Result<Option<(u64, Vec<Entry>)>, HistoryError> {
        let stored = match self.at_fault.take() {
            Some(stored) => Some(stored),
            None => self.tail.next_readable_until(self.end).await?,
        };
        Ok(stored.map(|stored| (stored.seq, record::read(&stored.payload).entries)))
    }
}
