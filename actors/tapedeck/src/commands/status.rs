//! `status`: tapes, inboxes, writers with their epochs, projections, and whether the groups are ready.

use std::collections::BTreeMap;
use std::process::ExitCode;

use std::time::Duration;

use anyhow::Result;
use serde::Serialize;
use tapedeck_answers::status::PartitionReply;
use tapedeck_answers::{SessionStatus, SourceStatus, StatusRequest, serve};
use tapedeck_history::status::{PartitionStatus, StatusReason};
use tapedeck_history::{ControlInForce, ControlsInForce, HistoryError};
use tapedeck_runtime::state::{self, GroupState};
use tapedeck_runtime::{Bus, BusError};
use tapedeck_schemas::event::TapeCreated;
use tapedeck_schemas::reason::Reason;
use tokio::time::Instant;
use tokio_postgres::Client;

use crate::connection::{DatabaseArgs, DirArgs, NatsArgs};
use crate::process;

const EXAMPLES: &str = "\
Examples:
  tapedeck status
  tapedeck status --json";

/// How long a reader that has not reached the end of its input is given to reach it.
const CATCH_UP_MAX: Duration = Duration::from_secs(3);
const CATCH_UP_INTERVAL: Duration = Duration::from_millis(100);

/// Prints the state of tapes, inboxes, writers, sources, projections and groups, the halts and limits in force, and
/// each reason for which the system is not healthy
///
/// Exit status: 0 healthy; 1 unhealthy; 2 NATS cannot be reached, so that nothing is known. The reasons are those of
/// `/readyz`; docs/recovery.md has them in one table.
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
    /// Why the system is not healthy.
    reasons: Vec<StatusReason>,
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
    /// The halts, limits and weights in force.
    controls: Vec<ControlInForce>,
    /// What each process of a group answers.
    groups: Vec<GroupState>,
    /// What `answers` says about each source, without the numbers of all sessions; `None` without an answer.
    sources: Option<Vec<SourceStatus>>,
    /// Rejected events whose source could not be read, by reason.
    unreadable: BTreeMap<String, u64>,
    /// Number of sessions that are not among the sources, because there are too many.
    sessions_left_out: u64,
}

/// Prints the status.
pub async fn run(args: Args) -> Result<ExitCode> {
    let bus = args.nats.connect(&args.dir).await?;
    let mut reasons = Vec::new();
    let client = match args.database.connect(&args.dir).await {
        Ok(client) => Some(client),
        Err(error) => {
            reasons.push(whole(Reason::DatabaseUnreachable, format!("{error:#}")));
            None
        }
    };
    let numbers = match bus.partitions().await {
        Ok(numbers) => numbers,
        Err(error) => {
            reasons.push(whole(Reason::JetstreamUnavailable, error.to_string()));
            vec![0]
        }
    };
    let (mut partitions, mut unread) = (Vec::new(), Vec::new());
    for number in numbers {
        let groups = state::ask(&bus, number, tapedeck_groups::names()).await?;
        let is_client = bus.is_client();
        match read(&bus, client.as_ref(), number).await {
            Ok((status, controls)) => {
                let answer = serve::ask(&bus, number, None, StatusRequest::default()).await.ok();
                reasons.extend(status.reasons.iter().cloned());
                reasons.extend(group_reasons(number, &groups, is_client));
                partitions.push(partition(status, controls, groups, answer));
            }
            Err(error) => {
                let (reason, why) = (reason_of(&error), error.to_string());
                reasons.push(StatusReason { partition: Some(number), group: None, reason, text: why.clone() });
                reasons.extend(group_reasons(number, &groups, is_client));
                unread.push(UnreadPartition { partition: number, why, groups });
            }
        }
    }
    let status = Status { healthy: reasons.is_empty(), reasons, partitions, unread };
    if args.json {
        println!("{}", serde_json::to_string(&status)?);
    } else {
        print(&status);
    }
    Ok(process::exit_code(status.healthy))
}

/// The status of a partition, and the halts, limits and weights in force there. These are read once: each reading takes
/// a consumer of the tape.
async fn read(
    bus: &Bus,
    database: Option<&Client>,
    partition: u16,
) -> Result<(PartitionStatus, Vec<ControlInForce>), HistoryError> {
    let tape = bus.tape(partition).await?;
    let controls = ControlsInForce::read(bus, &tape).await?.in_force();
    Ok((gather(bus, database, &tape).await?, controls))
}

/// A reason that concerns every partition.
fn whole(reason: Reason, text: String) -> StatusReason {
    StatusReason { partition: None, group: None, reason, text }
}

/// The status of a partition. A reader that is behind is given a while to reach the end that its input has now.
async fn gather(bus: &Bus, database: Option<&Client>, tape: &TapeCreated) -> Result<PartitionStatus, HistoryError> {
    let began = Instant::now();
    let first = PartitionStatus::gather(bus, database, tape.clone()).await?;
    let is_behind = |status: &PartitionStatus| !status.reasons.is_empty() && status.is_only_behind();
    if !is_behind(&first) {
        return Ok(first);
    }
    loop {
        tokio::time::sleep(CATCH_UP_INTERVAL).await;
        let mut status = PartitionStatus::gather(bus, database, tape.clone()).await?;
        if is_behind(&status) && status.has_reached(&first) {
            status.reasons.clear();
        }
        if !is_behind(&status) || began.elapsed() >= CATCH_UP_MAX {
            return Ok(status);
        }
    }
}

