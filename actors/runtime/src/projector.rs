//! The loop that projects a tape: one transaction writes rows and progress, the progress by compare-and-set.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tapedeck_kernel::guard::{self, DELETED_AFTER, StreamLoss};
use tapedeck_kernel::{CheckpointMismatch, TapeCheckpoint, TapeFault, TapeRead, TapeReader};
use tapedeck_projections::projector::{Advance, Batch, ProjectionCursor, advances, least};
use tapedeck_projections::{MergeError, compact, sql};
use tapedeck_schemas::generation::Lineage;
use tapedeck_schemas::reason::Reason;
use tapedeck_schemas::subject::TapeSubject;
use tokio_postgres::Client;
use tokio_postgres::types::ToSql;

use crate::DrainSignal;
use crate::bus::{Bus, BusError};
use crate::database::{self, ANSWER_TIMEOUT, DatabaseError, within};
use crate::metrics::GroupMetrics;
use crate::shell::DRAIN_MAX;
use crate::status::GroupStatus;
use crate::tail::{StoredMessage, Tail};
use crate::witness;

const RETRY_AFTER: Duration = Duration::from_millis(500);
/// How often the tape is compared with what was read of it.
const CHECK_INTERVAL: Duration = Duration::from_nanos(guard::CHECK_INTERVAL);
/// How often status and metrics are updated while no message arrives.
const REPORT_INTERVAL: Duration = Duration::from_millis(500);

/// Time limit of a transaction. After it the projector connects again, and continues from the committed progress.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(30);

/// The tape to project, and the database that receives the rows.
#[derive(Debug, Clone)]
pub struct Target {
    /// The connection to NATS.
    pub bus: Bus,
    /// The address of Postgres.
    pub database: database::DatabaseAccess,
    /// Number of the partition.
    pub partition: u16,
    /// Identity of the partition's tape.
    pub tape: Lineage,
}

/// Why the projector stopped without being drained.
#[derive(Debug, thiserror::Error)]
pub enum ProjectorError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A request to NATS failed.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// The tape cannot be read further.
    #[error(transparent)]
    Tape(#[from] TapeFault),
    /// Two changes of one row contradict each other.
    #[error(transparent)]
    ColumnMerge(#[from] MergeError),
    /// The tape was deleted and created again.
    #[error(transparent)]
    StreamLoss(#[from] StreamLoss),
    /// The database has less progress than this process has committed.
    #[error(
        "partition {partition}: the database is projected up to sequence {found}, but this process has committed \
         {committed}: it is an older copy, or lost its last transactions"
    )]
    LostData {
        /// Number of the partition.
        partition: u16,
        /// The least progress of a projection.
        found: u64,
        /// The least progress that was committed.
        committed: u64,
    },
    /// The compare-and-set failed: another projector has committed.
    #[error("another projector advanced {projection} on partition {partition}")]
    Overtaken {
        /// Name of the projection.
        projection: &'static str,
        /// Number of the partition.
        partition: u16,
    },
}

impl From<tokio_postgres::Error> for ProjectorError {
    fn from(error: tokio_postgres::Error) -> Self {
        ProjectorError::Database(error.into())
    }
}

impl ProjectorError {
    /// The reason for which the projector is not ready while it retries.
    fn readiness(&self, bus: &Bus) -> Reason {
        match self {
            ProjectorError::Database(error) if error.is_unreachable() => Reason::DatabaseUnreachable,
            ProjectorError::Bus(_) if bus.is_connected() => Reason::JetstreamUnavailable,
            ProjectorError::Bus(_) => Reason::NatsUnreachable,
            _ => Reason::ProjectionFailed,
        }
    }

