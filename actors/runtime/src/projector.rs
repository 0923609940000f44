//! The one loop that projects a tape: rows and progress move in one transaction, progress by compare-and-set.

use std::sync::Arc;
use std::time::Duration;

use tapedeck_kernel::{TapeFault, TapeRead, TapeReader, TapeRecord};
use tapedeck_projections::{MergeError, Projection, RecordInfo, Recorded, RowOp, compact, sql};
use tapedeck_schemas::ids::TapeId;
use tapedeck_schemas::position::Position;
use tapedeck_schemas::subject;
use tokio_postgres::Client;
use tokio_postgres::types::ToSql;

use crate::DrainSignal;
use crate::bus::Bus;
use crate::database::{self, DatabaseError};
use crate::metrics::GroupMetrics;
use crate::shell::writer_of;
use crate::status::GroupStatus;
use crate::tail::{Stored, Tail};

/// Most records in a transaction.
const BATCH_RECORDS: usize = 512;
/// A transaction is closed once it holds this many row operations.
const BATCH_ROWS: usize = 20_000;
const RETRY: Duration = Duration::from_millis(500);

/// What is projected, and whereto.
#[derive(Debug, Clone)]
pub struct Target {
    /// The connection to NATS.
    pub bus: Bus,
    /// Postgres.
    pub database: database::Access,
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
    Merge(#[from] MergeError),
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
            ProjectorError::Tape(_) | ProjectorError::Merge(_) => false,
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

/// A projection, and up to which sequence its rows are there.
struct Lane {
    projection: &'static dyn Projection,
    seq: u64,
}

async fn project(
    target: &Target,
    status: &GroupStatus,
    metrics: &GroupMetrics,
    mut drain: DrainSignal,
) -> Result<(), ProjectorError> {
    let mut client = database::connect(&target.database).await?;
    let mut lanes = open_lanes(&client, target).await?;
    // From the first record on, so that every chain is checked; what is projected already is passed over.
    let mut tail = Tail::new(&target.bus, subject::tape_stream(target.partition), String::new(), 1);
    let mut reader = TapeReader::new(target.tape);
    loop {
        let done = lanes.iter().map(|lane| lane.seq).min().unwrap_or(0);
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
        batch.take(&mut reader, &lanes, target, first, metrics)?;
        while !batch.is_full() {
            let Some(stored) = tail.try_next() else { break };
            batch.take(&mut reader, &lanes, target, stored, metrics)?;
        }
        if reader.last() > done {
            commit(&mut client, target, &mut lanes, &batch, reader.last()).await?;
            metrics.records.inc_by(batch.records as u64);
            metrics.events.inc_by(batch.events as u64);
        }
    }
}

async fn open_lanes(client: &Client, target: &Target) -> Result<Vec<Lane>, ProjectorError> {
    let mut lanes = Vec::new();
    for projection in tapedeck_projections::all() {
        let name = projection.name();
        let begin = "INSERT INTO tapedeck.projection_progress (tape_id, partition, projection, seq) \
                     VALUES ($1, $2, $3, 0) ON CONFLICT (partition, projection) DO NOTHING";
        client.execute(begin, &[&target.tape.to_string(), &i32::from(target.partition), &name]).await?;
        let seq = database::progress(client, target.tape, target.partition, name).await?.unwrap_or(0);
        lanes.push(Lane { projection: *projection, seq });
    }
    Ok(lanes)
}

/// What one transaction will write.
#[derive(Default)]
struct Batch {
    ops: Vec<RowOp>,
    records: usize,
    events: usize,
}

impl Batch {
    fn is_full(&self) -> bool {
        self.records >= BATCH_RECORDS || self.ops.len() >= BATCH_ROWS
    }

    fn take(
        &mut self,
        reader: &mut TapeReader,
        lanes: &[Lane],
        target: &Target,
        stored: Stored,
        metrics: &GroupMetrics,
    ) -> Result<(), ProjectorError> {
        let writer = writer_of(target.partition, &stored.subject);
        let record = match reader.read(stored.seq, writer, &stored.payload)? {
            TapeRead::Record(record) => record,
            TapeRead::Void { why, .. } => {
                metrics.voids.inc();
                tracing::error!(seq = stored.seq, why, "void record on the tape, skipped");
                return Ok(());
            }
        };
        self.records += 1;
        self.events += record.entries.len();
        for lane in lanes.iter().filter(|lane| lane.seq < stored.seq) {
            project_record(lane.projection, target.partition, &record, stored.stamp, &mut self.ops);
        }
        Ok(())
    }
}

/// The row operations of one record: the same for the projector and for whoever checks it.
pub fn project_record(
    projection: &dyn Projection,
    partition: u16,
    record: &TapeRecord,
    stamp: u64,
    ops: &mut Vec<RowOp>,
) {
    let writer = record.header.writer;
    let events = record.entries.len();
    projection.project_record(&RecordInfo { partition, seq: record.seq, writer, stamp, events }, ops);
    for (index, entry) in (0..).zip(&record.entries) {
        let position = Position::new(record.seq, index);
        projection.project(&Recorded { partition, position, writer, stamp, entry }, ops);
    }
}

async fn commit(
    client: &mut Client,
    target: &Target,
    lanes: &mut [Lane],
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
    for lane in lanes.iter().filter(|lane| lane.seq < seq) {
        let (projection, old, new) = (lane.projection.name(), to_bigint(lane.seq), to_bigint(seq));
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
    lanes.iter_mut().for_each(|lane| lane.seq = lane.seq.max(seq));
    Ok(())
}

fn to_bigint(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}
