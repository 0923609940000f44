//! Merges the facts of several tapes into one order: by tape time, then by partition.

mod checkpoint;
mod definitions;
mod player;
mod speed;

use std::collections::VecDeque;

use tapedeck_runtime::Bus;

use crate::error::HistoryError;
use crate::fact::StoredFact;
use crate::filter::Filter;
use crate::range::Range;
use crate::reader::FactReader;
use crate::resolve::{TapeRange, resolve};

pub use checkpoint::{Checkpoint, CheckpointFile, ReplaySpec};
pub use definitions::Definitions;
pub use player::{Ended, Player};
pub use speed::{InvalidSpeed, ReplaySpeed};

/// The facts to replay.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReplayQuery {
    /// The range; without an upper bound, the replay stops where the tapes end when it is opened.
    pub range: Range,
    /// The filter on facts.
    pub filter: Filter,
}

/// A running replay. It holds in memory the facts of one record per tape, and the batches that JetStream sent.
pub struct Replay {
    tapes: Vec<ReplayedTape>,
}

impl Replay {
    /// Replays the facts that a query selects, of the tape of one partition or of every tape.
    pub async fn open(bus: &Bus, partition: Option<u16>, query: &ReplayQuery) -> Result<Self, HistoryError> {
        Self::of(bus, &resolve(bus, partition, &query.range).await?, &query.filter).await
    }

    /// Replays these ranges. Fails if a tape is shorter than when its range was resolved.
    pub async fn of(bus: &Bus, ranges: &[TapeRange], filter: &Filter) -> Result<Self, HistoryError> {
        let mut tapes = Vec::new();
        for range in ranges {
            let end = bus.last_sequence(&bus.generations().tape_stream(range.partition)).await?;
            if end < range.end {
                return Err(HistoryError::Short { partition: range.partition, expected: range.end, got: end });
            }
            tapes.push(ReplayedTape {
                last: range.bounds.last_sequence(range.end),
                facts: FactReader::new(bus, range, filter.clone()),
                definitions: Definitions::default(),
                waiting: VecDeque::new(),
                is_over: false,
            });
        }
        Ok(Self { tapes })
    }

    /// The next fact; `None` at the end. Cancel-safe.
    pub async fn next(&mut self) -> Result<Option<StoredFact>, HistoryError> {
        for tape in &mut self.tapes {
            tape.fill().await?;
        }
        let place = |tape: &&mut ReplayedTape| tape.waiting.front().map(|one| (one.time, one.partition));
        let waiting = self.tapes.iter_mut().filter(|tape| !tape.waiting.is_empty());
        Ok(waiting.min_by_key(place).and_then(|tape| tape.waiting.pop_front()))
    }

    /// The filter of each tape, without the instruments, accounts and strategies that a fact has named.
    pub fn unnamed(&self) -> impl Iterator<Item = &Filter> {
        self.tapes.iter().map(|tape| tape.facts.unnamed())
    }

    /// Number of records read so far, of all tapes.
    pub fn records_read(&self) -> u64 {
        self.tapes.iter().map(|tape| tape.facts.last()).sum()
    }

    /// Number of records to read at most, of all tapes.
    pub fn records(&self) -> u64 {
        self.tapes.iter().map(|tape| tape.last).sum()
    }
}

/// One tape of a replay.
struct ReplayedTape {
    /// The last sequence to read.
    last: u64,
    facts: FactReader,
    definitions: Definitions,
    waiting: VecDeque<StoredFact>,
    is_over: bool,
}

impl ReplayedTape {
    /// Reads until a fact waits, or to the end. Cancel-safe.
    async fn fill(&mut self) -> Result<(), HistoryError> {
        while self.waiting.is_empty() && !self.is_over {
            match self.facts.next_classified().await? {
                Some(facts) => self.definitions.take(facts, &mut self.waiting),
                None => self.is_over = true,
            }
        }
        Ok(())
    }
}
