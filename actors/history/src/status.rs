//! Ends of the streams, last records of the writers, and progress of the projections, from JetStream and Postgres.

use async_nats::jetstream::stream::Info;
use serde::Serialize;
use tapedeck_kernel::Inbox;
use tapedeck_runtime::database::{self, ANSWER_TIMEOUT, DatabaseError, within};
use tapedeck_runtime::{Bus, BusError, streams, witness};
use tapedeck_schemas::event::TapeCreated;
use tapedeck_schemas::generation::StreamFamily;
use tapedeck_schemas::reason::Reason;
use tapedeck_schemas::record::{self, RecordRead, Writer};
use tapedeck_schemas::subject;
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
    /// Size at which the tape is full, bytes.
    pub tape_max_bytes: u64,
    /// Last sequence of the market inbox.
    pub market_inbox_last: u64,
    /// Last sequence of the command inbox.
    pub command_inbox_last: u64,
    /// Last tape sequence in Postgres, of the projection that is furthest behind; `None` if Postgres does not answer.
    pub projected: Option<u64>,
    /// Every writer but the keeper.
    pub writers: Vec<WriterStatus>,
    /// Why the partition is not healthy.
    pub reasons: Vec<StatusReason>,
}

/// A reason for which a system is not healthy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatusReason {
    /// Number of the partition; `None` if the whole system is concerned.
    pub partition: Option<u16>,
    /// Name of the group, if one is concerned.
    pub group: Option<String>,
    /// The reason, as `/readyz` gives it.
    pub reason: Reason,
    /// The finding, with its values.
    pub text: String,
}

impl std::fmt::Display for StatusReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { partition, group, reason, text } = self;
        if let Some(partition) = partition {
            write!(f, "partition {partition}: ")?;
        }
        if let Some(group) = group {
            write!(f, "{group}: ")?;
        }
        write!(f, "{reason}: {text}")
    }
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

/// Collects the reasons of a partition.
struct Reasons {
    partition: u16,
    found: Vec<StatusReason>,
}

impl Reasons {
    fn add(&mut self, group: Option<&str>, reason: Reason, text: impl Into<String>) {
        let group = group.map(Into::into);
        self.found.push(StatusReason { partition: Some(self.partition), group, reason, text: text.into() });
    }
}

impl PartitionStatus {
    /// Reads the status of a partition from JetStream and, unless it is `None`, from Postgres.
    ///
    /// # Errors
    /// If JetStream does not answer, or the tape cannot be read.
    pub async fn gather(bus: &Bus, database: Option<&Client>, tape: TapeCreated) -> Result<Self, HistoryError> {
        let (lineage, generations) = (tape.lineage(), bus.generations());
        let TapeCreated { tape, partition, placement, .. } = tape;
        let mut reasons = Reasons { partition, found: Vec::new() };
        let name = generations.tape_stream(partition);
        let stream = bus.stream(&name).await?;
        let info = stream.cached_info();
        reasons.check_space(info, Reason::TapeFull);
        let mut writers = Vec::new();
        for writer in tapedeck_groups::writers() {
            let status = WriterStatus::gather(bus, &name, partition, writer).await?;
            if status.last == 0 {
                reasons.add(Some(status.writer), Reason::NotRunning, "has never appended a record");
            }
            writers.push(status);
        }
        // Read in this order, a stream that lost nothing holds what the tape names, and the tape what is projected.
        let market_inbox_last = reasons.last_sequence(bus, StreamFamily::Inbox).await?;
        let command_inbox_last = reasons.last_sequence(bus, StreamFamily::Command).await?;
        reasons.last_sequence(bus, StreamFamily::Report).await?;
        let rejects = subject::rejects_stream(partition);
        if bus.find_stream(&rejects).await?.is_none() {
            let text = format!("{rejects} does not exist, so rejections are not reported; run `tapedeck provision`");
            reasons.add(None, Reason::JetstreamUnavailable, text);
        }
        let projected = match database {
            Some(client) => reasons.projected(bus, client, &lineage, &name).await?,
            None => None,
        };
        let tape_last = info.state.last_sequence;
        if let Some(behind) = projected.and_then(|seq| tape_last.checked_sub(seq)).filter(|behind| *behind > 0) {
            reasons.add(Some("projector"), Reason::FallingBehind, format!("{behind} record(s) are not projected"));
        }
        reasons.check_decided(bus, &writers, [market_inbox_last, command_inbox_last]).await?;
        Ok(Self {
            partition,
            tape: tape.to_string(),
            tape_stream: name,
            placement,
            tape_last,
            tape_bytes: info.state.bytes,
            tape_max_bytes: u64::try_from(info.config.max_bytes).unwrap_or(0),
            market_inbox_last,
            command_inbox_last,
            projected,
            writers,
            reasons: reasons.found,
        })
    }

