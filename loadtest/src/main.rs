//! `bench publish`, `bench replay` and `bench numbers`: rates, and their ratio to a reference measured in the same run.
//!
//! Only the ratios can be compared between machines.

mod market;
mod numbers;
mod publish;
mod replay;
mod table;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Measures the rates of publishing and of replay.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    benchmark: Benchmark,
}

#[derive(Debug, Subcommand)]
enum Benchmark {
    /// Publishing by language, encoding and array size, compared with raw JetStream publishes.
    Publish {
        /// Events per measurement.
        #[arg(long, default_value_t = 100_000)]
        events: u64,
        /// Rounds; the median is shown.
        #[arg(long, default_value_t = 3)]
        rounds: usize,
        /// Python interpreter with nats-py and msgpack; without it Python is not measured.
        #[arg(long)]
        python: Option<PathBuf>,
    },
    /// Exact numbers: arithmetic, encoding and bytes, compared with 64-bit integers and with the types before them.
    Numbers {
        /// Events of the synthetic market.
        #[arg(long, default_value_t = 200_000)]
        events: u64,
        /// Rounds; the median is shown.
        #[arg(long, default_value_t = 5)]
        rounds: usize,
    },
    /// Replay, compared with reading the tape's bytes.
    Replay {
        /// The tapedeck binary, whose demo writes the tape.
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
    match Cli::parse().benchmark {
        Benchmark::Publish { events, rounds, python } => publish::run(events, rounds, python.as_deref()).await,
        Benchmark::Numbers { events, rounds } => numbers::run(events, rounds),
        Benchmark::Replay { tapedeck, events, rounds } => replay::run(&tapedeck, events, rounds).await,
    }
}
