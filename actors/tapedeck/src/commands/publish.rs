//! `publish`: publishes files of market data, or the synthetic market, to `md.>`.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use tapedeck_feeds::Selection;
use tempfile::NamedTempFile;

use crate::connection::{DirArgs, NatsArgs};
use crate::market::{Market, Pace, Published, Publisher, SyntheticArgs};
use crate::process::{self, EVENTS_BAR};
use crate::setup::SetupArgs;
use tapedeck_history::ReplaySpeed;
use tapedeck_schemas::ids::{InstrumentId, SourceId};

const EXAMPLES: &str = "\
Examples:
  tapedeck publish quotes.csv --instrument oanda.EURUSD
  tapedeck publish BTCUSDT-trades-2024-08-09.zip --speed 10x
  zcat capture.jsonl.gz | tapedeck publish -";

/// Publishes market data to md.>
///
/// If a publication is interrupted, run the same command again: it continues where it stopped. If messages were lost
/// after they were stored, it first sends the events again that ingest misses.
///
/// The format of a file (plain, .gz or .zip) is detected from its content: captures of Binance's combined streams;
/// JSON lines or MessagePack as `tapedeck replay` writes them; Binance bulk CSV (aggTrades, trades); LEAN FX ticks; CSV
/// whose header has the field names of docs/publishing.md.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Files of market data, merged by receive time; - is standard input [default: the synthetic market]
    #[arg(value_name = "FILE")]
    pub market: Vec<PathBuf>,
    /// Instrument of data that do not name one, such as oanda.EURUSD
    #[arg(long, value_name = "VENUE.SYMBOL", help_heading = "Market")]
    pub instrument: Option<InstrumentId>,
    /// Source under which the events are numbered [default: implied by the format]
    #[arg(long, value_name = "NAME", help_heading = "Market")]
    pub source: Option<SourceId>,
    /// Instruments, funding, limits and weights.
    #[command(flatten)]
    pub setup: SetupArgs,
    /// The synthetic market.
    #[command(flatten)]
    pub synthetic: SyntheticArgs,
    /// Speed: recorded, a multiple of the recorded pace such as 10x or 0.5x, or max
    #[arg(long, default_value = "max", help_heading = "Output")]
    pub speed: ReplaySpeed,
    /// NATS of the inboxes.
    #[command(flatten)]
    pub nats: NatsArgs,
    /// Directory of `connection.toml`.
    #[command(flatten)]
    pub dir: DirArgs,
}

/// Largest standard input, in bytes: it is copied to a file, because it is read twice.
const STDIN_BYTES_MAX: u64 = 16 << 30;

/// Publishes everything, or what an interrupted publication left.
pub async fn run(args: Args) -> Result<ExitCode> {
    let bus = args.nats.connect(&args.dir).await?;
    let setup = args.setup.read()?;
    let Args { market: mut files, instrument, source, synthetic: SyntheticArgs { seed, events }, .. } = args;
    let mut kept = None;
    if let Some(stdin) = files.iter_mut().find(|file| file.as_path() == Path::new("-")) {
        let file = kept.insert(standard_input()?);
        *stdin = file.path().to_path_buf();
    }
    let market = Market::open(&Selection { files, instrument, source, seed, events }, &setup)?;
    let pace = match args.speed {
        ReplaySpeed::Max => Pace::Max,
        recorded => Pace::Recorded(recorded),
    };
    let mut publisher = Publisher::new(&bus, market.session.clone(), pace).filling();
    let bar = process::progress_bar(market.events_about, EVENTS_BAR);
    let published = publisher.publish(market.feed, |behind| bar.set_position(behind)).await?;
    bar.finish_and_clear();
    let Published { sent, again, skipped } = published;
    let again = if again > 0 { format!("{again} published again (missing), ") } else { String::new() };
    println!("session {}: {sent} published, {again}{skipped} skipped (already stored)", market.session);
    Ok(ExitCode::SUCCESS)
}

/// Standard input to its end, as a temporary file.
fn standard_input() -> Result<NamedTempFile> {
    let mut file = tempfile::Builder::new()
        .prefix("stdin-")
        .tempfile()
        .context("cannot create a temporary file for standard input")?;
    let mut bounded = std::io::Read::take(std::io::stdin().lock(), STDIN_BYTES_MAX + 1);
    let count = std::io::copy(&mut bounded, &mut file).context("cannot read standard input")?;
    anyhow::ensure!(
        count <= STDIN_BYTES_MAX,
        "standard input is longer than {STDIN_BYTES_MAX} bytes; give the data as files"
    );
    file.flush()?;
    Ok(file)
}
