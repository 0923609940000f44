//! Resolves a range on the tapes that exist now.

use serde::{Deserialize, Serialize};
use tapedeck_runtime::Bus;
use tapedeck_schemas::event::TapeCreated;
use tapedeck_schemas::generation::Lineage;
use tapedeck_schemas::offset::TapeTime;
use tapedeck_schemas::record::{self, Writer};

use crate::bounds::{RangeBounds, ResolvedBound};
use crate::error::HistoryError;
use crate::fact::keeps_time;
use crate::range::{Range, RangeBound};

/// Most records of a tape that are searched backwards for its newest tape time.
const LOOK_BACK_MAX: u64 = 10_000;

/// The part of one tape that a range covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TapeRange {
    /// The partition.
    pub partition: u16,
    /// The identity of the tape.
    pub tape: Lineage,
    /// The bounds of the range.
    pub bounds: RangeBounds,
    /// Last sequence of the tape when the range was resolved. Later records are not read.
    pub end: u64,
}

impl TapeRange {
    /// The whole tape up to its present end.
    pub async fn whole(bus: &Bus, tape: &TapeCreated) -> Result<Self, HistoryError> {
        let (partition, tape) = (tape.partition, tape.lineage());
        let end = bus.last_sequence(&bus.generations().tape_stream(partition)).await?;
        Ok(Self { partition, tape, bounds: RangeBounds::default(), end })
    }
}

/// Resolves a range on the tape of one partition, or on every tape. Without an upper bound, the range ends where the
/// tape ends now; an age counts from the newest tape time now. Fails if the bounds name several partitions, if there
/// are several tapes and a bound is a place on one, or if no fact gives a time to count an age from.
pub async fn resolve(bus: &Bus, partition: Option<u16>, range: &Range) -> Result<Vec<TapeRange>, HistoryError> {
    let tapes = match one_partition(partition, range)? {
        Some(one) => vec![bus.tape(one).await?],
        None => bus.tapes().await?,
    };
    if let ([_, _, ..], Some(bound)) = (tapes.as_slice(), bounds(range).find(|bound| bound.is_of_one_tape())) {
        let many = tapes.len();
        return Err(HistoryError::Range(format!(
            "{bound} is a place on one tape, but there are {many} tapes; give --partition, or write it as p0:{bound}"
        )));
    }
    let mut ranges = Vec::new();
    for tape in &tapes {
        let checked = bounds(range).try_for_each(|bound| bound.check(&tape.lineage()));
        checked.map_err(|error| HistoryError::Range(error.to_string()))?;
        ranges.push(TapeRange::whole(bus, tape).await?);
    }
    let has_age = bounds(range).any(|bound| matches!(bound, RangeBound::BeforeEnd(_)));
    let newest = if has_age { newest_time(bus, &ranges).await? } else { 0 };
    let resolved = |bound: Option<RangeBound>| bound.map(|bound| resolved(bound, newest));
    let bounds = RangeBounds { from: resolved(range.from), to: resolved(range.to) };
    ranges.iter_mut().for_each(|range| range.bounds = bounds);
    Ok(ranges)
}

fn bounds(range: &Range) -> impl Iterator<Item = RangeBound> {
    [range.from, range.to].into_iter().flatten()
}

/// The partition `asked`, or the one that the bounds name; they must not name two.
fn one_partition(asked: Option<u16>, range: &Range) -> Result<Option<u16>, HistoryError> {
    let mut one = asked;
    for named in bounds(range).filter_map(RangeBound::partition) {
        if *one.get_or_insert(named) != named {
            let one = one.unwrap_or_default();
            let why = format!("the range {range} is on partition {named}, not on {one} alone");
            return Err(HistoryError::Range(why));
        }
    }
    Ok(one)
}

fn resolved(bound: RangeBound, newest: TapeTime) -> ResolvedBound {
    match bound {
        RangeBound::Offset(_, offset) => ResolvedBound::Offset(offset),
        RangeBound::Sequence(_, seq) => ResolvedBound::Sequence(seq),
        RangeBound::Time(time) => ResolvedBound::Time(time),
        RangeBound::BeforeEnd(ns) => ResolvedBound::Time(newest.saturating_sub(ns)),
    }
}

/// The newest tape time of the tapes.
async fn newest_time(bus: &Bus, ranges: &[TapeRange]) -> Result<TapeTime, HistoryError> {
    let mut newest = None;
    for range in ranges {
        newest = newest.max(last_time(bus, range.partition, range.end).await?);
    }
    newest.ok_or_else(|| {
        HistoryError::Range("there is no market fact near the tape's end to count an age from; give a time".into())
    })
}

/// The newest tape time of one tape; `None` if its last [`LOOK_BACK_MAX`] records up to `end` hold no fact of ingest.
async fn last_time(bus: &Bus, partition: u16, end: u64) -> Result<Option<TapeTime>, HistoryError> {
    let generations = bus.generations();
    let (name, ingest) = (generations.tape_stream(partition), generations.tape_subject(partition, Writer::Ingest));
    let last = bus.last_on(&name, &ingest).await?.min(end);
    for seq in (1..=last).rev().take(LOOK_BACK_MAX as usize) {
        let Some(message) = bus.message(&name, seq).await? else { continue };
        let Ok((header, entries)) = record::decode(&message.payload) else { continue };
        if let (Writer::Ingest, Some(entry)) =
            (header.writer, entries.iter().rev().find(|entry| keeps_time(&entry.event)))
        {
            return Ok(Some(entry.at));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(from: &str, to: &str) -> Range {
        Range { from: from.parse().ok(), to: to.parse().ok() }
    }

    #[test]
    fn the_partition_is_what_is_asked_for_or_named_and_never_two() {
        assert_eq!(one_partition(None, &range("p3:1.0", "9")).unwrap(), Some(3));
        assert_eq!(one_partition(Some(3), &range("p3:1.0", "p3:9")).unwrap(), Some(3));
        assert_eq!(one_partition(None, &range("5", "")).unwrap(), None);
        let said = one_partition(Some(0), &range("", "p3:1.0")).unwrap_err().to_string();
        assert_eq!(said, "the range to p3:1.0 is on partition 3, not on 0 alone");
        assert!(one_partition(None, &range("p0:1", "p1:1")).is_err());
    }

    #[test]
    fn a_time_before_the_end_is_counted_from_the_newest() {
        assert_eq!(resolved(RangeBound::BeforeEnd(30), 100), ResolvedBound::Time(70));
        assert_eq!(resolved(RangeBound::BeforeEnd(300), 100), ResolvedBound::Time(0));
    }
}
