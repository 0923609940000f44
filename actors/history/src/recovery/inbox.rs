//! An inbox, read in step with the records that rest on it.

use tapedeck_kernel::Inbox;
use tapedeck_runtime::Bus;
use tapedeck_runtime::tail::Tail;
use tapedeck_schemas::event::LostMessages;
use tapedeck_schemas::generation::{Generation, Lineage};
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::{InboxDigest, InboxPrefix, Writer};

use super::facts::HeldCommands;
use crate::error::HistoryError;

/// The messages of an inbox up to one of them.
pub(super) struct InboxWalk {
    pub(super) reader: Writer,
    lineage: Lineage,
    generation: Generation,
    stream: String,
    tail: Tail,
    /// The last sequence of the stream when the walk began. Later messages are read or not.
    end: u64,
    /// The last message, with the digest up to it.
    last: u64,
    digest: InboxDigest,
    /// The message after it, which is read already.
    ahead: Option<(u64, String, Vec<u8>)>,
    missing: Vec<LostMessages>,
    /// The last message up to which the records rest on the inbox.
    agreed: u64,
    /// The number of messages read after it.
    after_agreed: u64,
    /// The last message that a record after these names, and what is known of the difference.
    differs: Option<(u64, String)>,
}

/// What an inbox lacks.
pub(super) struct LackingInbox {
    /// A sentence for each range of messages.
    pub(super) sentences: Vec<String>,
    /// The ranges that the inbox does not hold, and that no other messages have taken.
    pub(super) missing: Vec<LostMessages>,
    /// What it holds after the last message on which a trusted record rests, if it is that of commands.
    pub(super) commands: HeldCommands,
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
            tail: Tail::new(bus, stream.clone(), String::new(), 1),
            stream,
            last: 0,
            digest: InboxDigest::default(),
            ahead: None,
            missing: Vec::new(),
            agreed: 0,
            after_agreed: 0,
            differs: None,
        })
    }

    /// Reads the next message, up to `limit`; whether there was one.
    async fn advance(&mut self, limit: u64) -> Result<bool, HistoryError> {
        if self.ahead.is_none() {
            self.tail.skip_to(self.lineage.next_message(self.reader, self.generation, self.last));
            let next = self.tail.next_readable_until(self.end).await?;
            self.ahead = next.map(|stored| (stored.seq, stored.subject.to_string(), stored.payload.to_vec()));
        }
        let Some((seq, subject, payload)) = self.ahead.take_if(|(seq, ..)| *seq <= limit) else { return Ok(false) };
        self.miss(seq);
        self.after_agreed += 1;
        (self.digest, self.last) = (self.digest.after(seq, &subject, &payload), seq);
        Ok(true)
    }

    /// Records the messages that are missing before the message `seq`.
    fn miss(&mut self, seq: u64) {
        let first = self.lineage.next_message(self.reader, self.generation, self.last);
        if first < seq {
            let (reader, generation) = (self.reader, self.generation);
            self.missing.push(LostMessages { reader, generation, first, last: seq - 1 });
        }
    }

    /// Compares the inbox with that of a record whose last cause this is: whether the record rests on it.
    pub(super) async fn compare(&mut self, recorded: Option<InboxPrefix>, cause: Offset) -> Result<bool, HistoryError> {
        let Some(InboxPrefix { generation, digest }) = recorded else { return Ok(true) };
        while self.advance(cause.seq).await? {}
        let found = match () {
            () if generation != self.generation => format!(" (they are of generation {})", generation.get()),
            () if self.last < cause.seq && self.ahead.is_none() => format!(" (it ends at {})", self.last),
            () if (self.last, self.digest) != (cause.seq, digest) => String::new(),
            () => {
                (self.agreed, self.after_agreed) = (cause.seq, 0);
                return Ok(true);
            }
        };
        self.differs = Some((cause.seq, found));
        Ok(false)
    }

    /// Records the last cause of a record that is discarded.
    pub(super) fn discard(&mut self, recorded: Option<InboxPrefix>, cause: Offset) {
        let is_own = recorded.is_some_and(|recorded| recorded.generation == self.generation);
        if let (true, Some((last, _))) = (is_own, &mut self.differs) {
            *last = cause.seq.max(*last);
        }
    }

    /// Reads the rest of the inbox; what it lacks.
    pub(super) async fn finish(mut self) -> Result<LackingInbox, HistoryError> {
        while self.advance(u64::MAX).await? {}
        if self.last < self.end {
            self.miss(self.end + 1); // the last ones, which the stream counts and does not hold
        }
        let Self { reader, stream, missing, agreed, after_agreed, differs, .. } = self;
        let last = differs.as_ref().map_or(agreed, |(last, _)| *last);
        let commands = HeldCommands { lost: agreed + 1..=last, held: after_agreed };
        let mut sentences: Vec<String> = differs
            .map(|(last, why)| {
                format!("{reader} decided on messages {} to {last}, which {stream} does not hold{why}", agreed + 1)
            })
            .into_iter()
            .collect();
        let lost = |lost: &LostMessages| format!("{stream} lost its messages {} to {}", lost.first, lost.last);
        sentences.extend(missing.iter().map(lost));
        Ok(LackingInbox { sentences, missing, commands })
    }
}
