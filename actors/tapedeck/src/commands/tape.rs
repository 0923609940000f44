//! `tape`: prints the facts of a tape in words or as JSON lines; `--follow` continues with facts as they are appended.

use std::io::{BufWriter, ErrorKind, Stdout, Write};
use std::process::ExitCode;
use std::sync::Mutex;

use anyhow::{Result, ensure};
use clap::Args;
use futures_util::future::try_join_all;
use tapedeck_history::{FactReader, TapeRange, render, resolve};
use tapedeck_runtime::Bus;

use crate::cli::ConnectionArgs;
use crate::history_args::{FilterArgs, RangeArgs};

/// Arguments of `tape`.
#[derive(Debug, Clone, Args)]
pub struct TapeArgs {
    #[command(flatten)]
    range: RangeArgs,
    #[command(flatten)]
    filter: FilterArgs,
    /// Continue as facts are appended, until Ctrl-C
    #[arg(long)]
    follow: bool,
    /// Print JSON, one object a line
    #[arg(long)]
    json: bool,
}

/// Prints facts.
pub async fn run(at: ConnectionArgs, args: TapeArgs) -> Result<ExitCode> {
    let range = args.range.range();
    ensure!(!(args.follow && range.to.is_some()), "--follow has no end: --to cannot be given with it");
    let bus = super::bus(&at).await?;
    let ranges = resolve(&bus, args.range.partition(), &range).await?;
    let out = Mutex::new(BufWriter::new(std::io::stdout()));
    let printed = async {
        if args.follow {
            try_join_all(ranges.iter().map(|range| print(&bus, range, &args, &out))).await?;
        } else {
            for range in &ranges {
                print(&bus, range, &args, &out).await?;
            }
        }
        Ok(out.lock().expect("no holder panicked").flush()?)
    };
    let printed: Result<()> = tokio::select! {
        printed = printed => printed,
        _ = super::asked_to_stop(), if args.follow => Ok(()),
    };
    match printed {
        // The reader of a pipe has seen enough, as `head` does.
        Err(error) if error.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == ErrorKind::BrokenPipe) => {
            // Dropping the buffer would try to write it.
            std::mem::forget(out);
            Ok(ExitCode::SUCCESS)
        }
        printed => printed.map(|()| ExitCode::SUCCESS),
    }
}

async fn print(bus: &Bus, range: &TapeRange, args: &TapeArgs, out: &Mutex<BufWriter<Stdout>>) -> Result<()> {
    let filter = args.filter.filter();
    let mut reader = match args.follow {
        true => FactReader::following(bus, range, filter),
        false => FactReader::new(bus, range, filter),
    };
    while let Some(facts) = reader.next().await? {
        let mut out = out.lock().expect("no holder panicked");
        for fact in facts {
            writeln!(out, "{}", if args.json { render::json(&fact) } else { render::line(&fact) })?;
        }
        if args.follow && reader.is_caught_up() {
            out.flush()?;
        }
    }
    Ok(())
}
