//! The inbox of a machine as it is read, and its comparison with the inbox that the records of the machine carry.

use std::collections::VecDeque;

use tapedeck_schemas::generation::Generation;
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::{InboxDigest, InboxPrefix};

use crate::guard::LastMessage;

/// A message of an inbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InboxMessage<'a> {
    /// Generation of the inbox.
    pub generation: Generation,
    /// Stream sequence.
    pub seq: u64,
    /// Subject of the message.
    pub subject: &'a str,
    /// Time at which JetStream stored it, ns since the Unix epoch.
    pub stamp: u64,
    /// Bytes of the message.
    pub payload: &'a [u8],
}

/// The inbox up to a recorded decision is not the one that it was made on: messages were lost or changed, or the inbox
/// belongs to another tape.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the decisions on the tape up to the cause {cause} were made on {}, but the inbox holds {}: messages were lost or \
     changed, or the inbox belongs to another tape",
    described(*recorded), described(*read)
)]
pub struct InboxMismatch {
    /// The last cause of the record.
    pub cause: Offset,
    /// The inbox that the record carries.
    pub recorded: Option<InboxPrefix>,
    /// The inbox that was read.
    pub read: Option<InboxPrefix>,
}

fn described(inbox: Option<InboxPrefix>) -> String {
    match inbox {
        Some(InboxPrefix { generation, digest }) => format!("messages of generation {generation}, digest {digest:?}"),
        None => "no message".into(),
    }
}

/// The inbox as read, and as recorded. Empty for a machine that reads the tape.
#[derive(Debug, Default)]
pub(crate) struct InboxCheck {
    /// The digest of the messages read, and the sequence of the last one.
    read: (InboxDigest, u64),
    /// The last message added.
    last: Option<LastMessage>,
    /// The inbox up to each message with inputs that wait.
    waiting: VecDeque<(u64, InboxPrefix)>,
    /// The last cause of each own record whose inbox is not compared yet, and that inbox.
    recorded: VecDeque<(Offset, Option<InboxPrefix>)>,
}

impl InboxCheck {
    /// Adds a message. One that the restored inbox holds already has no effect.
    pub(crate) fn read(&mut self, message: &InboxMessage<'_>) {
        let &InboxMessage { generation, seq, subject, stamp, payload } = message;
        let (digest, last) = self.read;
        if seq > last {
            let before = digest;
            let digest = before.after(seq, subject, payload);
            self.read = (digest, seq);
            self.last = Some(LastMessage { seq, stamp, before, digest });
            self.waiting.push_back((seq, InboxPrefix { generation, digest }));
        }
    }

    /// The last message added.
    pub(crate) fn last(&self) -> Option<LastMessage> {
        self.last
    }

    /// Begins after the messages of a saved cursor, unless they are read.
    pub(crate) fn restore(&mut self, input: Offset, inbox: Option<InboxPrefix>) {
        if let Some(InboxPrefix { digest, .. }) = inbox
            && self.read.1 < input.seq
        {
            self.read = (digest, input.seq);
        }
    }

    /// Adds the inbox that an own record carries up to its last cause.
    pub(crate) fn record(&mut self, cause: Offset, inbox: Option<InboxPrefix>) {
        self.recorded.push_back((cause, inbox));
    }

    /// Moves `inbox` on to the message of an input that is handled.
    pub(crate) fn handle(&mut self, input: Offset, inbox: &mut Option<InboxPrefix>) {
        while let Some((_, up_to)) = self.waiting.pop_front_if(|(seq, _)| *seq <= input.seq) {
            *inbox = Some(up_to);
        }
    }

    /// Compares the inbox read, up to the input handled last, with that of each own record up to there.
    pub(crate) fn compare(&mut self, input: Offset, read: Option<InboxPrefix>) -> Result<(), InboxMismatch> {
        while let Some((cause, recorded)) = self.recorded.pop_front_if(|(cause, _)| *cause <= input) {
            if recorded != read {
                return Err(InboxMismatch { cause, recorded, read });
            }
        }
        Ok(())
    }
}
