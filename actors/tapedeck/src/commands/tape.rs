//! `tape`: prints the facts of a tape, for people or as JSON lines; `--follow` goes on as they come.

use std::io::{BufWriter, ErrorKind, Stdout, Write};
use std::process::ExitCode;
use std::sync::Mutex;

use anyhow::{Result, ensure};
use futures_util::future::try_join_all;
use serde::Serialize;
use tapedeck_kernel::TapeRead;
use tapedeck_replay::{Range, RangeBound, RangeBounds, TapePlan};
use tapedeck_runtime::Bus;
use tapedeck_schemas::event::{Event, Kind};
use tapedeck_schemas::ids::InstrumentId;
use tapedeck_schemas::offset::{Offset, TapeTime};
use tapedeck_schemas::record::Writer;

use crate::connection::{DirArgs, NatsArgs};
use crate::process;
use crate::trace::names::{About, cause_text};
use crate::trace::walk::{Walk, WalkedRecord};
use crate::trace::words::{one_line, readable_time, words};

const EXAMPLES: &str = "\
Examples:
  tapedeck tape --from -10m --kind OrderFilled
  tapedeck tape --partition 0 --instrument binance.BTCUSDT --follow";

/// Prints the facts of the tapes
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Which partition; all if not given.
    #[arg(long)]
    pub partition: Option<u16>,
    /// First fact: an offset (p0:1234.5), a sequence, a time (RFC 3339) or how long before the tape's end (-10m).
    #[arg(long, allow_hyphen_values = true, value_name = "PLACE")]
    pub from: Option<RangeBound>,
    /// Last fact, in the same forms; the present end if not given.
    #[arg(long, allow_hyphen_values = true, value_name = "PLACE")]
    pub to: Option<RangeBound>,
    /// Only what is about this instrument, its orders and its fills.
    #[arg(long, value_name = "VENUE.SYMBOL")]
    pub instrument: Option<InstrumentId>,
    /// Only this writer.
    #[arg(long)]
    pub writer: Option<Writer>,
    /// Only this kind, as OrderFilled.
    #[arg(long, value_parser = tapedeck_replay::parse_kind)]
    pub kind: Option<Kind>,
    /// Goes on as facts come, until Ctrl-C.
    #[arg(long)]
    pub follow: bool,
    /// JSON lines.
    #[arg(long)]
    pub json: bool,
    /// NATS of the streams.
    #[command(flatten)]
    pub nats: NatsArgs,
    /// Directory of `connection.toml`.
    #[command(flatten)]
    pub dir: DirArgs,
}

/// One event, as `--json` prints it.
#[derive(Serialize)]
struct Line<'a> {
    partition: u16,
    seq: u64,
    index: u32,
    writer: &'a str,
    epoch: u64,
    stamp: u64,
    cause: String,
    n: u32,
    at: u64,
    kind: &'static str,
    version: u16,
    body: &'a Event,
}

/// Prints.
pub async fn run(args: Args) -> Result<ExitCode> {
    ensure!(!(args.follow && args.to.is_some()), "--follow has no end: leave --to out");
    let bus = args.nats.connect(&args.dir).await?;
    let plans = tapedeck_replay::resolve(&bus, args.partition, &Range { from: args.from, to: args.to }).await?;
    let out = Mutex::new(BufWriter::new(std::io::stdout()));
    let printed = async {
        if args.follow {
            try_join_all(plans.iter().map(|plan| print(&bus, plan, &args, &out))).await?;
        } else {
            for plan in &plans {
                print(&bus, plan, &args, &out).await?;
            }
        }
        Ok(out.lock().expect("nobody panicked").flush()?)
    };
    let printed: Result<()> = tokio::select! {
        printed = printed => printed,
        _ = process::shutdown_signal(), if args.follow => Ok(()),
    };
    match printed {
        // Whoever reads has had enough, as `head` has.
        Err(error) if error.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == ErrorKind::BrokenPipe) => {
            // What is still in the buffer goes nowhere.
            std::mem::forget(out);
            Ok(ExitCode::SUCCESS)
        }
        printed => printed.map(|()| ExitCode::SUCCESS),
    }
}

async fn print(bus: &Bus, plan: &TapePlan, args: &Args, out: &Mutex<BufWriter<Stdout>>) -> Result<()> {
    let created = bus.tape(plan.partition).await?;
    let last = (!args.follow).then(|| plan.bounds.last_sequence(plan.end));
    let mut walk = Walk::new(bus, &created, last);
    let mut page = Page { partition: plan.partition, bounds: plan.bounds, time: 0, args, about: None };
    page.about = args.instrument.map(About::new);
    while let Some(seen) = walk.next().await? {
        let mut out = out.lock().expect("nobody panicked");
        if !page.print(&seen, &mut *out)? {
            break;
        }
        if args.follow && walk.is_caught_up() {
            out.flush()?;
        }
    }
    Ok(())
}

/// What is to be printed of one tape, and how far it is.
struct Page<'a> {
    partition: u16,
    bounds: RangeBounds,
    time: TapeTime,
    args: &'a Args,
    about: Option<About>,
}

impl Page<'_> {
    /// Prints what is wanted of a record; false behind the last that can be.
    fn print(&mut self, seen: &WalkedRecord, out: &mut impl Write) -> Result<bool> {
        let record = match &seen.read {
            TapeRead::Record(record) => record,
            TapeRead::Invalid { why, .. } => {
                eprintln!("p{}:{} invalid: {why}", self.partition, seen.seq);
                return Ok(true);
            }
        };
        for (index, entry) in (0..).zip(&record.entries) {
            let offset = Offset::new(record.seq, index);
            if let Event::ClockAdvanced(tick) = &entry.event {
                self.time = self.time.max(tick.time);
            }
            if self.bounds.is_behind(offset, self.time) {
                return Ok(false);
            }
            let kind = entry.event.kind();
            let about = self.about.as_mut().is_none_or(|about| about.admits(&entry.event));
            if !about
                || self.bounds.is_before(offset, self.time)
                || self.args.writer.is_some_and(|writer| writer != record.header.writer)
                || self.args.kind.is_some_and(|wanted| wanted != kind)
            {
                continue;
            }
            let writer = record.header.writer;
            if self.args.json {
                let line = Line {
                    partition: self.partition,
                    seq: record.seq,
                    index,
                    writer: writer.as_str(),
                    epoch: record.header.epoch,
                    stamp: seen.stamp,
                    cause: entry.cause.to_string(),
                    n: entry.index,
                    at: entry.at,
                    kind: kind.name(),
                    version: kind.version(),
                    body: &entry.event,
                };
                out.write_all(&serde_json::to_vec(&line)?)?;
                writeln!(out)?;
            } else {
                let (offset, time) = (offset.in_partition(self.partition), readable_time(entry.at));
                let (kind, said) = (kind.name(), one_line(&words(&entry.event)));
                let cause = cause_text(writer, entry.cause);
                writeln!(out, "{offset:<14} {time} {writer:<9} {kind:<18} ← {cause:<14} {said}")?;
            }
        }
        Ok(true)
    }
}
