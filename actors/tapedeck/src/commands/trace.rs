//! `trace`: the chain of causes of an order, a fill, a fact or an inbox entry, as a tree or as JSON.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use serde::Serialize;
use tapedeck_history::trace::{ChainedFact, TraceId, trace};

use crate::cli::ConnectionArgs;
use crate::history_args::PartitionArgs;

/// Arguments of `trace`.
#[derive(Debug, Clone, Args)]
pub struct TraceArgs {
    /// The id of an order or a fill, an offset (p0:1234.5), or an inbox entry (inbox:12.3, command:12.0)
    id: TraceId,
    #[command(flatten)]
    partition: PartitionArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Document<'a> {
    asked: String,
    partition: u16,
    skipped: u64,
    facts: &'a [ChainedFact<'a>],
}

/// Prints the chain on the first tape that has it.
pub async fn run(at: ConnectionArgs, args: TraceArgs) -> Result<ExitCode> {
    let bus = super::bus(&at).await?;
    let TraceId { text: asked, partition, query } = args.id;
    let wanted = partition.or(args.partition.partition);
    for tape in bus.tapes().await?.iter().filter(|tape| wanted.is_none_or(|one| one == tape.partition)) {
        let Some(found) = trace(&bus, tape, query).await? else { continue };
        let facts = found.chain.facts(found.inbox_stamp);
        if args.json {
            let (partition, skipped) = (found.partition, found.chain.skipped);
            println!("{}", serde_json::to_string(&Document { asked, partition, skipped, facts: &facts })?);
        } else {
            print!("{}", found.chain.tree(&facts));
        }
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("tapedeck: {asked} not found: no tape here has such an order, fill, offset or inbox entry");
    Ok(ExitCode::from(1))
}
