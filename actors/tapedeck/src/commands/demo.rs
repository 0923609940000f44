//! `demo`: a whole system in one process plays a market, reports what Postgres holds, verifies, and stops.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde::Serialize;
use tapedeck_feeds::Selection;
use tapedeck_history::verify::{Verdict, verify};
use tapedeck_kernel::Answer;
use tapedeck_runtime::{Bus, database};

use crate::file_args::{FileArgs, FileReport};
use crate::market::{Market, Pace, Published, Publisher, SyntheticArgs};
use crate::process::{self, EVENTS_BAR};
use crate::report::{self, Report};
use crate::stack::{Ports, Stack, StackArgs};

const EXAMPLES: &str = "\
Examples:
  tapedeck demo
  tapedeck demo --market 2024-08-09.jsonl.gz --partitions 2 --fresh";

/// Plays a market through a whole system, reports, verifies, and stops
///
/// Starts a private NATS and Postgres and every group, publishes the market, prints a report of what Postgres holds,
/// and verifies the tape as `tapedeck verify` does. Exit status 1 if the verification finds a difference, if totals in
/// Postgres differ from those of the published market, or if entries of a file cannot be read or are of instruments
/// without a definition.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Files of recorded market data, in any format that `tapedeck publish` reads [default: the synthetic market]
    #[arg(long, num_args = 1.., value_name = "FILE", help_heading = "Market")]
    pub market: Vec<PathBuf>,
    /// What is said of the files.
    #[command(flatten)]
    pub files: FileArgs,
    /// The synthetic market.
    #[command(flatten)]
    pub synthetic: SyntheticArgs,
    /// Greatest lead of the published market over the slowest group, in milliseconds of tape time (the time of the
    /// market)
    #[arg(long, value_name = "MS", default_value_t = 500, help_heading = "Market")]
    pub lead_ms: u64,
    /// Servers, partitions and setup.
    #[command(flatten)]
    pub stack: StackArgs,
    /// Prints the report as JSON
    #[arg(long, help_heading = "Output")]
    pub json: bool,
}

/// Appends of the reference measurement.
const REFERENCE_APPENDS: u32 = 500;
const REFERENCE_STREAM: &str = "REFERENCE";

/// The report as `--json` prints it.
#[derive(Serialize)]
struct Outcome {
    session: String,
    published: Published,
    /// What was not published of the files, and what was assumed of them.
    #[serde(flatten)]
    files: FileReport,
    speed: Speed,
    #[serde(flatten)]
    report: Report,
    /// Where Postgres differs from what was published; `None` if other sessions were published to the same tape.
    totals_differ: Option<Vec<String>>,
    verdict: Verdict,
}

/// Throughput, beside the rate of awaited appends in the same run.
#[derive(Serialize)]
struct Speed {
    /// From the first event sent until every event is decided on and projected.
    seconds: f64,
    events_per_second: f64,
    /// Median time of an append that is awaited before the next one is sent, to a stream of its own.
    awaited_append_us: f64,
    awaited_appends_per_second: f64,
    /// `events_per_second` divided by `awaited_appends_per_second`.
    ratio: f64,
}

/// Runs the demo to its end, or until a shutdown signal.
pub async fn run(args: Args) -> Result<ExitCode> {
    let SyntheticArgs { seed, events } = args.synthetic;
    args.files.check(&args.market)?;
    let selection = Selection { seed, events, ..args.files.selection(args.market.clone()) };
    // Before any server starts, because files may be invalid.
    let market = Market::open(&selection, &args.stack.setup.read()?)?;
    let Some(mut stack) = Stack::start(&args.stack, Ports::FREE).await? else { return Ok(stopped()) };
    stack.check_stops()?;
    let played = tokio::select! {
        played = play(&mut stack, market, args.lead_ms) => Some(played),
        stopped = process::shutdown_signal() => stopped.map(|()| None)?,
    };
    stack.stop().await;
    let Some(outcome) = played.transpose()? else { return Ok(stopped()) };
    match args.json {
        true => println!("{}", serde_json::to_string(&outcome)?),
        false => outcome.print(),
    }
    Ok(process::exit_code(outcome.is_clean()))
}

