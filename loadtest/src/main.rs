//! `bench publish` and `bench replay`: rates beside a reference taken in the same run, on the same machine. Only the
//! ratios travel: these figures say nothing about another machine.

mod market;
mod publish;
mod replay;
mod table;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Measures.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Publishing, by language, encoding and array size, beside raw JetStream publishes.
    Publish {
        /// Events of each measurement.
        #[arg(long, default_value_t = 100_000)]
        events: u64,
        /// Rounds; the median is shown.
        #[arg(long, default_value_t = 3)]
        rounds: usize,
        /// Python that has nats-py and msgpack; without it Python is left out.
        #[arg(long)]
        python: Option<PathBuf>,
    },
    /// Replaying, beside reading the tape's bytes.
    Replay {
        /// The tapedeck binary, which plays the market whose tape is replayed.
        #[arg(long)]
        tapedeck: PathBuf,
        /// Quotes and trades on the tape.
        #[arg(long, default_value_t = 240_000)]
        events: u64,
        /// Rounds; the median is shown.
        #[arg(long, default_value_t = 3)]
        rounds: usize,
    },
}

#[tokio::main]
async fn main() -> Result<()> {
    match Cli::parse().what {
        What::Publish { events, rounds, python } => publish::run(events, rounds, python.as_deref()).await,
        What::Replay { tapedeck, events, rounds } => replay::run(&tapedeck, events, rounds).await,
    }
}
