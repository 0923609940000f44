//! The checks of a request and their order, which differs between one replica and the leader of three.

use crate::message::{Headers, Publish, Reply};

use super::refusal;
use super::stream::Stream;

impl Stream {
    /// One replica checks the size, the expectations (the subject's first), the message id, the free space.
    pub(super) fn admit_alone(&self, publish: &Publish) -> Result<(), Reply> {
        self.check_size(publish)?;
        self.check_subject_sequence(publish)?;
        self.check_sequence(&publish.headers)?;
        self.check_id(&publish.headers)?;
        self.check_room(publish)
    }

    /// The leader of three checks the size, the message id, the expectations (the stream's first), the free space. Open
    /// proposals count as stored, but one on the same subject rejects each expectation of the subject's sequence.
    pub(super) fn admit_as_leader(&self, publish: &Publish) -> Result<(), Reply> {
        self.check_size(publish)?;
        self.check_id(&publish.headers)?;
        self.check_sequence(&publish.headers)?;
        self.check_subject_sequence(publish)?;
        self.check_room(publish)
    }

    fn check_id(&self, headers: &Headers) -> Result<(), Reply> {
        let Some(id) = id(headers) else { return Ok(()) };
        if let Some(seq) = self.ids.get(id) {
            return Err(Reply::Ack { stream: self.config.name.clone(), seq, duplicate: true });
        }
        let is_proposed = self.proposals.iter().any(|open| self::id(&open.publish.headers) == Some(id));
        if is_proposed { Err(refusal::duplicate_in_flight()) } else { Ok(()) }
    }

    fn check_sequence(&self, headers: &Headers) -> Result<(), Reply> {
        let last = self.stored.last_seq() + self.proposals.len() as u64;
        match headers.expected_last_sequence {
            Some(expected) if expected != last => Err(refusal::wrong_last_sequence(last)),
            _ => Ok(()),
        }
    }

    fn check_subject_sequence(&self, publish: &Publish) -> Result<(), Reply> {
        let Some(expected) = publish.headers.expected_last_subject_sequence else { return Ok(()) };
        if self.proposals.iter().any(|open| open.publish.subject == publish.subject) {
            return Err(refusal::in_flight());
        }
        // Purged messages do not count.
        let last = self.stored.last_on(&publish.subject).map_or(0, |message| message.seq);
        if expected == last { Ok(()) } else { Err(refusal::wrong_last_sequence(last)) }
    }

    fn check_size(&self, publish: &Publish) -> Result<(), Reply> {
        let bytes = header_bytes(&publish.headers) + publish.payload.len() as u64;
        let is_over = self.config.max_message_bytes.is_some_and(|max| bytes > max);
        if is_over { Err(refusal::too_large()) } else { Ok(()) }
    }

    fn check_room(&self, publish: &Publish) -> Result<(), Reply> {
        let messages = self.stored.len() + self.proposals.len() as u64 + 1;
        if self.config.max_messages.is_some_and(|max| messages > max) {
            return Err(refusal::full_of_messages());
        }
        let proposed: u64 = self.proposals.iter().map(|open| stored(&open.publish)).sum();
        let bytes = self.stored.bytes() + proposed + stored(publish);
        let is_over = self.config.max_bytes.is_some_and(|max| bytes > max);
        if is_over { Err(refusal::full_of_bytes()) } else { Ok(()) }
    }
}

/// The message id; an empty one is none.
pub(super) fn id(headers: &Headers) -> Option<&str> {
    headers.message_id.as_deref().filter(|id| !id.is_empty())
}

fn stored(publish: &Publish) -> u64 {
    stored_bytes(&publish.subject, &publish.headers, publish.payload.len())
}

/// The bytes of a message in the file store: length 4, sequence 8, time 8, length of the subject 2, subject, length of
/// the header block 4 and the block (if there are headers), payload, hash 8.
pub fn stored_bytes(subject: &str, headers: &Headers, payload: usize) -> u64 {
    let block = match header_bytes(headers) {
        0 => 0,
        bytes => 4 + bytes,
    };
    22 + subject.len() as u64 + block + payload as u64 + 8
}

/// The bytes of the header block: a version line, `Name: value` lines, an empty line; 0 without headers.
fn header_bytes(headers: &Headers) -> u64 {
    let digits = |number: Option<u64>| number.map(|number| number.to_string().len());
    let own = [
        ("Nats-Msg-Id", headers.message_id.as_ref().map(String::len)),
        ("Nats-Expected-Last-Subject-Sequence", digits(headers.expected_last_subject_sequence)),
        ("Nats-Expected-Last-Sequence", digits(headers.expected_last_sequence)),
    ];
    let own = own.iter().filter_map(|(name, value)| value.map(|value| name.len() + value));
    let others = headers.others.iter().map(|(name, value)| name.len() + value.len());
    let lines: Vec<usize> = own.chain(others).map(|line| line + ": \r\n".len()).collect();
    if lines.is_empty() { 0 } else { ("NATS/1.0\r\n\r\n".len() + lines.iter().sum::<usize>()) as u64 }
}
