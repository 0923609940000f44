//! `tape`: prints the facts of a tape in words or as JSON lines; `--follow` continues with facts as they are appended.

use std::io::{BufWriter, Stdout, Write};
use std::process::ExitCode;
use std::sync::Mutex;

use anyhow::{Result, ensure};
use futures_util::future::try_join_all;
use tapedeck_history::{FactReader, Filter, TapeRange, render, resolve};
use tapedeck_runtime::Bus;

use crate::connection::{DirArgs, NatsArgs};
use crate::history_args::{FilterArgs, RangeArgs, TimesArgs};
use crate::process;

const EXAMPLES: &str = "\
Examples:
  tapedeck tape --from -10m --kind OrderFilled,OrderDenied
  tapedeck tape --instrument binance.BTCUSDT --follow
  tapedeck tape --from p0g1:1200 --to p0g1:1250 --json";

/// Prints the facts of the tapes, in words or as JSON
///
/// Prints the tapes of all partitions, one after the other. With --follow, prints the facts of all tapes as they are
/// appended.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Range of the tapes.
    #[command(flatten)]
    pub range: RangeArgs,
    /// Facts that are printed.
    #[command(flatten)]
    pub filter: FilterArgs,
    /// Continues with new facts as they are appended, until Ctrl-C
    #[arg(long, help_heading = "Output")]
    pub follow: bool,
    /// Prints JSON, one object per line
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

/// Prints facts.
pub async fn run(args: Args) -> Result<ExitCode> {
    let range = args.range.range();
    ensure!(!(args.follow && range.to.is_some()), "--follow has no end; leave out --to");
    let bus = args.nats.connect(&args.dir).await?;
    let ranges = resolve(&bus, args.range.partition(), &range).await?;
    let out = Mutex::new(BufWriter::new(std::io::stdout()));
    let printed = async {
        let (mut unnamed, mut count) = (Vec::new(), 0);
        if args.follow {
            try_join_all(ranges.iter().map(|range| print(&bus, range, &args, &out))).await?;
        } else {
            for range in &ranges {
                let (filter, printed) = print(&bus, range, &args, &out).await?;
                unnamed.push(filter);
                count += printed;
            }
        }
        out.lock().expect("no holder panicked").flush()?;
        if args.follow {
            return Ok(ExitCode::SUCCESS);
        }
        if let Some(unknown) = args.filter.filter().in_all(&unnamed).unknown() {
            eprintln!("tapedeck: {unknown}");
            return Ok(ExitCode::from(1));
        }
        if count == 0 {
            let ends: Vec<_> = ranges.iter().map(|range| format!("p{}:{}", range.partition, range.end)).collect();
            eprintln!("tapedeck: no fact to print; the last record is {}", ends.join(", "));
        }
        Ok(ExitCode::SUCCESS)
    };
    tokio::select! {
        printed = printed => printed,
        _ = process::shutdown_signal(), if args.follow => Ok(ExitCode::SUCCESS),
    }
}

/// Prints the facts of a tape. Returns the filter without what a fact has named, and the number of facts.
async fn print(bus: &Bus, range: &TapeRange, args: &Args, out: &Mutex<BufWriter<Stdout>>) -> Result<(Filter, u64)> {
    let (filter, mut count) = (args.filter.filter(), 0);
    let mut reader = match args.follow {
        true => FactReader::following(bus, range, filter),
        false => FactReader::new(bus, range, filter),
    };
    while let Some(facts) = reader.next().await? {
        let mut out = out.lock().expect("no holder panicked");
        for fact in facts {
            count += 1;
            writeln!(out, "{}", if args.json { render::json(&fact, args.times.times()) } else { render::line(&fact) })?;
        }
        if args.follow && reader.is_caught_up() {
            out.flush()?;
        }
    }
    Ok((reader.unnamed().clone(), count))
}