    /// The reason for which the projector stops; `None` if a retry from the committed progress can succeed.
    pub fn stop(&self) -> Option<Reason> {
        match self {
            // The same rows would be rejected again: SQLSTATE class 22, data exception; 23, constraint violation.
            ProjectorError::Database(DatabaseError::Statement(error)) => {
                let is_final = error.code().is_some_and(|state| matches!(&state.code()[..2], "22" | "23"));
                is_final.then_some(Reason::ProjectionRejected)
            }
            ProjectorError::Database(DatabaseError::OtherTape { .. }) => Some(Reason::OtherTape),
            ProjectorError::Database(DatabaseError::Checkpoint { .. }) => Some(Reason::CheckpointMismatch),
            ProjectorError::Database(_) | ProjectorError::Overtaken { .. } => None,
            ProjectorError::Bus(error) => error.stop(),
            ProjectorError::Tape(fault) => Some(fault.reason()),
            ProjectorError::StreamLoss(loss) => Some(loss.reason()),
            ProjectorError::LostData { .. } => Some(Reason::DatabaseLostData),
            ProjectorError::ColumnMerge(_) => Some(Reason::ProjectionRejected),
        }
    }
}

/// What a projector knows of its stores, from one connection to the next.
#[derive(Debug, Default)]
struct KnownStores {
    /// The least progress of a projection that it has committed.
    committed: u64,
    /// The time at which the stream of the tape was created.
    created: Option<u64>,
    /// When the stream of the tape was first found not to exist.
    deleted_since: Option<Instant>,
}

impl KnownStores {
    /// Checks that the database has what this process has committed.
    fn compare(&self, partition: u16, checkpoints: &[TapeCheckpoint]) -> Result<(), ProjectorError> {
        let (found, committed) = (least(checkpoints).seq, self.committed);
        match found < committed {
            true => Err(ProjectorError::LostData { partition, found, committed }),
            false => Ok(()),
        }
    }

    /// Whether the stream of the tape has not been gone for long: a leader that has just been elected may not know it.
    fn may_be_unknown(&mut self, error: &ProjectorError) -> bool {
        match error {
            ProjectorError::StreamLoss(StreamLoss::TapeDeleted) => {
                let since = *self.deleted_since.get_or_insert_with(Instant::now);
                since.elapsed() < Duration::from_nanos(DELETED_AFTER)
            }
            _ => {
                self.deleted_since = None;
                false
            }
        }
    }
}

/// Projects until drained. After a transient error, also a commit of unknown outcome, it reconnects and continues from
/// the progress in the database.
pub async fn run(
    target: Target,
    status: Arc<GroupStatus>,
    metrics: GroupMetrics,
    drain: DrainSignal,
) -> Result<(), ProjectorError> {
    let mut known = KnownStores::default();
    loop {
        let error = match project(&target, &mut known, &status, &metrics, drain.clone()).await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        status.set_reason(Some(error.readiness(&target.bus)));
        metrics.conflicts.inc();
        if error.stop().is_some() && !known.may_be_unknown(&error) {
            return Err(error);
        }
        tracing::warn!(partition = target.partition, %error, "projection failed; retrying from the committed progress");
        tokio::time::sleep(RETRY_AFTER).await;
        if *drain.borrow() {
            return Ok(()); // the next start projects the rest
        }
    }
}

