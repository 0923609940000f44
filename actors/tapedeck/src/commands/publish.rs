//! `publish`: publishes files of market data, or the synthetic market, to `md.>`, and says what became of the events.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tapedeck_feeds::Selection;
use tempfile::NamedTempFile;

use crate::connection::{DirArgs, NatsArgs};
use crate::file_args::{FileArgs, FileReport};
use crate::market::{Market, Pace, Publisher, SyntheticArgs};
use crate::process::{self, EVENTS_BAR};
use crate::setup::SetupArgs;
use crate::verdict::{PublishReport, PublishVerdict};
use tapedeck_history::ReplaySpeed;
use tapedeck_schemas::ids::{SourceId, Token};
use tapedeck_schemas::subject::OPERATOR_SOURCE;

const EXAMPLES: &str = "\
Examples:
  tapedeck publish quotes.csv --instrument oanda.EURUSD
  tapedeck publish 20140508_quote.zip --venue fxcm --tz -05:00
  zcat capture.jsonl.gz | tapedeck publish - --allow-rejects";

/// Publishes market data to md.>, and prints what became of it
///
/// When everything is stored, the command waits until ingest has decided on it, and prints how many events of the
/// session were accepted, how many of these were late (recorded, and never acted on), how many were refused and why,
/// and the gaps. Exit status: 0 nothing was refused; 1 something was refused, or an entry of a file cannot be read; 2
/// stored, but not decided in time, or not stored. What the synthetic market injects on purpose does not count as
/// refused.
///
/// If a publication is interrupted, run the same command again: it continues where it stopped. If messages were lost
/// after they were stored, it first sends the events again that ingest misses. A verdict counts the whole session, so
/// events that were refused stay refused. When their reason has passed (a clock ahead, too many sessions, an instrument
/// not defined), --again publishes the files as another session: bars and events with ids that are recorded already are
/// refused as duplicate; those without ids are recorded once more.
///
/// The format of a file (plain, .gz, .zst or .zip) is detected from its content: captures of Binance's streams; raw
/// recordings of cryptofeed (Coinbase Exchange, Binance); DBN files of Databento (trades, mbp-1, tbbo, bbo-1s, bbo-1m);
/// JSON lines or MessagePack as `tapedeck replay` writes them; Binance bulk CSV (aggTrades, trades, klines); Tardis CSV
/// (trades, quotes); LEAN FX ticks; CSV whose header has the field names of docs/publishing.md. docs/files.md has a
/// table of what each format states. What a format does not state is asked for (--venue, --tz, --instrument) and never
/// guessed; what was taken as given or assumed is printed. An entry that cannot be read is counted by the kind of its
/// defect and left out, and the first of each kind is printed; --strict makes it an error before anything is published.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Files of market data, merged by receive time; - is standard input [default: the synthetic market]
    #[arg(value_name = "FILE")]
    pub market: Vec<PathBuf>,
    /// What is said of the files.
    #[command(flatten)]
    pub files: FileArgs,
    /// Source under which the events are numbered [default: implied by the format]
    #[arg(long, value_name = "NAME", help_heading = "Market")]
    pub source: Option<SourceId>,
    /// Publishes the files once more, as another session that the files and this name imply
    #[arg(long, value_name = "NAME", requires = "market", help_heading = "Market")]
    pub again: Option<Token>,
    /// Instruments, funding, limits and weights.
    #[command(flatten)]
    pub setup: SetupArgs,
    /// The synthetic market.
    #[command(flatten)]
    pub synthetic: SyntheticArgs,
    /// Speed: recorded, a multiple of the recorded pace such as 10x or 0.5x, or max
    #[arg(long, default_value = "max", help_heading = "Output")]
    pub speed: ReplaySpeed,
    /// Exits with 0 although events were refused, or entries of the files cannot be read
    #[arg(long, help_heading = "Verdict")]
    pub allow_rejects: bool,
    /// How long to wait for the decisions, once everything is stored, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30, help_heading = "Verdict")]
    pub timeout: u64,
    /// Ends when everything is stored, without a verdict
    #[arg(long, conflicts_with = "timeout", help_heading = "Verdict")]
    pub no_wait: bool,
    /// Prints JSON
    #[arg(long, help_heading = "Output")]
    pub json: bool,
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
    anyhow::ensure!(
        args.source.is_none_or(|source| source.as_str() != OPERATOR_SOURCE),
        "the source {OPERATOR_SOURCE} is reserved for `tapedeck control define`; give another --source"
    );
    args.files.check(&args.market)?;
    let Args { market: mut files, source, again, synthetic: SyntheticArgs { seed, events }, .. } = args;
    let mut kept = None;
    if let Some(stdin) = files.iter_mut().find(|file| file.as_path() == Path::new("-")) {
        let file = kept.insert(standard_input()?);
        *stdin = file.path().to_path_buf();
    }
    let selection = Selection { source, again, seed, events, ..args.files.selection(files) };
    let market = Market::open(&selection, &setup)?;
    let pace = match args.speed {
        ReplaySpeed::Max => Pace::Max,
        recorded => Pace::Recorded(recorded),
    };
    let (injected, files) = (market.feed.summary().injected.clone(), FileReport::from(market.feed.summary()));
    let instruments = market.feed.summary().instruments.clone();
    let mut publisher = Publisher::new(&bus, market.session.clone(), pace).filling(instruments);
    let bar = process::progress_bar(market.events_about, EVENTS_BAR);
    let published = publisher.publish(market.feed, |behind| bar.set_position(behind)).await;
    bar.finish_and_clear();
    let timeout = Duration::from_secs(args.timeout);
    let verdict = match published {
        Err(error) => Some(PublishVerdict::NotStored(format!("{error:#}"))),
        Ok(_) if args.no_wait => None,
        Ok(published) => Some(PublishVerdict::wait(&bus, &publisher, published, &injected, timeout).await),
    };
    let published = publisher.published();
    let report = PublishReport { session: market.session, published, files, verdict };
    if args.json {
        report.print_json()?
    } else {
        report.print()
    }
    Ok(report.exit_code(args.allow_rejects))
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
