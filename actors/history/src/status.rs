//! Ends of the streams, last records of the writers, and progress of the projections, from JetStream and Postgres.

use serde::Serialize;
use tapedeck_runtime::database::{self, DatabaseError};
use tapedeck_runtime::{Bus, BusError, witness};
use tapedeck_schemas::event::TapeCreated;
use tapedeck_schemas::record::{self, RecordRead, Writer};
use tokio_postgres::Client;

use crate::error::HistoryError;

/// Status of one partition.
#[derive(Debug, Serialize)]
pub struct PartitionStatus {
    /// The partition.
    pub partition: u16,
    /// The identity of its tape.
    pub tape: String,
    /// The stream of the tape.
    pub tape_stream: String,
    /// The market subjects placed on the partition.
    pub placement: Vec<String>,
    /// Last sequence of the tape.
    pub tape_last: u64,
    /// Size of the tape in JetStream, bytes.
    pub tape_bytes: u64,
    /// Last sequence of the market inbox.
    pub market_inbox_last: u64,
    /// Last sequence of the command inbox.
    pub command_inbox_last: u64,
    /// Last tape sequence in Postgres, of the projection that is furthest behind.
    pub projected: u64,
    /// Every writer but the keeper.
    pub writers: Vec<WriterStatus>,
    /// What the streams lack: the last message that a writer decided on, the last record projected; a sentence each.
    pub lost: Vec<String>,
}

/// One writer of a tape.
#[derive(Debug, Serialize)]
pub struct WriterStatus {
    /// Name of the writer.
    pub writer: &'static str,
    /// Sequence of the writer's last record; 0 without a record.
    pub last: u64,
    /// Epoch of that record.
    pub epoch: u64,
    /// Sequence of the cause of the last fact: every input up to it is decided.
    pub decided: u64,
    /// Kind and cause of the last fact, as text; the reason if the last record is not understood.
    pub did: String,
}

impl PartitionStatus {
    /// Reads the status of a partition from JetStream and Postgres.
    pub async fn gather(bus: &Bus, client: &Client, tape: TapeCreated) -> Result<Self, HistoryError> {
        let (lineage, generations) = (tape.lineage(), bus.generations());
        let TapeCreated { tape, partition, placement, .. } = tape;
        let name = generations.tape_stream(partition);
        let stream = bus.stream(&name).await?;
        let state = &stream.cached_info().state;
        let mut writers = Vec::new();
        for writer in tapedeck_groups::writers() {
            writers.push(WriterStatus::gather(bus, &name, partition, writer).await?);
        }
        // Read in this order, a stream that lost nothing holds what the tape names, and the tape what is projected.
        let mut lost = Vec::new();
        let market_inbox_last = last_sequence(bus, &generations.inbox_stream(partition), &mut lost).await?;
        let command_inbox_last = last_sequence(bus, &generations.command_stream(partition), &mut lost).await?;
        let projected = match database::projected(client, &lineage, partition).await {
            Ok(projected) => projected,
            Err(error @ (DatabaseError::OtherTape { .. } | DatabaseError::Checkpoint { .. })) => {
                lost.push(error.to_string());
                0
            }
            Err(error) => return Err(error.into()),
        };
        for (writer, inbox) in tapedeck_groups::inboxes() {
            let inbox = generations.stream(inbox.family(), partition);
            let decided = writers.iter().find(|one| one.writer == writer.as_str()).map_or(0, |one| one.decided);
            let is_there = bus.find_stream(&inbox).await?.is_some();
            if is_there && decided > 0 && bus.message(&inbox, decided).await?.is_none() {
                lost.push(format!("{writer} decided on message {decided}, but {inbox} does not hold it"));
            }
        }
        if lost.is_empty() {
            let (_, checkpoints) = database::checkpoints(client, partition).await?;
            let compared = witness::compare_checkpoints(bus, &name, &checkpoints).await?;
            lost.extend(compared.mismatches.iter().map(ToString::to_string));
        }
        Ok(Self {
            partition,
            tape: tape.to_string(),
            tape_stream: name,
            placement,
            tape_last: state.last_sequence,
            tape_bytes: state.bytes,
            market_inbox_last,
            command_inbox_last,
            projected,
            writers,
            lost,
        })
    }

    /// Whether every writer has appended a record, every projection has reached the end of the tape, and nothing is
    /// lost.
    pub fn is_healthy(&self) -> bool {
        let is_caught_up = self.projected >= self.tape_last;
        is_caught_up && self.writers.iter().all(|writer| writer.last > 0) && self.lost.is_empty()
    }
}

/// The last sequence of a stream; 0 if there is no such stream, which is a loss.
async fn last_sequence(bus: &Bus, name: &str, lost: &mut Vec<String>) -> Result<u64, BusError> {
    let Some(stream) = bus.find_stream(name).await? else {
        lost.push(format!("{name} does not exist"));
        return Ok(0);
    };
    Ok(stream.cached_info().state.last_sequence)
}

impl WriterStatus {
    async fn gather(bus: &Bus, stream: &str, partition: u16, writer: Writer) -> Result<Self, BusError> {
        let message = bus.last_message_on(stream, &bus.generations().tape_subject(partition, writer)).await?;
        let mut status = Self { writer: writer.as_str(), last: 0, epoch: 0, decided: 0, did: "nothing yet".into() };
        let Some(message) = message else { return Ok(status) };
        status.last = message.sequence;
        let RecordRead { outer, entries, error, .. } = record::read(&message.payload);
        if let Some(last) = entries.last() {
            status.did = format!("{} of {}", last.event.kind().name(), last.cause);
            status.decided = last.cause.seq;
        }
        status.epoch = outer.map_or(0, |outer| outer.epoch);
        if let Some(error) = error {
            status.did = format!("not understood: {error}");
        }
        Ok(status)
    }
}
