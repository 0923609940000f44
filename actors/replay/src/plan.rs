//! What a range is on the tapes that there are, at this moment.

use tapedeck_runtime::{Bus, BusError};
use tapedeck_schemas::event::TapeCreated;
use tapedeck_schemas::offset::TapeTime;
use tapedeck_schemas::record::{self, Writer};
use tapedeck_schemas::subject;

use crate::bounds::{RangeBounds, ResolvedBound};
use crate::error::ReplayError;
use crate::range::{Range, RangeBound};
use crate::reader::keeps_time;
use crate::replay::last_sequence;
use crate::resume::TapePlan;

/// How far back the last market fact is looked for.
const LOOK_BACK_MAX: u64 = 10_000;

/// The stretches that a range is: of one partition's tape, or of all. An end that is not given, or is given as before
/// the end, is settled now: what is appended from here on is not in it.
pub async fn resolve(bus: &Bus, partition: Option<u16>, range: &Range) -> Result<Vec<TapePlan>, ReplayError> {
    let tapes = match one_partition(partition, range)? {
        Some(one) => vec![bus.tape(one).await?],
        None => bus.tapes().await?,
    };
    if let ([_, _, ..], Some(place)) = (tapes.as_slice(), ends(range).find(|place| place.is_of_one_tape())) {
        let many = tapes.len();
        return Err(ReplayError::Range(format!(
            "{place} is a place on one tape, but there are {many}; give --partition, or the place as p0:{place}"
        )));
    }
    let mut plans = Vec::new();
    for TapeCreated { tape, partition, .. } in tapes {
        let end = last_sequence(bus, partition).await?;
        plans.push(TapePlan { partition, tape, bounds: RangeBounds::default(), end });
    }
    let is_relative = ends(range).any(|place| matches!(place, RangeBound::BeforeEnd(_)));
    let now = if is_relative { newest_time(bus, &plans).await? } else { 0 };
    let edge = |place: Option<RangeBound>| place.map(|place| edge(place, now));
    let bounds = RangeBounds { from: edge(range.from), to: edge(range.to) };
    plans.iter_mut().for_each(|plan| plan.bounds = bounds);
    Ok(plans)
}

fn ends(range: &Range) -> impl Iterator<Item = RangeBound> {
    [range.from, range.to].into_iter().flatten()
}

/// The partition that is asked for, or that the range's ends name; all must name the same.
fn one_partition(asked: Option<u16>, range: &Range) -> Result<Option<u16>, ReplayError> {
    let mut one = asked;
    for named in ends(range).filter_map(RangeBound::partition) {
        if *one.get_or_insert(named) != named {
            let one = one.unwrap_or_default();
            return Err(ReplayError::Range(format!("the range {range} is on partition {named}, not on {one} alone")));
        }
    }
    Ok(one)
}

fn edge(place: RangeBound, now: TapeTime) -> ResolvedBound {
    match place {
        RangeBound::Offset(_, offset) => ResolvedBound::Offset(offset),
        RangeBound::Sequence(_, seq) => ResolvedBound::Sequence(seq),
        RangeBound::Time(time) => ResolvedBound::Time(time),
        RangeBound::BeforeEnd(ns) => ResolvedBound::Time(now.saturating_sub(ns)),
    }
}

/// The newest time of the tapes: that of their last market facts.
async fn newest_time(bus: &Bus, plans: &[TapePlan]) -> Result<TapeTime, ReplayError> {
    let mut newest = None;
    for plan in plans {
        newest = newest.max(last_time(bus, plan.partition, plan.end).await?);
    }
    newest.ok_or_else(|| {
        ReplayError::Range("there is no market fact near the tape's end to count back from; give a time".into())
    })
}

async fn last_time(bus: &Bus, partition: u16, end: u64) -> Result<Option<TapeTime>, ReplayError> {
    let (name, ingest) = (subject::tape_stream(partition), subject::tape_subject(partition, Writer::Ingest));
    let last = bus.last_on(&name, &ingest).await?.min(end);
    let failed = |why: String| BusError::request(format!("reading {name} backwards"), why);
    let stream = bus.context().get_stream_no_info(&name).await.map_err(|e| failed(e.to_string()))?;
    for seq in (1..=last).rev().take(LOOK_BACK_MAX as usize) {
        let message = stream.get_raw_message(seq).await.map_err(|e| failed(e.to_string()))?;
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
        assert_eq!(edge(RangeBound::BeforeEnd(30), 100), ResolvedBound::Time(70));
        assert_eq!(edge(RangeBound::BeforeEnd(300), 100), ResolvedBound::Time(0));
    }
}