async fn project(
    target: &Target,
    known: &mut KnownStores,
    status: &GroupStatus,
    metrics: &GroupMetrics,
    mut drain: DrainSignal,
) -> Result<(), ProjectorError> {
    let mut disconnects = target.bus.disconnects();
    let mut client = database::connect(&target.database).await?;
    let (mut cursors, checkpoints) = within(ANSWER_TIMEOUT, open_cursors(&client, target)).await?;
    known.created = Some(check_tape(target, known.created, &checkpoints).await?);
    known.deleted_since = None;
    // Rows of earlier records are committed. A projection that is ahead of the others skips the records that it has.
    known.compare(target.partition, &checkpoints)?;
    let begin = least(&checkpoints);
    tracing::info!(partition = target.partition, seq = begin.seq, "projecting the records after the checkpoint");
    let stream = target.bus.generations().tape_stream(target.partition);
    let mut tail = Tail::new(&target.bus, stream, String::new(), begin.seq + 1);
    let mut reader = TapeReader::after(target.tape.clone(), begin);
    let mut checked = Instant::now();
    loop {
        let was_interrupted = tail.take_reopened() | disconnects.has_changed().unwrap_or(false);
        if was_interrupted {
            status.set_reason(Some(Reason::Checking));
        }
        if was_interrupted || checked.elapsed() >= CHECK_INTERVAL {
            disconnects.mark_unchanged();
            check_tape(target, known.created, std::slice::from_ref(reader.checkpoint())).await?;
            let (_, found) = within(ANSWER_TIMEOUT, database::checkpoints(&client, target.partition)).await?;
            known.compare(target.partition, &found)?;
            checked = Instant::now();
        }
        let done = cursors.iter().map(|cursor| cursor.seq).min().unwrap_or(0);
        known.committed = done;
        let caught_up = tail.is_caught_up() && tail.next_seq() > done && reader.last() <= done;
        status.set_reason((!caught_up).then_some(Reason::Recovering));
        if caught_up {
            status.set_recovered();
        }
        status.set_progress(done, 0, 0, 0);
        status.set_behind(tail.behind());
        metrics.lag.set(i64::try_from(tail.behind()).unwrap_or(i64::MAX));
        let first = tokio::select! { biased;
            stored = tail.next_or_reopened() => match stored {
                Some(stored) => stored,
                None => continue,
            },
            _ = drain.wait_for(|drain| *drain) => return Ok(()),
            Ok(()) = disconnects.changed() => {
                disconnects.mark_changed();
                continue;
            }
            () = tokio::time::sleep(REPORT_INTERVAL) => continue,
        };
        let mut batch = Batch::default();
        take(&mut batch, &mut reader, &cursors, target, first, metrics)?;
        while !batch.is_full() {
            let Some(stored) = tail.try_next() else { break };
            take(&mut batch, &mut reader, &cursors, target, stored, metrics)?;
        }
        if reader.last() > done {
            let committed = commit(&mut client, target, &mut cursors, &batch, reader.checkpoint());
            let committed = within(COMMIT_TIMEOUT, noticing_delay(status, committed));
            tokio::select! { biased;
                committed = committed => committed?,
                () = drained_for(&mut drain, DRAIN_MAX) => return Ok(()), // the transaction is rolled back
            }
            metrics.records.inc_by(batch.records as u64);
            metrics.events.inc_by(batch.events as u64);
        }
    }
}

/// A transaction; the projector is not ready while it takes longer than an answer may.
async fn noticing_delay<T>(status: &GroupStatus, committed: impl Future<Output = T>) -> T {
    let mut committed = pin!(committed);
    tokio::select! { biased;
        done = &mut committed => return done,
        () = tokio::time::sleep(ANSWER_TIMEOUT) => status.set_reason(Some(Reason::DatabaseUnreachable)),
    }
    committed.await
}

/// Returns when the projector has been draining for this long.
async fn drained_for(drain: &mut DrainSignal, limit: Duration) {
    let _ = drain.wait_for(|drain| *drain).await; // an error means that the process is stopping
    tokio::time::sleep(limit).await;
}

/// Each projection with its progress, and the checkpoints of all.
async fn open_cursors(
    client: &Client,
    target: &Target,
) -> Result<(Vec<ProjectionCursor>, Vec<TapeCheckpoint>), ProjectorError> {
    let (mut cursors, mut checkpoints) = (Vec::new(), Vec::new());
    for projection in tapedeck_projections::all() {
        let name = projection.name();
        let begin = "INSERT INTO tapedeck.projection_progress \
                     (tape_id, generation, partition, projection, seq, last_hash, chains) \
                     VALUES ($1, $2, $3, $4, 0, '', '{}') ON CONFLICT (partition, projection) DO NOTHING";
        let (tape, generation) = key(target);
        client.execute(begin, &[&tape, &generation, &i32::from(target.partition), &name]).await?;
        let progress = database::progress(client, &target.tape, target.partition, name).await?.unwrap_or_default();
        cursors.push(ProjectionCursor { projection: *projection, seq: progress.seq });
        checkpoints.push(progress);
    }
    Ok((cursors, checkpoints))
}

