//! `trace`: the chain of causes of an order, a fill or a place on a tape, as a tree or as JSON.

use std::process::ExitCode;

use anyhow::Result;
use serde::Serialize;
use tapedeck_kernel::TapeRead;
use tapedeck_runtime::Bus;
use tapedeck_schemas::event::TapeCreated;
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::Writer;
use tapedeck_schemas::subject;

use crate::cli::{ConnectionArgs, TraceArgs, TraceId};
use crate::trace::chain::{Chain, Finder, Link, TraceQuery, TracedFact};
use crate::trace::names::inbox_of;
use crate::trace::walk::{Walk, end};

#[derive(Serialize)]
struct Document<'a> {
    asked: String,
    partition: u16,
    skipped: u64,
    facts: &'a [Link<'a>],
}

/// Traces.
pub async fn run(at: ConnectionArgs, args: TraceArgs) -> Result<ExitCode> {
    let bus = super::bus(&at).await?;
    let wanted = args.id.partition.or(args.partition);
    for tape in bus.tapes().await?.iter().filter(|tape| wanted.is_none_or(|one| one == tape.partition)) {
        let Some(chain) = chain(&bus, tape, args.id.asked).await? else { continue };
        let came = came_in(&bus, tape.partition, &chain).await;
        let links = chain.links(tape.partition, came);
        if args.json {
            let (asked, partition) = (args.id.text.clone(), tape.partition);
            let document = Document { asked, partition, skipped: chain.skipped, facts: &links };
            println!("{}", serde_json::to_string(&document)?);
        } else {
            print!("{}", chain.tree(&links));
        }
        return Ok(ExitCode::SUCCESS);
    }
    let TraceId { text, .. } = args.id;
    eprintln!("tapedeck: {text} is on no tape here: no order, no fill and no place of that name");
    Ok(ExitCode::from(1))
}

/// Reads the tape twice: for where the chain begins, and for what belongs to it.
async fn chain(bus: &Bus, tape: &TapeCreated, asked: TraceQuery) -> Result<Option<Chain>> {
    let last = end(bus, tape.partition).await?;
    let mut finder = Finder::default();
    facts(bus, tape, last, |fact| !finder.take(asked, &fact)).await?;
    let Some((asked, first)) = finder.begin() else { return Ok(None) };
    let mut chain = Chain::new(asked);
    facts(bus, tape, last, |fact| {
        if fact.offset >= first {
            chain.take(fact);
        }
        true
    })
    .await?;
    Ok(Some(chain))
}

async fn facts(bus: &Bus, tape: &TapeCreated, last: u64, mut take: impl FnMut(TracedFact) -> bool) -> Result<()> {
    let mut walk = Walk::new(bus, tape, Some(last));
    while let Some(seen) = walk.next().await? {
        let TapeRead::Record(record) = seen.read else { continue };
        for (index, entry) in (0..).zip(record.entries) {
            let offset = Offset::new(record.seq, index);
            let (writer, cause, at, stamp) = (record.header.writer, entry.cause, entry.at, seen.stamp);
            if !take(TracedFact { offset, writer, cause, at, stamp, event: entry.event }) {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// When the broker stored what the chain's first fact answers, ns; none if that is gone or not in an inbox.
async fn came_in(bus: &Bus, partition: u16, chain: &Chain) -> Option<u64> {
    let first = chain.first()?;
    inbox_of(first.writer)?;
    let stream = match first.writer {
        Writer::Ingest => subject::inbox_stream(partition),
        _ => subject::command_stream(partition),
    };
    let stream = bus.context().get_stream_no_info(stream).await.ok()?;
    let stored = stream.get_raw_message(first.cause.seq).await.ok()?;
    u64::try_from(stored.time.unix_timestamp_nanos()).ok()
}
