//! The rate of replay, compared with reading the tape's bytes without decoding them.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use tapedeck_history::{Filter, RecordReader, Replay, ReplayQuery};
use tapedeck_kernel::TapeRead;
use tapedeck_runtime::Bus;
use tapedeck_runtime::tail::Tail;
use tapedeck_servers::NatsServer;

use crate::table::Rates;

const RAW: &str = "raw read of the tape";

pub(crate) async fn run(tapedeck: &Path, events: u64, rounds: usize) -> Result<()> {
    let dir = tempfile::tempdir()?;
    // Postgres runs as another user, which must be able to enter the directory.
    std::fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    write_tape(tapedeck, dir.path(), events)?;
    let nats = NatsServer::start(&dir.path().join("nats"), 0)?;
    let bus = Bus::connect(&nats.url(), "bench").await?;
    let facts = count_facts(&bus).await?;
    let market = count_replayed(&bus).await?;
    println!("{facts} facts on the tape, {market} of them market facts");
    let mut rates = Rates::default();
    for round in 0..rounds {
        let started = Instant::now();
        read_raw(&bus).await?;
        // All rates count market facts, so that ratios of rates are ratios of times.
        rates.add(RAW, market, started.elapsed().as_secs_f64());
        let started = Instant::now();
        ensure!(count_replayed(&bus).await? == market, "a second replay has another number of facts");
        rates.add("replay, library", market, started.elapsed().as_secs_f64());
        for (name, option, target) in [
            ("replay to a file, JSON lines", "--to-file", dir.path().join(format!("{round}.jsonl"))),
            ("replay to a file, MessagePack", "--to-file", dir.path().join(format!("{round}.msgpack"))),
            ("replay to subjects", "--to-subject", format!("replay.r{round}").into()),
        ] {
            let started = Instant::now();
            let target = target.to_str().context("the path is not UTF-8")?;
            let args = ["replay", option, target, "--speed", "max", "--nats-url", &nats.url(), "--dir"];
            run_command(tapedeck, &args, dir.path())?;
            rates.add(format!("{name} (the whole command)"), market, started.elapsed().as_secs_f64());
        }
    }
    rates.print(RAW);
    Ok(())
}

fn write_tape(tapedeck: &Path, dir: &Path, events: u64) -> Result<()> {
    run_command(tapedeck, &["demo", "--fresh", "--events", &events.to_string(), "--dir"], dir)
}

/// Runs a tapedeck command with `dir` as its last argument.
pub(crate) fn run_command(tapedeck: &Path, args: &[&str], dir: &Path) -> Result<()> {
    let mut command = Command::new(tapedeck);
    let status = command.args(args).arg(dir).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let status = status.with_context(|| format!("cannot run {}", tapedeck.display()))?;
    ensure!(status.success(), "{} {} failed: {status}", tapedeck.display(), args.join(" "));
    Ok(())
}

async fn read_raw(bus: &Bus) -> Result<u64> {
    let stream = bus.generations().tape_stream(0);
    let last = bus.context().get_stream(&stream).await?.cached_info().state.last_sequence;
    let mut tail = Tail::new(bus, stream, String::new(), 1);
    let mut bytes = 0;
    while let Some(stored) = tail.next_until(last).await? {
        bytes += stored.payload.len() as u64;
    }
    Ok(bytes)
}

async fn count_facts(bus: &Bus) -> Result<u64> {
    let last = bus.context().get_stream(bus.generations().tape_stream(0)).await?.cached_info().state.last_sequence;
    let (mut records, mut facts) = (RecordReader::new(bus, 0, &bus.tape(0).await?.lineage(), Some(last)), 0);
    while let Some(stored) = records.next().await? {
        if let TapeRead::Record(record) = stored.read {
            facts += record.entries.len() as u64;
        }
    }
    Ok(facts)
}

async fn count_replayed(bus: &Bus) -> Result<u64> {
    let mut replay =
        Replay::open(bus, None, &ReplayQuery { filter: Filter::market(), ..ReplayQuery::default() }).await?;
    let mut facts = 0;
    while replay.next().await?.is_some() {
        facts += 1;
    }
    Ok(facts)
}
