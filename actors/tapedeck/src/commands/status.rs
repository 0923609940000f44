//! `status`: tapes, inboxes, writers with their epochs, projections, and whether the groups are ready.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::Serialize;
use tapedeck_history::status::PartitionStatus;

use crate::connection::{Connection, DatabaseArgs, DirArgs, NatsArgs};
use crate::process;
use crate::sources::{self, SessionStatus, SourceStatus, SourcesReply};

const EXAMPLES: &str = "\
Examples:
  tapedeck status
  tapedeck status --json";

/// Prints the state of tapes, inboxes, writers, sources, projections and groups
///
/// Exit status: 0 healthy; 1 unhealthy: a writer has never appended, a projection is behind, an inbox lacks the last
/// message that was decided on, the tape a record that is projected, or a group is not ready.
/// Readiness is requested only from a system that `tapedeck up` runs.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Prints JSON
    #[arg(long, help_heading = "Output")]
    pub json: bool,
    /// NATS of the tapes.
    #[command(flatten)]
    pub nats: NatsArgs,
    /// Postgres of the read models.
    #[command(flatten)]
    pub database: DatabaseArgs,
    /// Directory of `connection.toml`.
    #[command(flatten)]
    pub dir: DirArgs,
}

#[derive(Debug, Serialize)]
struct Status {
    healthy: bool,
    /// The answer of the groups' health port, if its address is known.
    groups: Option<String>,
    partitions: Vec<PartitionReport>,
}

#[derive(Debug, Serialize)]
struct PartitionReport {
    #[serde(flatten)]
    status: PartitionStatus,
    /// What ingest answers about each source; `None` without an answer.
    sources: Option<Vec<SourceStatus>>,
    /// Rejected events whose source could not be read, by reason.
    unreadable: BTreeMap<String, u64>,
}

/// Prints the status.
pub async fn run(args: Args) -> Result<ExitCode> {
    let bus = args.nats.connect(&args.dir).await?;
    let client = args.database.connect(&args.dir).await?;
    let mut partitions = Vec::new();
    for tape in bus.tapes().await? {
        let answer = sources::ask(&bus, tape.partition, "").await.ok();
        let status = PartitionStatus::gather(&bus, &client, tape).await?;
        partitions.push(partition(status, answer));
    }
    let groups = Connection::load(&args.dir.dir)?.and_then(|found| found.http).map(|address| readiness(&address));
    let ready = groups.as_ref().is_none_or(|answer| answer == "ready");
    let healthy = ready && partitions.iter().all(|one| one.status.is_healthy());
    let status = Status { healthy, groups, partitions };
    if args.json {
        println!("{}", serde_json::to_string(&status)?);
    } else {
        print(&status);
    }
    Ok(process::exit_code(status.healthy))
}

fn partition(status: PartitionStatus, answer: Option<SourcesReply>) -> PartitionReport {
    let unreadable = answer.as_ref().map(|answer| answer.unreadable.clone()).unwrap_or_default();
    let named = |(source, one): (String, SourceStatus)| SourceStatus { source, ..one };
    let sources = answer.map(|answer| answer.sources.into_iter().map(named).collect());
    PartitionReport { status, sources, unreadable }
}

/// The answer of `/readyz` at the address.
fn readiness(address: &str) -> String {
    let ask = || -> Result<String> {
        let mut stream = TcpStream::connect_timeout(&address.parse()?, Duration::from_secs(2))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        write!(stream, "GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.take(64 * 1024).read_to_string(&mut answer)?;
        let body = answer.split_once("\r\n\r\n").context("no HTTP response")?.1;
        Ok(body.trim().to_string())
    };
    ask().unwrap_or_else(|error| format!("no answer from {address}: {error}"))
}

/// For each source: what became of its events, and its newest session of each instrument.
fn print_sources(one: &PartitionReport) {
    let Some(sources) = &one.sources else { return println!("  sources   no answer from ingest") };
    let counts = |rejects: &BTreeMap<String, u64>| {
        rejects.iter().map(|(reason, count)| format!("{count} {reason}")).collect::<Vec<_>>().join(", ")
    };
    for source in sources {
        let SourceStatus { source: name, accepted, rejects, gaps, sessions, .. } = source;
        let rejected = if rejects.is_empty() { "none".into() } else { counts(rejects) };
        println!("  source    {name}: {accepted} accepted, {gaps} gaps, rejected: {rejected}");
        let mut newest: BTreeMap<&str, &SessionStatus> = BTreeMap::new();
        for session in sessions {
            let known = newest.entry(&session.instrument).or_insert(session);
            if session.age_ms < known.age_ms {
                *known = session;
            }
        }
        for (instrument, SessionStatus { session, last_seq, age_ms, .. }) in newest {
            println!("    {instrument:<20} session {session}, last seq {last_seq}, {:.1} s ago", *age_ms as f64 / 1e3);
        }
    }
    if !one.unreadable.is_empty() {
        println!("  source    unreadable, rejected: {}", counts(&one.unreadable));
    }
}

fn print(status: &Status) {
    for partition in &status.partitions {
        let one = &partition.status;
        println!("partition {}  tape {}  {}", one.partition, one.tape, one.placement.join(" "));
        println!("  {:<9} {} records, {} MB", one.tape_stream, one.tape_last, one.tape_bytes / 1_000_000);
        println!("  inboxes   market {}, command {}", one.market_inbox_last, one.command_inbox_last);
        println!("  projected {} ({} behind)", one.projected, one.tape_last.saturating_sub(one.projected));
        for writer in &one.writers {
            println!("  {:<10} epoch {}, last {}: {}", writer.writer, writer.epoch, writer.last, writer.did);
        }
        one.lost.iter().for_each(|sentence| println!("  lost      {sentence}"));
        print_sources(partition);
    }
    if let Some(groups) = &status.groups {
        println!("groups    {groups}");
    }
    println!("{}", if status.healthy { "healthy" } else { "unhealthy" });
}