/// The reason for which a partition cannot be read.
fn reason_of(error: &HistoryError) -> Reason {
    match error {
        HistoryError::Tape { fault, .. } => fault.reason(),
        HistoryError::Bus(error @ BusError::NoTape { .. }) => error.stop().unwrap_or(Reason::TapeLostData),
        HistoryError::Bus(error) => error.stop().unwrap_or(Reason::JetstreamUnavailable),
        _ => Reason::JetstreamUnavailable,
    }
}

/// Why the groups of a partition are not healthy: a group without a ready process, and each process that is neither
/// ready nor on its way to it. `is_client` tells that the connection has a key, which may be the reason of no answer.
fn group_reasons(partition: u16, states: &[GroupState], is_client: bool) -> Vec<StatusReason> {
    let mut reasons = Vec::new();
    for name in tapedeck_groups::names() {
        let found = |reason, text| StatusReason { partition: Some(partition), group: Some(name.into()), reason, text };
        let processes: Vec<_> = states.iter().filter(|state| state.group == name).collect();
        let is_served = processes.iter().any(|state| state.reason.is_none());
        if processes.is_empty() {
            let key = if is_client { ", or the key has no right to ask" } else { "" };
            reasons.push(found(Reason::NotRunning, format!("no process of the group answers{key}")));
        }
        for state in processes {
            // A reason of another build may have no name here.
            let Some(text) = &state.reason else { continue };
            let reason = text.parse().unwrap_or(Reason::Recovering);
            if !(is_served && reason.is_transient()) {
                reasons.push(found(reason, state.text(text)));
            }
        }
    }
    reasons
}

fn partition(
    status: PartitionStatus,
    controls: Vec<ControlInForce>,
    groups: Vec<GroupState>,
    answer: Option<PartitionReply>,
) -> PartitionReport {
    let sessions_left_out = answer.as_ref().map_or(0, |answer| answer.left_out);
    let unreadable = answer.as_ref().map(|answer| answer.unreadable.clone()).unwrap_or_default();
    let named = |(source, one): (String, SourceStatus)| SourceStatus { source, ..one };
    let sources = answer.map(|answer| answer.sources.into_iter().map(named).collect());
    PartitionReport { status, controls, groups, sources, unreadable, sessions_left_out }
}

/// For each source: what became of its events, and its newest session of each instrument.
fn print_sources(one: &PartitionReport) {
    let Some(sources) = &one.sources else { return println!("  sources   no answer from the group answers") };
    let counts = |rejects: &BTreeMap<String, u64>| {
        rejects.iter().map(|(reason, count)| format!("{count} {reason}")).collect::<Vec<_>>().join(", ")
    };
    for source in sources {
        let SourceStatus { source: name, accepted, late, rejects, gaps, sessions, .. } = source;
        let rejected = if rejects.is_empty() { "none".into() } else { counts(rejects) };
        println!("  source    {name}: {accepted} accepted, {late} of them late, {gaps} gaps, rejected: {rejected}");
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
    if one.sessions_left_out > 0 {
        println!("    {} more sessions; request md-status.<source>", one.sessions_left_out);
    }
    if !one.unreadable.is_empty() {
        println!("  source    unreadable, rejected: {}", counts(&one.unreadable));
    }
}

/// The groups that are ready, by name, and a line for each process whose group is not.
fn print_groups(groups: &[GroupState]) {
    let (ready, others): (Vec<_>, Vec<_>) = groups.iter().partition(|group| group.reason.is_none());
    let names: Vec<&str> = ready.iter().map(|group| group.group.as_str()).collect();
    println!("  ready     {}", if names.is_empty() { "no group".into() } else { names.join(" ") });
    others.iter().for_each(|group| println!("  not ready {}", group.line()));
    let unwitnessed = ready.iter().filter(|group| !group.witnessed);
    unwitnessed
        .for_each(|group| println!("  witness   {} has none: its tape is not compared with Postgres", group.group));
}

fn print(status: &Status) {
    for partition in &status.partitions {
        let one = &partition.status;
        println!("partition {}  tape {}  {}", one.partition, one.tape, one.placement.join(" "));
        let (bytes, most) = (one.tape_bytes / 1_000_000, one.tape_max_bytes / 1_000_000);
        println!("  {:<9} {} records, {bytes} of {most} MB", one.tape_stream, one.tape_last);
        println!("  inboxes   market {}, command {}", one.market_inbox_last, one.command_inbox_last);
        match one.projected {
            Some(seq) => println!("  projected {seq} ({} behind)", one.tape_last.saturating_sub(seq)),
            None => println!("  projected unknown"),
        }
        for writer in &one.writers {
            println!("  {:<10} epoch {}, last {}: {}", writer.writer, writer.epoch, writer.last, writer.did);
        }
        for ControlInForce { kind, scope, name, value, by } in &partition.controls {
            let what = [name, scope].into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" ");
            let by = by.as_ref().map(|by| format!(" (by {by})")).unwrap_or_default();
            println!("  {kind:<9} {what} {value}{by}");
        }
        print_groups(&partition.groups);
        print_sources(partition);
    }
    for UnreadPartition { partition, why, groups } in &status.unread {
        println!("partition {partition}");
        println!("  unreadable {why}");
        print_groups(groups);
    }
    println!("{}", if status.healthy { "healthy" } else { "unhealthy:" });
    status.reasons.iter().for_each(|reason| println!("  {reason}"));
}
