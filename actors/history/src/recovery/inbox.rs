//! An inbox, read in step with the records that rest on it.

use tapedeck_kernel::Inbox;
use tapedeck_runtime::Bus;
use tapedeck_schemas::event::LostMessages;
use tapedeck_schemas::generation::{Generation, Lineage};
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::{InboxDigest, InboxPrefix, Writer};

use crate::error::HistoryError;
use crate::reader::Messages;

/// The messages of an inbox up to one of them.
pub(super) struct InboxWalk {
    pub(super) reader: Writer,
    lineage: Lineage,
    generation: Generation,
    stream: String,
    messages: Messages,
    /// The last sequence of the stream when the walk began. Later messages are read or not.
    end: u64,
    /// The last message, with the digest up to it.
    last: u64,
    digest: InboxDigest,
    /// The message after it, which is read already.
    ahead: Option<(u64, String, Vec<u8>)>,
    missing: Vec<LostMessages>,
}

impl InboxWalk {
    pub(super) async fn open(
        bus: &Bus,
        partition: u16,
        lineage: &Lineage,
        reader: Writer,
        inbox: Inbox,
    ) -> Result<Self, HistoryError> {
        let generation = bus.generations().of(inbox.family(), partition);
        let stream = inbox.family().stream(partition, generation);
        let end = bus.last_sequence(&stream).await?;
        Ok(Self {
            end,
            reader,
            lineage: lineage.clone(),
            generation,
            messages: Messages::open(bus, stream.clone()).await?,
            stream,
            last: 0,
            digest: InboxDigest::default(),
            ahead: None,
            missing: Vec::new(),
        })
    }

    /// Reads the next message, up to `limit`; whether there was one.
    async fn advance(&mut self, limit: u64) -> bool {
        if self.ahead.is_none() {
            let next = self.messages.next().await;
            self.ahead = next.map(|stored| (stored.seq, stored.subject.to_string(), stored.payload.to_vec()));
        }
        let Some((seq, subject, payload)) = self.ahead.take_if(|(seq, ..)| *seq <= limit) else { return false };
        self.miss(seq);
        (self.digest, self.last) = (self.digest.after(seq, &subject, &payload), seq);
        true
    }

    /// Records the messages that are missing before the message `seq`.
    fn miss(&mut self, seq: u64) {
        let first = self.lineage.next_message(self.reader, self.generation, self.last);
        if first < seq {
            let (reader, generation) = (self.reader, self.generation);
            self.missing.push(LostMessages { reader, generation, first, last: seq - 1 });
        }
    }

    /// Compares the inbox with that of a record whose last cause this is; the difference, if any.
    pub(super) async fn compare(&mut self, recorded: Option<InboxPrefix>, cause: Offset) -> Option<String> {
        let InboxPrefix { generation, digest } = recorded?;
        while self.advance(cause.seq).await {}
        let (reader, stream) = (self.reader, &self.stream);
        if generation != self.generation {
            return Some(format!("{reader} decided on inbox generation {generation}, which {stream} is not"));
        }
        if self.last < cause.seq {
            return Some(format!("{reader} decided on message {}, which {stream} does not hold", cause.seq));
        }
        let is_same = self.last == cause.seq && self.digest == digest;
        (!is_same).then(|| format!("{reader} decided on other messages than {stream} holds, up to {}", cause.seq))
    }

    /// Reads the rest; the name of the stream, and the messages that are missing.
    pub(super) async fn finish(mut self) -> (String, Vec<LostMessages>) {
        while self.advance(u64::MAX).await {}
        if self.last < self.end {
            self.miss(self.end + 1); // the last ones, which the stream counts and does not hold
        }
        (self.stream, self.missing)
    }
}
