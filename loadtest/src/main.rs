//! `bench publish`, `replay`, `numbers`, `bytes` and `ingest`: rates, and their ratio to a reference measured in the
//! same run.
//!
//! Only the ratios can be compared between machines.

mod blocks;
mod bytes;
mod former;
mod ingest;
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
    /// Bytes of an event on the tape and in the inbox, busy and at recorded pace, and the time of the record's codec.
    Bytes {
        /// The tapedeck binary, which writes the tapes.
        #[arg(long)]
        tapedeck: PathBuf,
        /// Files of recorded market data [default: the synthetic market]
        #[arg(long, num_args = 1..)]
        market: Vec<PathBuf>,
        /// Quotes and trades of the synthetic market on the busy tape.
        #[arg(long, default_value_t = 240_000)]
        events: u64,
        /// Quotes and trades of the synthetic market on the paced tape.
        #[arg(long, default_value_t = 48_000)]
        paced_events: u64,
        /// Speed of the synthetic market on the paced tape. 1x is 4,000 events a second, evenly spaced; 0.2x makes
        /// records of 2 to 4 events, as a recorded market of 200 events a second does, which comes in bursts.
        #[arg(long, default_value = "0.2x")]
        speed: String,
    },
    /// The machine of ingest with 10,000 instruments, compared with 10, and the memory of its state.
    Ingest {
        /// Trades per measurement.
        #[arg(long, default_value_t = 500_000)]
        events: u64,
        /// Rounds; the median is shown.
        #[arg(long, default_value_t = 3)]
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
        Benchmark::Bytes { tapedeck, market, events, paced_events, speed } => {
            let market = &market;
            bytes::run(&bytes::Options { tapedeck: &tapedeck, market, events, paced_events, speed: &speed }).await
        }
        Benchmark::Ingest { events, rounds } => ingest::run(events, rounds),
        Benchmark::Replay { tapedeck, events, rounds } => replay::run(&tapedeck, events, rounds).await,
    }
}
