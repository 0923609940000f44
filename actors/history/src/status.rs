//! Ends of the streams, last records of the writers, and progress of the projections, from JetStream and Postgres.

use serde::Serialize;
use tapedeck_runtime::{Bus, BusError, database};
use tapedeck_schemas::event::{Kind, TapeCreated};
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::{self, Writer};
use tokio_postgres::Client;

use crate::error::HistoryError;
use crate::reader::last_sequence;

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
    /// Kind and cause of the last fact, as text; the reason if the last record does not decode.
    pub did: String,
}

impl PartitionStatus {
    /// Reads the status of a partition from JetStream and Postgres.
    pub async fn gather(bus: &Bus, client: &Client, tape: TapeCreated) -> Result<Self, HistoryError> {
        let (lineage, generations) = (tape.lineage(), bus.generations());
        let TapeCreated { tape, partition, placement, .. } = tape;
        let name = generations.tape_stream(partition);
        let stream = bus.context().get_stream(&name).await;
        let stream = stream.map_err(|error| BusError::request(format!("stream info of {name}"), error))?;
        let state = &stream.cached_info().state;
        let mut writers = Vec::new();
        for writer in tapedeck_groups::writers() {
            writers.push(WriterStatus::gather(bus, &name, partition, writer).await?);
        }
        Ok(Self {
            partition,
            tape: tape.to_string(),
            tape_stream: name,
            placement,
            tape_last: state.last_sequence,
            tape_bytes: state.bytes,
            market_inbox_last: last_sequence(bus, &generations.inbox_stream(partition)).await?,
            command_inbox_last: last_sequence(bus, &generations.command_stream(partition)).await?,
            projected: database::projected(client, &lineage, partition).await?,
            writers,
        })
    }

    /// Whether every writer has appended a record, and every projection has reached the end of the tape.
    pub fn is_caught_up(&self) -> bool {
        self.projected >= self.tape_last && self.writers.iter().all(|writer| writer.last > 0)
    }
}

impl WriterStatus {
    async fn gather(bus: &Bus, stream: &str, partition: u16, writer: Writer) -> Result<Self, BusError> {
        let message = bus.last_message_on(stream, &bus.generations().tape_subject(partition, writer)).await?;
        let mut status = Self { writer: writer.as_str(), last: 0, epoch: 0, decided: 0, did: "nothing yet".into() };
        let Some(message) = message else { return Ok(status) };
        status.last = message.sequence;
        match record::decode(&message.payload) {
            Ok((header, entries)) => {
                let last = entries.last().map(|entry| (entry.event.kind(), entry.cause));
                let (kind, cause) = last.unwrap_or((Kind::Progress, Offset::START));
                status.did = format!("{} of {cause}", kind.name());
                (status.epoch, status.decided) = (header.epoch, cause.seq);
            }
            Err(error) => status.did = format!("invalid: {error}"),
        }
        Ok(status)
    }
}