/// The tape and the generation, as the progress names them.
fn key(target: &Target) -> (String, i64) {
    (target.tape.tape.to_string(), target.tape.generation.get().into())
}

/// Checks that the tape holds the records from which the rows were projected, and is the stream that was created at
/// `known`; when it was created.
async fn check_tape(
    target: &Target,
    known: Option<u64>,
    checkpoints: &[TapeCheckpoint],
) -> Result<u64, ProjectorError> {
    let partition = target.partition;
    let mismatch = |mismatch: CheckpointMismatch| DatabaseError::Checkpoint { partition, mismatch };
    let name = target.bus.generations().tape_stream(partition);
    let Some((state, _)) = witness::read_stream(&target.bus, &name, 0, 0).await? else {
        return Err(StreamLoss::TapeDeleted.into());
    };
    let created = state.created;
    if state.is_sealed {
        return Err(StreamLoss::TapeSealed.into());
    }
    if let Some(known) = known.filter(|known| *known != created) {
        return Err(StreamLoss::TapeReplaced { known, created }.into());
    }
    match witness::compare_checkpoints(&target.bus, &name, checkpoints).await?.mismatches.into_iter().next() {
        Some(first) => Err(mismatch(first).into()),
        None => Ok(created),
    }
}

/// Reads a message and adds it to the batch if it is a valid record.
fn take(
    batch: &mut Batch,
    reader: &mut TapeReader,
    cursors: &[ProjectionCursor],
    target: &Target,
    stored: StoredMessage,
    metrics: &GroupMetrics,
) -> Result<(), TapeFault> {
    let subject = TapeSubject::parse(target.partition, target.tape.generation, &stored.subject);
    match reader.read(stored.seq, subject, &stored.payload)? {
        TapeRead::Record(record) => batch.take(cursors, target.partition, &record, stored.stamp),
        TapeRead::Invalid { why, .. } => {
            metrics.invalid_records.inc();
            tracing::error!(seq = stored.seq, why, "skipped an invalid record on the tape");
        }
    }
    Ok(())
}

async fn commit(
    client: &mut Client,
    target: &Target,
    cursors: &mut [ProjectionCursor],
    batch: &Batch,
    checkpoint: &TapeCheckpoint,
) -> Result<(), ProjectorError> {
    let transaction = client.transaction().await?;
    let advance = transaction
        .prepare(
            "UPDATE tapedeck.projection_progress SET seq = $1, last_hash = $2, chains = $3::text::jsonb \
             WHERE tape_id = $4 AND generation = $5 AND partition = $6 AND projection = $7 AND seq = $8",
        )
        .await?;
    let ((tape, generation), seq) = (key(target), checkpoint.seq);
    let chains = serde_json::to_string(&checkpoint.chains).expect("writing to memory cannot fail");
    let (partition, last) = (i32::from(target.partition), format!("{:?}", checkpoint.last));
    for Advance { projection, old, new } in advances(cursors, seq) {
        let (old, new) = (to_bigint(old), to_bigint(new));
        let values: &[&(dyn ToSql + Sync)] = &[&new, &last, &chains, &tape, &generation, &partition, &projection, &old];
        let updated = transaction.execute(&advance, values).await?;
        if updated != 1 {
            return Err(ProjectorError::Overtaken { projection, partition: target.partition });
        }
    }
    for (table, rows) in compact(&batch.ops)? {
        let columns = sql::columns(table, &rows);
        let parameters: Vec<&(dyn ToSql + Sync)> = columns.iter().map(|column| column as _).collect();
        transaction.execute(&sql::insert_statement(table), &parameters).await?;
    }
    transaction.commit().await?;
    cursors.iter_mut().for_each(|cursor| cursor.seq = cursor.seq.max(seq));
    Ok(())
}

fn to_bigint(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}