fn stopped() -> ExitCode {
    eprintln!("stopped; run the same command again to continue");
    ExitCode::from(2)
}

async fn play(stack: &mut Stack, market: Market, lead_ms: u64) -> Result<Outcome> {
    let append = reference(&stack.bus).await?;
    let summary = market.feed.summary().clone();
    let pace = Pace::Lead { lead_ns: lead_ms * 1_000_000, groups: stack.machines() };
    let mut publisher = Publisher::new(&stack.bus, market.session.clone(), pace);
    let bar = process::progress_bar(market.events_about, EVENTS_BAR);
    let began = Instant::now();
    let published = publisher.publish(market.feed, |behind| bar.set_position(behind)).await?;
    stack.wait_quiet(&publisher.stored()).await?;
    let took = began.elapsed();
    bar.finish_and_clear();
    stack.drain().await;
    let client = database::connect(&stack.database).await?;
    let report = Report::read(&stack.bus, &client).await?;
    let tapes = stack.bus.tapes().await?;
    let verdict = verify(&stack.bus, &tapes, Some(&client)).await?;
    let totals_differ = publisher.is_alone().then(|| report.differences(&summary.totals));
    Ok(Outcome {
        session: market.session,
        published,
        files: FileReport::from(&summary),
        speed: speed(published, took, append),
        report,
        totals_differ,
        verdict,
    })
}

fn speed(published: Published, took: Duration, append: Duration) -> Speed {
    let (seconds, append) = (took.as_secs_f64(), append.as_secs_f64());
    let events_per_second = published.sent as f64 / seconds;
    Speed {
        seconds,
        events_per_second,
        awaited_append_us: append * 1e6,
        awaited_appends_per_second: 1.0 / append,
        ratio: events_per_second * append,
    }
}

/// Median time of an awaited append to a stream that is deleted afterwards.
async fn reference(bus: &Bus) -> Result<Duration> {
    let subject = "reference.append";
    let config = async_nats::jetstream::stream::Config {
        name: REFERENCE_STREAM.into(),
        subjects: vec![subject.into()],
        max_bytes: 16 * 1024 * 1024,
        ..Default::default()
    };
    let _ = bus.context().delete_stream(REFERENCE_STREAM).await;
    bus.context().create_stream(config).await.context("cannot create the stream of the reference measurement")?;
    let mut times = Vec::new();
    for expected in 0..u64::from(REFERENCE_APPENDS) {
        let sent = Instant::now();
        let payload = vec![0u8; 120].into();
        let answer = bus.append(REFERENCE_STREAM, subject, expected, payload).await;
        anyhow::ensure!(matches!(answer, Answer::Committed(_)), "the reference append failed: {answer:?}");
        times.push(sent.elapsed());
    }
    bus.context().delete_stream(REFERENCE_STREAM).await?;
    times.sort();
    Ok(times[times.len() / 2])
}

impl Outcome {
    fn is_clean(&self) -> bool {
        let differs = self.totals_differ.as_ref().is_some_and(|differences| !differences.is_empty());
        self.verdict.is_clean() && !differs && self.files.is_whole()
    }

    fn print(&self) {
        println!(
            "session {}: {} published, {} skipped (already stored)",
            self.session, self.published.sent, self.published.skipped
        );
        self.files.print();
        self.report.print();
        let Speed { seconds, events_per_second, awaited_append_us, awaited_appends_per_second, ratio } = &self.speed;
        println!("speed");
        println!("  {events_per_second:.0} events/s through every group into Postgres ({seconds:.2} s)");
        println!(
            "  {ratio:.1} times the rate of awaited appends ({awaited_appends_per_second:.0}/s, \
             {awaited_append_us:.0} µs each)"
        );
        report::print_verdict(&self.verdict);
        match self.totals_differ.as_deref() {
            None => println!("  totals not compared: this tape holds other sessions too"),
            Some([]) => println!("  totals in Postgres equal the published totals"),
            Some(some) => some.iter().for_each(|difference| println!("  totals differ: {difference}")),
        }
    }
}
