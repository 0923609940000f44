//! `status`: tapes, inboxes, writers with their epochs, projections, and whether the groups are ready.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::Serialize;
use tapedeck_runtime::{Bus, database};
use tapedeck_schemas::event::{Kind, TapeCreated};
use tapedeck_schemas::record::{self, Writer};
use tapedeck_schemas::subject;

use crate::connection::{Connection, DatabaseArgs, DirArgs, NatsArgs};
use crate::process;
use crate::sources::{self, SessionStatus, SourceStatus};

const EXAMPLES: &str = "\
Examples:
  tapedeck status
  tapedeck status --json";

/// Prints the state of tapes, inboxes, writers, sources and groups
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// As JSON.
    #[arg(long)]
    pub json: bool,
    /// NATS of the streams.
    #[command(flatten)]
    pub nats: NatsArgs,
    /// Postgres of the read models.
    #[command(flatten)]
    pub database: DatabaseArgs,
    /// Directory of `connection.toml`.
    #[command(flatten)]
    pub dir: DirArgs,
}

/// What there is to see.
#[derive(Debug, Serialize)]
struct Status {
    healthy: bool,
    /// What the groups' health port says, where one is known.
    groups: Option<String>,
    partitions: Vec<PartitionStatus>,
}

#[derive(Debug, Serialize)]
struct PartitionStatus {
    partition: u16,
    tape: String,
    placement: Vec<String>,
    tape_last: u64,
    tape_bytes: u64,
    market_inbox_last: u64,
    command_inbox_last: u64,
    /// Last tape sequence in Postgres, of the projection that is furthest behind.
    projected: u64,
    writers: Vec<WriterStatus>,
    /// What ingest says of each source; none if it does not answer.
    sources: Option<Vec<SourceStatus>>,
    /// Refused without a readable source, by reason.
    unreadable: BTreeMap<String, u64>,
}

#[derive(Debug, Serialize)]
struct WriterStatus {
    writer: &'static str,
    /// Last own sequence; 0 if it has never written.
    last: u64,
    epoch: u64,
    /// Sequence of the last input that it is known to have judged.
    decided: u64,
    /// Kind and cause of its last event.
    did: String,
}

/// Shows.
pub async fn run(args: Args) -> Result<ExitCode> {
    let bus = args.nats.connect(&args.dir).await?;
    let client = args.database.connect(&args.dir).await?;
    let mut partitions = Vec::new();
    for tape in bus.tapes().await? {
        partitions.push(look(&bus, &client, tape).await?);
    }
    let groups = Connection::load(&args.dir.dir)?.and_then(|found| found.http).map(|address| readiness(&address));
    let ready = groups.as_ref().is_none_or(|said| said == "ready");
    let caught_up =
        |one: &PartitionStatus| one.projected >= one.tape_last && one.writers.iter().all(|writer| writer.last > 0);
    let status = Status { healthy: ready && partitions.iter().all(caught_up), groups, partitions };
    if args.json {
        println!("{}", serde_json::to_string(&status)?);
    } else {
        print(&status);
    }
    Ok(process::exit_code(status.healthy))
}

async fn look(bus: &Bus, client: &tokio_postgres::Client, tape: TapeCreated) -> Result<PartitionStatus> {
    let partition = tape.partition;
    let stream = subject::tape_stream(partition);
    let state = bus.context().get_stream(&stream).await?.cached_info().state.clone();
    let mut writers = Vec::new();
    for writer in Writer::ALL.iter().filter(|writer| **writer != Writer::Keeper) {
        writers.push(look_at_writer(bus, &stream, partition, *writer).await?);
    }
    let said = sources::ask(bus, partition, "").await.ok();
    let unreadable = said.as_ref().map(|said| said.unreadable.clone()).unwrap_or_default();
    let named = |(source, one): (String, SourceStatus)| SourceStatus { source, ..one };
    let sources = said.map(|said| said.sources.into_iter().map(named).collect());
    let last = async |stream: String| -> Result<u64> {
        Ok(bus.context().get_stream(stream).await?.cached_info().state.last_sequence)
    };
    Ok(PartitionStatus {
        partition,
        tape: tape.tape.to_string(),
        placement: tape.placement,
        tape_last: state.last_sequence,
        tape_bytes: state.bytes,
        market_inbox_last: last(subject::inbox_stream(partition)).await?,
        command_inbox_last: last(subject::command_stream(partition)).await?,
        projected: database::projected(client, tape.tape, partition).await?,
        writers,
        sources,
        unreadable,
    })
}

async fn look_at_writer(bus: &Bus, stream: &str, partition: u16, writer: Writer) -> Result<WriterStatus> {
    let name = writer.as_str();
    let message = bus.last_message_on(stream, &subject::tape_subject(partition, writer)).await?;
    let Some(message) = message else {
        return Ok(WriterStatus { writer: name, last: 0, epoch: 0, decided: 0, did: "nothing yet".into() });
    };
    Ok(match record::decode(&message.payload) {
        Ok((header, entries)) => {
            let describe = |entry: &record::Entry| (entry.event.kind(), entry.cause);
            let (kind, cause) = entries.last().map_or((Kind::Progress, Default::default()), describe);
            let did = format!("{} of {cause}", kind.name());
            WriterStatus { writer: name, last: message.sequence, epoch: header.epoch, decided: cause.seq, did }
        }
        Err(error) => WriterStatus {
            writer: name,
            last: message.sequence,
            epoch: 0,
            decided: 0,
            did: format!("invalid: {error}"),
        },
    })
}

/// What `/readyz` at the address says.
fn readiness(address: &str) -> String {
    let ask = || -> Result<String> {
        let mut stream = TcpStream::connect_timeout(&address.parse()?, Duration::from_secs(2))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        write!(stream, "GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.take(64 * 1024).read_to_string(&mut answer)?;
        let body = answer.split_once("\r\n\r\n").context("no answer")?.1;
        Ok(body.trim().to_string())
    };
    ask().unwrap_or_else(|error| format!("no answer from {address}: {error}"))
}

/// Each source: what became of its events, and its newest session of each instrument.
fn print_sources(one: &PartitionStatus) {
    let Some(sources) = &one.sources else { return println!("  sources   ingest does not answer") };
    let counts = |rejects: &BTreeMap<String, u64>| {
        rejects.iter().map(|(reason, count)| format!("{count} {reason}")).collect::<Vec<_>>().join(", ")
    };
    for source in sources {
        let SourceStatus { source: name, accepted, rejects, gaps, sessions, .. } = source;
        let refused = if rejects.is_empty() { "none".into() } else { counts(rejects) };
        println!("  source    {name}: {accepted} accepted, {gaps} gaps, refused: {refused}");
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
        println!("  source    not readable: refused: {}", counts(&one.unreadable));
    }
}

fn print(status: &Status) {
    for one in &status.partitions {
        println!("partition {}  tape {}  {}", one.partition, one.tape, one.placement.join(" "));
        println!("  tape      {} records, {} MB", one.tape_last, one.tape_bytes / 1_000_000);
        println!("  inboxes   market {}, command {}", one.market_inbox_last, one.command_inbox_last);
        println!("  projected {} ({} behind)", one.projected, one.tape_last.saturating_sub(one.projected));
        for writer in &one.writers {
            println!("  {:<10} epoch {}, last {}: {}", writer.writer, writer.epoch, writer.last, writer.did);
        }
        print_sources(one);
    }
    if let Some(groups) = &status.groups {
        println!("groups    {groups}");
    }
    println!("{}", if status.healthy { "healthy" } else { "NOT healthy" });
}
