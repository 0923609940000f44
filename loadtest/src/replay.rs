//! How fast history comes out again, beside reading the tape's bytes without looking at them.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use tapedeck_history::{Filter, RecordReader, Replay, ReplayQuery};
use tapedeck_kernel::TapeRead;
use tapedeck_runtime::Bus;
use tapedeck_runtime::tail::Tail;
use tapedeck_schemas::subject;
use tapedeck_servers::NatsServer;

use crate::table::Rates;

const RAW: &str = "raw read of the tape";

pub(crate) async fn run(tapedeck: &Path, events: u64, rounds: usize) -> Result<()> {
    let dir = tempfile::tempdir()?;
    // Where the unprivileged user that runs Postgres can reach it.
    std::fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    play(tapedeck, dir.path(), events)?;
    let nats = NatsServer::start(&dir.path().join("nats"), 0)?;
    let bus = Bus::connect(&nats.url(), "bench").await?;
    let (on_tape, market) = (facts_on_tape(&bus).await?, through_library(&bus).await?);
    println!("{on_tape} facts on the tape, {market} of the market");
    let mut rates = Rates::default();
    for round in 0..rounds {
        let began = Instant::now();
        read_raw(&bus).await?;
        // All rates count market facts, so that the ratio is that of the times.
        rates.add(RAW, market, began.elapsed().as_secs_f64());
        let began = Instant::now();
        ensure!(through_library(&bus).await? == market, "another count than before");
        rates.add("replay, library", market, began.elapsed().as_secs_f64());
        for (what, onto, path) in [
            ("replay to a file, JSON lines", "--to-file", dir.path().join(format!("{round}.jsonl"))),
            ("replay to a file, MessagePack", "--to-file", dir.path().join(format!("{round}.msgpack"))),
            ("replay to subjects", "--to-subject", format!("replay.r{round}").into()),
        ] {
            let began = Instant::now();
            let path = path.to_str().context("a path in UTF-8")?;
            let args = ["replay", onto, path, "--speed", "max", "--nats-url", &nats.url(), "--dir"];
            command(tapedeck, &args, dir.path())?;
            rates.add(format!("{what} (the whole command)"), market, began.elapsed().as_secs_f64());
        }
    }
    rates.print(RAW);
    Ok(())
}

fn play(tapedeck: &Path, dir: &Path, events: u64) -> Result<()> {
    command(tapedeck, &["demo", "--fresh", "--events", &events.to_string(), "--dir"], dir)
}

fn command(tapedeck: &Path, args: &[&str], dir: &Path) -> Result<()> {
    let mut command = Command::new(tapedeck);
    let status = command.args(args).arg(dir).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let status = status.with_context(|| format!("cannot run {}", tapedeck.display()))?;
    ensure!(status.success(), "{} {} ended with {status}", tapedeck.display(), args.join(" "));
    Ok(())
}

async fn read_raw(bus: &Bus) -> Result<u64> {
    let stream = subject::tape_stream(0);
    let last = bus.context().get_stream(&stream).await?.cached_info().state.last_sequence;
    let (mut tail, mut bytes) = (Tail::new(bus, stream, String::new(), 1), 0);
    while let Some(stored) = tail.next_until(last).await {
        bytes += stored.payload.len() as u64;
    }
    Ok(bytes)
}

async fn facts_on_tape(bus: &Bus) -> Result<u64> {
    let last = bus.context().get_stream(subject::tape_stream(0)).await?.cached_info().state.last_sequence;
    let (mut records, mut facts) = (RecordReader::new(bus, 0, bus.tape(0).await?.tape, Some(last)), 0);
    while let Some(stored) = records.next().await? {
        if let TapeRead::Record(record) = stored.read {
            facts += record.entries.len() as u64;
        }
    }
    Ok(facts)
}

async fn through_library(bus: &Bus) -> Result<u64> {
    let mut replay =
        Replay::open(bus, None, &ReplayQuery { filter: Filter::market(), ..ReplayQuery::default() }).await?;
    let mut facts = 0;
    while replay.next().await?.is_some() {
        facts += 1;
    }
    Ok(facts)
}
