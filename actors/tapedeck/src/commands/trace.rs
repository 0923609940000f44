//! `trace`: the chain of causes of an order, a fill, a fact or an inbox entry, as a tree or as JSON.

use std::process::ExitCode;

use anyhow::Result;
use serde::Serialize;
use tapedeck_history::trace::{ChainedFact, TraceId, trace};
use tapedeck_schemas::json::to_json;

use crate::connection::{DirArgs, NatsArgs};
use crate::history_args::{PartitionArgs, TimesArgs};

const EXAMPLES: &str = "\
Examples:
  tapedeck trace p0g1:1234.5
  tapedeck trace 00f1a2b3c4d5e6f700f1a2b3c4d5e6f7 --json";

/// Prints the chain of causes of an order, a fill or a fact
///
/// The chain goes from the market event to the position, with the latency of each step.
///
/// Exit status: 0 found; 1 not found on any tape.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Id of an order or a fill, or the offset of a fact (p0g1:1234.5) or of an input in an inbox (inbox.g1:12.3,
    /// command.g1:12.0)
    pub id: TraceId,
    /// Partitions that are searched.
    #[command(flatten)]
    pub partition: PartitionArgs,
    /// Prints JSON
    #[arg(long, help_heading = "Output")]
    pub json: bool,
    /// How JSON gives times.
    #[command(flatten)]
    pub times: TimesArgs,
    /// NATS of the tapes.
    #[command(flatten)]
    pub nats: NatsArgs,
    /// Directory of `connection.toml`.
    #[command(flatten)]
    pub dir: DirArgs,
}

#[derive(Serialize)]
struct TraceDocument<'a> {
    asked: String,
    partition: u16,
    skipped: u64,
    facts: &'a [ChainedFact<'a>],
}

/// Prints the chain on the first tape that has it.
pub async fn run(args: Args) -> Result<ExitCode> {
    let bus = args.nats.connect(&args.dir).await?;
    let TraceId { text: asked, partition, bound, query } = args.id;
    let wanted = partition.or(args.partition.partition);
    for tape in bus.tapes().await?.iter().filter(|tape| wanted.is_none_or(|one| one == tape.partition)) {
        if let Some(Err(other)) = bound.map(|bound| bound.check(&tape.lineage())) {
            eprintln!("tapedeck: {asked} not found: {other}");
            return Ok(ExitCode::from(1));
        }
        let Some(found) = trace(&bus, tape, query).await? else { continue };
        let facts = found.chain.facts(found.inbox_stamp);
        if args.json {
            let (partition, skipped) = (found.partition, found.chain.skipped);
            let document = TraceDocument { asked, partition, skipped, facts: &facts };
            println!("{}", to_json(&document, args.times.times()));
        } else {
            print!("{}", found.chain.tree(&facts));
        }
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("tapedeck: {asked} not found: no tape here has such an order, fill, offset or inbox entry");
    Ok(ExitCode::from(1))
}
