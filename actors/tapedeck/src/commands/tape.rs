//! `tape`: prints the records and events of a tape, for people or as JSON lines.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Result;
use serde::Serialize;
use tapedeck_kernel::{TapeRead, TapeReader};
use tapedeck_runtime::shell::writer_of;
use tapedeck_runtime::tail::Tail;
use tapedeck_schemas::event::{Event, TapeCreated};
use tapedeck_schemas::position::Position;
use tapedeck_schemas::record::Entry;
use tapedeck_schemas::subject;

use crate::cli::{ConnectionArgs, TapeArgs};

/// One event, as `--json` prints it.
#[derive(Serialize)]
struct Line<'a> {
    partition: u16,
    seq: u64,
    index: u32,
    writer: &'a str,
    epoch: u64,
    stamp: u64,
    cause: String,
    n: u32,
    at: u64,
    kind: &'static str,
    version: u16,
    body: &'a Event,
}

/// Prints.
pub async fn run(at: ConnectionArgs, args: TapeArgs) -> Result<ExitCode> {
    let bus = super::bus(&at).await?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for tape in super::tapes(&bus).await? {
        if args.partition.is_none_or(|partition| partition == tape.partition) {
            print(&bus, &tape, &args, &mut out).await?;
        }
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

async fn print(
    bus: &tapedeck_runtime::Bus,
    tape: &TapeCreated,
    args: &TapeArgs,
    out: &mut impl std::io::Write,
) -> Result<()> {
    let stream = subject::tape_stream(tape.partition);
    let end = bus.context().get_stream(&stream).await?.cached_info().state.last_sequence;
    let last = args.to.unwrap_or(end).min(end);
    let mut tail = Tail::new(bus, stream, String::new(), 1);
    let mut reader = TapeReader::new(tape.tape);
    while let Some(stored) = tail.next_until(last).await {
        let read = reader.read(stored.seq, writer_of(tape.partition, &stored.subject), &stored.payload)?;
        if stored.seq < args.from {
            continue;
        }
        let record = match read {
            TapeRead::Record(record) => record,
            TapeRead::Void { why, .. } => {
                eprintln!("p{}:{} void: {why}", tape.partition, stored.seq);
                continue;
            }
        };
        if args.writer.is_some_and(|writer| writer != record.header.writer) {
            continue;
        }
        for (index, entry) in (0..).zip(&record.entries) {
            let kind = entry.event.kind();
            if args.kind.as_ref().is_some_and(|wanted| wanted != kind.name()) {
                continue;
            }
            if args.json {
                let line = Line {
                    partition: tape.partition,
                    seq: record.seq,
                    index,
                    writer: record.header.writer.as_str(),
                    epoch: record.header.epoch,
                    stamp: stored.stamp,
                    cause: entry.cause.to_string(),
                    n: entry.index,
                    at: entry.at,
                    kind: kind.name(),
                    version: kind.version(),
                    body: &entry.event,
                };
                serde_json::to_writer(&mut *out, &line)?;
                writeln!(out)?;
            } else {
                let position = Position::new(record.seq, index).in_partition(tape.partition);
                let writer = record.header.writer;
                let Entry { cause, at, event, .. } = entry;
                writeln!(out, "{position:<14} {writer:<9} ← {cause:<11} at {at} {event:?}")?;
            }
        }
    }
    Ok(())
}
