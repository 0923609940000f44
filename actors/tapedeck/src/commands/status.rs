//! `status`: tapes, inboxes, writers with their epochs, projections, and whether the groups are ready.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::Result;
use serde::Serialize;
use tapedeck_history::status::PartitionStatus;
use tapedeck_runtime::BusError;
use tapedeck_runtime::state::{self, GroupState};

use crate::connection::{DatabaseArgs, DirArgs, NatsArgs};
use crate::process;
use crate::sources::{self, SessionStatus, SourceStatus, SourcesReply};

const EXAMPLES: &str = "\
Examples:
  tapedeck status
  tapedeck status --json";

/// Prints the state of tapes, inboxes, writers, sources, projections and groups
///
/// Exit status: 0 healthy; 1 unhealthy: a writer has never appended, a projection is behind, an inbox lacks the last
/// message that was decided on, the tape a record that is projected, or a process answers that its group is not ready.
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
    partitions: Vec<PartitionReport>,
    /// The partitions whose tape cannot be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unread: Vec<UnreadPartition>,
}

#[derive(Debug, Serialize)]
struct UnreadPartition {
    partition: u16,
    why: String,
    /// What each process of a group answers.
    groups: Vec<GroupState>,
}

#[derive(Debug, Serialize)]
struct PartitionReport {
    #[serde(flatten)]
    status: PartitionStatus,
    /// What each process of a group answers.
    groups: Vec<GroupState>,
    /// What ingest answers about each source; `None` without an answer.
    sources: Option<Vec<SourceStatus>>,
    /// Rejected events whose source could not be read, by reason.
    unreadable: BTreeMap<String, u64>,
}

/// Prints the status.
pub async fn run(args: Args) -> Result<ExitCode> {
    let bus = args.nats.connect(&args.dir).await?;
    let client = args.database.connect(&args.dir).await?;
    let (mut partitions, mut unread) = (Vec::new(), Vec::new());
    for number in bus.partitions().await? {
        let groups = state::ask(&bus, number, tapedeck_groups::names()).await?;
        let tape = match bus.tape(number).await {
            Ok(tape) => tape,
            Err(error @ (BusError::Connect { .. } | BusError::Request { .. })) => return Err(error.into()),
            Err(error) => {
                unread.push(UnreadPartition { partition: number, why: error.to_string(), groups });
                continue;
            }
        };
        let answer = sources::ask(&bus, tape.partition, "").await.ok();
        let status = PartitionStatus::gather(&bus, &client, tape).await?;
        partitions.push(partition(status, groups, answer));
    }
    let is_well = |one: &PartitionReport| one.status.is_healthy() && one.groups.iter().all(GroupState::is_well);
    let healthy = unread.is_empty() && partitions.iter().all(is_well);
    let status = Status { healthy, partitions, unread };
    if args.json {
        println!("{}", serde_json::to_string(&status)?);
    } else {
        print(&status);
    }
    Ok(process::exit_code(status.healthy))
}

fn partition(status: PartitionStatus, groups: Vec<GroupState>, answer: Option<SourcesReply>) -> PartitionReport {
    let unreadable = answer.as_ref().map(|answer| answer.unreadable.clone()).unwrap_or_default();
    let named = |(source, one): (String, SourceStatus)| SourceStatus { source, ..one };
    let sources = answer.map(|answer| answer.sources.into_iter().map(named).collect());
    PartitionReport { status, groups, sources, unreadable }
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

/// The groups that are ready, by name, and a line for each process whose group is not.
fn print_groups(groups: &[GroupState]) {
    let (well, ill): (Vec<_>, Vec<_>) = groups.iter().partition(|group| group.is_well());
    let names: Vec<&str> = well.iter().map(|group| group.group.as_str()).collect();
    println!("  groups    ready: {}", if names.is_empty() { "none answers".into() } else { names.join(" ") });
    ill.iter().for_each(|group| println!("  not ready {}", group.line()));
    let unwitnessed = well.iter().filter(|group| !group.witnessed);
    unwitnessed
        .for_each(|group| println!("  witness   {} has none: its tape is not compared with Postgres", group.group));
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
        print_groups(&partition.groups);
        print_sources(partition);
    }
    for UnreadPartition { partition, why, groups } in &status.unread {
        println!("partition {partition}");
        println!("  lost      {why}");
        print_groups(groups);
    }
    println!("{}", if status.healthy { "healthy" } else { "unhealthy" });
}
