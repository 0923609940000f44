//! The one loop that projects a tape: rows and progress move in one transaction, progress by compare-and-set.

use std::sync::Arc;
use std::time::Duration;

use tapedeck_kernel::{TapeFault, TapeRead, TapeReader};
use tapedeck_projections::projector::{Advance, Batch, ProjectionCursor, advances};
use tapedeck_projections::{MergeError, compact, sql};
use tapedeck_schemas::ids::TapeId;
use tapedeck_schemas::subject;
use tokio_postgres::Client;
use tokio_postgres::types::ToSql;

use crate::DrainSignal;
use crate::bus::Bus;
use crate::database::{self, DatabaseError};
use crate::metrics::GroupMetrics;
use crate::shell::writer_of;
use crate::status::GroupStatus;
use crate::tail::{StoredMessage, Tail};

const RETRY: Duration = Duration::from_millis(500);

/// What is projected, and whereto.
#[derive(Debug, Clone)]
pub struct Target {
    /// The connection to NATS.
    pub bus: Bus,
    /// Postgres.
    pub database: database::DatabaseAccess,
    /// Which partition.
    pub partition: u16,
    /// Its tape.
    pub tape: TapeId,
}

/// Why projecting ended, when it was not drained.
#[derive(Debug, thiserror::Error)]
pub enum ProjectorError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The tape cannot be read on.
    #[error(transparent)]
    Tape(#[from] TapeFault),
    /// The rows contradict each other.
    #[error(transparent)]
    ColumnMerge(#[from] MergeError),
    /// Another projector moved the progress: read it again.
    #[error("another projector moved {projection} on partition {partition}")]
    Overtaken {
        /// Which projection.
        projection: &'static str,
        /// On which partition.
        partition: u16,
    },
}

impl From<tokio_postgres::Error> for ProjectorError {
    fn from(error: tokio_postgres::Error) -> Self {
        ProjectorError::Database(error.into())
    }
}

impl ProjectorError {
    /// Whether it can be tried again from the database's own progress.
    fn is_passing(&self) -> bool {
        match self {
            // What the database refuses in itself (class 22, bad data; 23, a broken constraint) it will refuse again.
            ProjectorError::Database(DatabaseError::Statement(error)) => {
                let class = error.code().map(|state| state.code()[..2].to_string());
                !matches!(class.as_deref(), Some("22" | "23"))
            }
            ProjectorError::Database(error) => !matches!(error, DatabaseError::OtherTape { .. }),
            ProjectorError::Overtaken { .. } => true,
            ProjectorError::Tape(_) | ProjectorError::ColumnMerge(_) => false,
        }
    }
}

/// Projects until drained; reconnects, and after an unclear commit reads the progress again.
pub async fn run(
    target: Target,
    status: Arc<GroupStatus>,
    metrics: GroupMetrics,
    drain: DrainSignal,
) -> Result<(), ProjectorError> {
    loop {
        let error = match project(&target, &status, &metrics, drain.clone()).await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        status.set_ready(false);
        metrics.ready.set(0);
        metrics.conflicts.inc();
        if !error.is_passing() {
            return Err(error);
        }
        tracing::warn!(partition = target.partition, %error, "projecting again from the database's progress");
        tokio::time::sleep(RETRY).await;
        if *drain.borrow() {
            return Ok(()); // what is not projected will be, at the next start
        }
    }
}

async fn project(
    target: &Target,
    status: &GroupStatus,
    metrics: &GroupMetrics,
    mut drain: DrainSignal,
) -> Result<(), ProjectorError> {
    let mut client = database::connect(&target.database).await?;
    let mut cursors = open_cursors(&client, target).await?;
    // From the first record on, so that every chain is checked; what is projected already is passed over.
    let mut tail = Tail::new(&target.bus, subject::tape_stream(target.partition), String::new(), 1);
    let mut reader = TapeReader::new(target.tape);
    loop {
        let done = cursors.iter().map(|cursor| cursor.seq).min().unwrap_or(0);
        let caught_up = tail.is_caught_up() && tail.next_seq() > done && reader.last() <= done;
        status.set_ready(caught_up);
        if caught_up {
            status.set_recovered();
        }
        status.set_progress(done, 0, 0, 0);
        status.set_behind(tail.behind());
        metrics.ready.set(caught_up.into());
        metrics.lag.set(i64::try_from(tail.behind()).unwrap_or(i64::MAX));
        let first = tokio::select! { biased;
            stored = tail.next() => stored,
            _ = drain.wait_for(|drain| *drain) => return Ok(()),
            () = tokio::time::sleep(Duration::from_millis(500)) => continue,
        };
        let mut batch = Batch::default();
        take(&mut batch, &mut reader, &cursors, target, first, metrics)?;
        while !batch.is_full() {
            let Some(stored) = tail.try_next() else { break };
            take(&mut batch, &mut reader, &cursors, target, stored, metrics)?;
        }
        if reader.last() > done {
            commit(&mut client, target, &mut cursors, &batch, reader.last()).await?;
            metrics.records.inc_by(batch.records as u64);
            metrics.events.inc_by(batch.events as u64);
        }
    }
}

async fn open_cursors(client: &Client, target: &Target) -> Result<Vec<ProjectionCursor>, ProjectorError> {
    let mut cursors = Vec::new();
    for projection in tapedeck_projections::all() {
        let name = projection.name();
        let begin = "INSERT INTO tapedeck.projection_progress (tape_id, partition, projection, seq) \
                     VALUES ($1, $2, $3, 0) ON CONFLICT (partition, projection) DO NOTHING";
        client.execute(begin, &[&target.tape.to_string(), &i32::from(target.partition), &name]).await?;
        let seq = database::progress(client, target.tape, target.partition, name).await?.unwrap_or(0);
        cursors.push(ProjectionCursor { projection: *projection, seq });
    }
    Ok(cursors)
}

/// Reads on, and takes a valid record into the batch.
fn take(
    batch: &mut Batch,
    reader: &mut TapeReader,
    cursors: &[ProjectionCursor],
    target: &Target,
    stored: StoredMessage,
    metrics: &GroupMetrics,
) -> Result<(), TapeFault> {
    let writer = writer_of(target.partition, &stored.subject);
    match reader.read(stored.seq, writer, &stored.payload)? {
        TapeRead::Record(record) => batch.take(cursors, target.partition, &record, stored.stamp),
        TapeRead::Invalid { why, .. } => {
            metrics.invalid_records.inc();
            tracing::error!(seq = stored.seq, why, "invalid record on the tape, skipped");
        }
    }
    Ok(())
}

async fn commit(
    client: &mut Client,
    target: &Target,
    cursors: &mut [ProjectionCursor],
    batch: &Batch,
    seq: u64,
) -> Result<(), ProjectorError> {
    let transaction = client.transaction().await?;
    let advance = transaction
        .prepare(
            "UPDATE tapedeck.projection_progress SET seq = $1 \
             WHERE tape_id = $2 AND partition = $3 AND projection = $4 AND seq = $5",
        )
        .await?;
    let (tape, partition) = (target.tape.to_string(), i32::from(target.partition));
    for Advance { projection, old, new } in advances(cursors, seq) {
        let (old, new) = (to_bigint(old), to_bigint(new));
        let moved = transaction.execute(&advance, &[&new, &tape, &partition, &projection, &old]).await?;
        if moved != 1 {
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
