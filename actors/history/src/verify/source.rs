//! The messages that verification reads, from JetStream or from memory.

use tapedeck_kernel::Inbox;
use tapedeck_runtime::Bus;
use tapedeck_schemas::event::TapeCreated;
use tapedeck_schemas::generation::Generation;

use crate::error::HistoryError;
use crate::reader::Messages;

/// Everything that the verification of one partition reads from JetStream.
pub struct Source {
    /// The first fact of the tape.
    pub tape: TapeCreated,
    /// The messages of the tape.
    pub records: Messages,
    /// The inboxes of the partition.
    pub inboxes: Inboxes,
}

/// The inboxes of one partition.
pub struct Inboxes {
    /// Market events, and the generation of their inbox.
    pub market: (Generation, Messages),
    /// Commands, and the generation of their inbox.
    pub commands: (Generation, Messages),
}

impl Source {
    /// The streams of a partition up to their present ends.
    pub async fn open(bus: &Bus, tape: &TapeCreated) -> Result<Self, HistoryError> {
        let partition = tape.partition;
        // The end of the tape before those of the inboxes: then every input that the tape answers is read.
        let records = Messages::open(bus, bus.generations().tape_stream(partition)).await?;
        let inboxes = Inboxes {
            market: open(bus, Inbox::Market, partition).await?,
            commands: open(bus, Inbox::Command, partition).await?,
        };
        Ok(Self { tape: tape.clone(), records, inboxes })
    }
}

async fn open(bus: &Bus, inbox: Inbox, partition: u16) -> Result<(Generation, Messages), HistoryError> {
    let generation = bus.generations().of(inbox.family(), partition);
    Ok((generation, Messages::open(bus, inbox.family().stream(partition, generation)).await?))
}

impl Inboxes {
    /// The inbox that a machine reads.
    pub(super) fn get(&mut self, inbox: Inbox) -> &mut (Generation, Messages) {
        match inbox {
            Inbox::Market => &mut self.market,
            Inbox::Command => &mut self.commands,
        }
    }
}
