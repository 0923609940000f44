//! `trace`: the chain of causes of an order, a fill or a place on a tape, as a tree or as JSON.

use std::process::ExitCode;

use anyhow::Result;
use serde::Serialize;
use tapedeck_kernel::TapeRead;
use tapedeck_replay::RangeBound;
use tapedeck_runtime::Bus;
use tapedeck_schemas::event::TapeCreated;
use tapedeck_schemas::ids::{FillId, OrderId};
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::Writer;
use tapedeck_schemas::subject;

use crate::connection::{DirArgs, NatsArgs};
use crate::process;
use crate::trace::chain::{Chain, Finder, Link, TraceQuery, TracedFact};
use crate::trace::names::inbox_of;
use crate::trace::walk::{Walk, end};

const EXAMPLES: &str = "\
Examples:
  tapedeck trace p0:1234.5
  tapedeck trace 00f1a2b3c4d5e6f700f1a2b3c4d5e6f7 --json";

/// Prints the chain of causes of an order, a fill or a fact, with latencies
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// An order, a fill, an offset (p0:1234.5), or an entry of an inbox (inbox:12.3, command:12.0).
    pub id: TraceId,
    /// Which partition; the first that has it if not given.
    #[arg(long)]
    pub partition: Option<u16>,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
    /// NATS of the streams.
    #[command(flatten)]
    pub nats: NatsArgs,
    /// Directory of `connection.toml`.
    #[command(flatten)]
    pub dir: DirArgs,
}

#[derive(Serialize)]
struct Document<'a> {
    asked: String,
    partition: u16,
    skipped: u64,
    facts: &'a [Link<'a>],
}

/// Traces.
pub async fn run(args: Args) -> Result<ExitCode> {
    let bus = args.nats.connect(&args.dir).await?;
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

/// What `trace` is asked about.
#[derive(Debug, Clone)]
pub struct TraceId {
    /// As it was written.
    pub text: String,
    /// The partition that it names.
    pub partition: Option<u16>,
    /// What it is.
    pub asked: TraceQuery,
}

impl std::str::FromStr for TraceId {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let id = |partition, asked| Ok(Self { text: text.to_string(), partition, asked });
        for (inbox, writer) in [("inbox:", Writer::Ingest), ("command:", Writer::Control)] {
            if let Some(offset) = text.strip_prefix(inbox) {
                return id(None, TraceQuery::Inbox(writer, offset.parse().map_err(|e| format!("{e}"))?));
            }
        }
        if let (Ok(order), Ok(fill)) = (text.parse::<OrderId>(), text.parse::<FillId>()) {
            return id(None, TraceQuery::Id(order, fill));
        }
        match text.parse::<RangeBound>() {
            Ok(RangeBound::Offset(partition, offset)) => id(partition, TraceQuery::At(offset)),
            _ => Err(format!(
                "{text:?} is none of: an order's or a fill's id (32 hex digits), an offset as p0:1234.5, an entry of \
                 an inbox as inbox:12.3 or command:12.0"
            )),
        }
    }
}