    /// Whether every reader has reached the end that its input had at an `earlier` time.
    pub fn has_reached(&self, earlier: &Self) -> bool {
        let decided =
            |writer: Writer| self.writers.iter().find(|one| one.writer == writer.as_str()).map_or(0, |one| one.decided);
        let end = |inbox| match inbox {
            Inbox::Market => earlier.market_inbox_last,
            Inbox::Command => earlier.command_inbox_last,
        };
        self.projected.is_none_or(|seq| seq >= earlier.tape_last)
            && tapedeck_groups::inboxes().all(|(writer, inbox)| decided(writer) >= end(inbox))
    }

    /// Whether every reason is that a reader has not reached the end of its input, which may be a matter of time.
    pub fn is_only_behind(&self) -> bool {
        self.reasons.iter().all(|one| one.reason == Reason::FallingBehind)
    }
}

impl Reasons {
    fn check_space(&mut self, info: &Info, reason: Reason) {
        if streams::is_full(info) {
            let (name, bytes, most) = (&info.config.name, info.state.bytes, info.config.max_bytes);
            let text = format!("{name} holds {bytes} of {most} bytes; raise max_bytes (nats/streams.toml)");
            self.add(None, reason, text);
        }
    }

    /// The last sequence of an inbox; 0 if there is no such stream, which is a loss.
    async fn last_sequence(&mut self, bus: &Bus, family: StreamFamily) -> Result<u64, BusError> {
        let name = bus.generations().stream(family, self.partition);
        let Some(stream) = bus.find_stream(&name).await? else {
            self.add(None, Reason::InboxMismatch, format!("{name} does not exist"));
            return Ok(0);
        };
        self.check_space(stream.cached_info(), Reason::InboxFull);
        Ok(stream.cached_info().state.last_sequence)
    }

    /// The last projected sequence, if Postgres answers; compares the tape with the records that were projected.
    async fn projected(
        &mut self,
        bus: &Bus,
        client: &Client,
        lineage: &tapedeck_schemas::generation::Lineage,
        stream: &str,
    ) -> Result<Option<u64>, HistoryError> {
        let partition = self.partition;
        let read = within(ANSWER_TIMEOUT, async {
            let projected = database::projected(client, lineage, partition).await?;
            Ok((projected, database::checkpoints(client, partition).await?.1))
        });
        let (projected, checkpoints) = match read.await {
            Ok(read) => read,
            Err(error @ (DatabaseError::OtherTape { .. } | DatabaseError::Checkpoint { .. })) => {
                self.add(None, Reason::CheckpointMismatch, error.to_string());
                return Ok(Some(0));
            }
            Err(error) if error.is_unreachable() => {
                self.add(None, Reason::DatabaseUnreachable, error.to_string());
                return Ok(None);
            }
            Err(error) => {
                self.add(Some("projector"), Reason::ProjectionFailed, error.to_string());
                return Ok(None);
            }
        };
        let compared = witness::compare_checkpoints(bus, stream, &checkpoints).await?;
        compared.mismatches.iter().for_each(|one| self.add(None, Reason::CheckpointMismatch, one.to_string()));
        Ok(Some(projected))
    }

    /// Compares what the machines decided on with their inboxes, which end at `lasts`: market, then command.
    async fn check_decided(&mut self, bus: &Bus, writers: &[WriterStatus], lasts: [u64; 2]) -> Result<(), BusError> {
        for (writer, inbox) in tapedeck_groups::inboxes() {
            let name = bus.generations().stream(inbox.family(), self.partition);
            let last = match inbox {
                Inbox::Market => lasts[0],
                Inbox::Command => lasts[1],
            };
            let decided = writers.iter().find(|one| one.writer == writer.as_str()).map_or(0, |one| one.decided);
            if last > 0 && decided > 0 && bus.message(&name, decided).await?.is_none() {
                let text = format!("{writer} decided on message {decided}, but {name} does not hold it");
                self.add(None, Reason::InboxMismatch, text);
            } else if last > decided {
                let text = format!("{} message(s) of {name} are not decided", last - decided);
                self.add(Some(writer.as_str()), Reason::FallingBehind, text);
            }
        }
        Ok(())
    }
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
