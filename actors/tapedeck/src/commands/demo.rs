//! `demo`: the whole system in one process plays a market, reports what Postgres says, verifies, and stops.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde::Serialize;
use tapedeck_feeds::Selection;
use tapedeck_kernel::Answer;
use tapedeck_runtime::{Bus, database};

use crate::cli::{ConnectionArgs, StackArgs};
use crate::market::{Pace, Published, Publisher};
use crate::process::{self, EVENTS_BAR};
use crate::report::Report;
use crate::stack::{Market, Ports, Stack};
use crate::verify::{Verdict, verify};

/// Appends of the reference measurement.
const REFERENCE_APPENDS: u32 = 500;
const REFERENCE_STREAM: &str = "REFERENCE";

/// Everything that the demo has to say.
#[derive(Serialize)]
struct Outcome {
    session: String,
    published: Published,
    /// Frames of a capture that were left out, by kind.
    skipped: std::collections::BTreeMap<&'static str, u64>,
    speed: Speed,
    #[serde(flatten)]
    report: Report,
    /// Where Postgres disagrees with what was published; nothing if other markets were played onto the same tape.
    totals_differ: Option<Vec<String>>,
    verdict: Verdict,
}

/// How fast it went, beside one append at a time in the same run.
#[derive(Serialize)]
struct Speed {
    /// From the first event sent until everything is decided and projected.
    seconds: f64,
    events_per_second: f64,
    /// One append at a time, each awaited, to a stream of its own.
    awaited_append_us: f64,
    awaited_appends_per_second: f64,
    /// Events per second, as a multiple of the appends per second.
    ratio: f64,
}

/// Runs the demo, or as much of it as there is time for before Ctrl-C.
pub async fn run(at: ConnectionArgs, args: StackArgs) -> Result<ExitCode> {
    let setup = crate::stack::setup(args.setup.as_deref())?;
    let (files, seed, events) = (args.market.clone(), args.seed, args.events);
    // Before any server: it may be refused.
    let market = Market::open(&Selection { files, seed, events, ..Selection::default() }, &setup)?;
    let Some(mut stack) = Stack::start(&at, &args, Ports::FREE).await? else { return Ok(stopped()) };
    let played = tokio::select! {
        played = play(&mut stack, market, &args) => Some(played),
        stopped = super::asked_to_stop() => stopped.map(|()| None)?,
    };
    stack.stop().await;
    let Some(outcome) = played.transpose()? else { return Ok(stopped()) };
    match args.json {
        true => println!("{}", serde_json::to_string(&outcome)?),
        false => outcome.print(),
    }
    Ok(super::exit(outcome.is_clean()))
}

fn stopped() -> ExitCode {
    eprintln!("stopped; run it again to go on where it was");
    ExitCode::from(2)
}

async fn play(stack: &mut Stack, market: Market, args: &StackArgs) -> Result<Outcome> {
    let append = reference(&stack.bus).await?;
    let summary = market.feed.summary().clone();
    let pace = Pace::Lead { lead_ns: args.lead_ms * 1_000_000, groups: stack.machines() };
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
        skipped: summary.skipped,
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

/// Median time of one awaited append, on a stream that is thrown away.
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
        self.verdict.is_clean() && self.totals_differ.as_ref().is_none_or(Vec::is_empty)
    }

    fn print(&self) {
        println!(
            "session {}: {} sent, {} were there already",
            self.session, self.published.sent, self.published.skipped
        );
        for (kind, count) in &self.skipped {
            println!("  left out: {count} {kind}");
        }
        self.report.print();
        let Speed { seconds, events_per_second, awaited_append_us, awaited_appends_per_second, ratio } = &self.speed;
        println!("speed");
        println!("  {events_per_second:.0} events/s through every group into Postgres ({seconds:.2} s)");
        println!(
            "  {ratio:.1} times one awaited append ({awaited_appends_per_second:.0}/s, {awaited_append_us:.0} µs)"
        );
        super::verify::print(&self.verdict);
        match self.totals_differ.as_deref() {
            None => println!("  totals not compared: other markets were played onto this tape before"),
            Some([]) => println!("  totals in Postgres = totals of what was published"),
            Some(some) => some.iter().for_each(|difference| println!("  TOTALS DIFFER: {difference}")),
        }
    }
}
