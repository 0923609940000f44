//! Reads tapes as every reader must, and hands out their facts in one order: by the tapes' time, then by partition.

use std::collections::VecDeque;

use tapedeck_kernel::{TapeRead, TapeReader};
use tapedeck_runtime::Bus;
use tapedeck_runtime::shell::writer_of;
use tapedeck_runtime::tail::Tail;
use tapedeck_schemas::subject;

use crate::error::ReplayError;
use crate::filter::Filter;
use crate::plan::resolve;
use crate::range::Range;
use crate::reader::{RangeReader, ReplayedFact};
use crate::resume::TapePlan;

/// What is wanted of the tapes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReplayQuery {
    /// From where to where; a range without an end stops where the tape ends when the replay is opened.
    pub range: Range,
    /// What passes; by default the market.
    pub filter: Filter,
}

/// A replay at its place. What it holds in memory is one record a tape, and the batch that its reader asked for.
pub struct Replay {
    cursors: Vec<PartitionCursor>,
}

impl Replay {
    /// Plays what is selected of one partition's tape, or of all.
    pub async fn open(bus: &Bus, partition: Option<u16>, selection: &ReplayQuery) -> Result<Self, ReplayError> {
        Self::of(bus, &resolve(bus, partition, &selection.range).await?, &selection.filter).await
    }

    /// Plays these stretches.
    pub async fn of(bus: &Bus, tapes: &[TapePlan], filter: &Filter) -> Result<Self, ReplayError> {
        let mut cursors = Vec::new();
        for plan in tapes {
            let end = last_sequence(bus, plan.partition).await?;
            if end < plan.end {
                return Err(ReplayError::Short { partition: plan.partition, expected: plan.end, got: end });
            }
            cursors.push(PartitionCursor::new(bus, plan, filter));
        }
        Ok(Self { cursors })
    }

    /// The next fact; `None` at the end. Cancel-safe: what was waited for comes the next time.
    pub async fn next(&mut self) -> Result<Option<ReplayedFact>, ReplayError> {
        for cursor in &mut self.cursors {
            cursor.fill().await?;
        }
        let earliest = self.cursors.iter_mut().filter(|cursor| !cursor.waiting.is_empty());
        let earliest =
            earliest.min_by_key(|cursor| cursor.waiting.front().map(|played| (played.time, played.partition)));
        Ok(earliest.and_then(|cursor| cursor.waiting.pop_front()))
    }

    /// Records read so far, of all tapes.
    pub fn records_read(&self) -> u64 {
        self.cursors.iter().map(|cursor| cursor.reader.last()).sum()
    }

    /// Records to read at most, of all tapes.
    pub fn records(&self) -> u64 {
        self.cursors.iter().map(|cursor| cursor.last).sum()
    }
}

/// Last sequence of a partition's tape at present.
pub(crate) async fn last_sequence(bus: &Bus, partition: u16) -> Result<u64, ReplayError> {
    let stream = subject::tape_stream(partition);
    let found = bus.context().get_stream(&stream).await;
    let found = found.map_err(|error| tapedeck_runtime::BusError::request(format!("looking at {stream}"), error))?;
    Ok(found.cached_info().state.last_sequence)
}

/// One tape of a replay.
struct PartitionCursor {
    partition: u16,
    /// The last sequence that is read.
    last: u64,
    tail: Tail,
    reader: TapeReader,
    stretch: RangeReader,
    waiting: VecDeque<ReplayedFact>,
}

impl PartitionCursor {
    fn new(bus: &Bus, plan: &TapePlan, filter: &Filter) -> Self {
        let partition = plan.partition;
        Self {
            partition,
            last: plan.bounds.last_sequence(plan.end),
            // From the first record on, whatever the range: so the chains are checked and the definitions known.
            tail: Tail::new(bus, subject::tape_stream(partition), String::new(), 1),
            reader: TapeReader::new(plan.tape),
            stretch: RangeReader::new(partition, plan.bounds, filter.clone()),
            waiting: VecDeque::new(),
        }
    }

    /// Reads until a fact waits, or to the end. Cancel-safe.
    async fn fill(&mut self) -> Result<(), ReplayError> {
        let partition = self.partition;
        while self.waiting.is_empty() && !self.stretch.is_over() && self.reader.last() < self.last {
            let Some(stored) = self.tail.next_until(self.last).await else {
                return Err(ReplayError::Short { partition, expected: self.last, got: self.reader.last() });
            };
            let writer = writer_of(partition, &stored.subject);
            let read = self.reader.read(stored.seq, writer, &stored.payload);
            match read.map_err(|fault| ReplayError::Tape { partition, fault })? {
                TapeRead::Record(record) => self.stretch.take(record, &mut self.waiting),
                TapeRead::Invalid { why, .. } => {
                    tracing::warn!(partition, sequence = stored.seq, why, "passing over a invalid record");
                }
            }
        }
        Ok(())
    }
}
