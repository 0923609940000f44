//! Where the messages to verify come from: the streams as they are, or as somebody holds them in memory.

use std::collections::VecDeque;

use anyhow::Result;
use tapedeck_kernel::Inbox;
use tapedeck_runtime::Bus;
use tapedeck_runtime::tail::{StoredMessage, Tail};
use tapedeck_schemas::event::TapeCreated;
use tapedeck_schemas::subject;

/// A stream's messages, in order, up to an end.
pub enum Messages {
    /// Read from the broker, up to this sequence.
    Live(Box<Tail>, u64),
    /// Held in memory.
    Held(VecDeque<StoredMessage>),
}

impl Messages {
    async fn open(bus: &Bus, stream: String) -> Result<Self> {
        let last = bus.context().get_stream(&stream).await?.cached_info().state.last_sequence;
        Ok(Messages::Live(Box::new(Tail::new(bus, stream, String::new(), 1)), last))
    }

    /// The next message; `None` at the end.
    pub async fn next(&mut self) -> Option<StoredMessage> {
        match self {
            Messages::Live(tail, last) => tail.next_until(*last).await,
            Messages::Held(held) => held.pop_front(),
        }
    }

    /// All of them, in memory.
    pub async fn hold(mut self) -> VecDeque<StoredMessage> {
        let mut held = VecDeque::new();
        while let Some(stored) = self.next().await {
            held.push_back(stored);
        }
        held
    }
}

/// Everything that one partition's verification reads from the broker.
pub struct Source {
    /// Which tape.
    pub tape: TapeCreated,
    /// Its records.
    pub records: Messages,
    /// The market inbox.
    pub market: Messages,
    /// The command inbox.
    pub commands: Messages,
}

impl Source {
    /// The streams, up to their present ends.
    pub async fn open(bus: &Bus, tape: &TapeCreated) -> Result<Self> {
        let partition = tape.partition;
        Ok(Self {
            tape: tape.clone(),
            records: Messages::open(bus, subject::tape_stream(partition)).await?,
            market: Messages::open(bus, subject::inbox_stream(partition)).await?,
            commands: Messages::open(bus, subject::command_stream(partition)).await?,
        })
    }

    /// The inbox that a machine reads.
    pub(super) fn inbox(&mut self, inbox: Inbox) -> &mut Messages {
        match inbox {
            Inbox::Market => &mut self.market,
            Inbox::Command => &mut self.commands,
        }
    }
}
