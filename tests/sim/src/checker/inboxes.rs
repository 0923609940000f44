//! The inbox of a writer up to each message, as the writer's records must carry it.

use tapedeck_schemas::generation::Generation;
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::{InboxDigest, InboxPrefix};

use crate::message::Message;

/// The digest of an inbox up to each of its messages. The sequences are 1, 2, 3 and so on.
#[derive(Debug, Default)]
pub(super) struct InboxDigests(Vec<InboxDigest>);

impl InboxDigests {
    pub(super) fn push(&mut self, message: &Message) {
        let last = self.0.last().copied().unwrap_or_default();
        self.0.push(last.after(message.seq, &message.subject, &message.payload));
    }

    /// The inbox up to the message of `cause`; `None` before the first.
    pub(super) fn up_to(&self, cause: Offset) -> Option<InboxPrefix> {
        let index = usize::try_from(cause.seq.checked_sub(1)?).ok()?;
        self.0.get(index).map(|digest| InboxPrefix { generation: Generation::FIRST, digest: *digest })
    }
}
