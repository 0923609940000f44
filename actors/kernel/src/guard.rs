//! What a driver knows of its streams, and compares with what their leaders say: at its start, after each interruption
//! of reading, and once a second. Until an interruption is checked, the driver appends nothing. Sans-IO.

use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::{InboxDigest, RecordHash};

use crate::checkpoint::CheckpointMismatch;

mod loss;

pub use loss::StreamLoss;

/// Time between two checks of the streams, ns.
pub const CHECK_INTERVAL: u64 = 1_000_000_000;
/// Time after which a check without an answer is repeated, ns.
pub const CHECK_AGAIN_AFTER: u64 = 200_000_000;
/// How long the driver waits for an answer of the witness before it continues without one, ns.
pub const WITNESS_WAIT: u64 = 5_000_000_000;
/// How long a stream does not exist until it counts as deleted, ns. A leader that was just elected may not know it.
pub const DELETED_AFTER: u64 = 5_000_000_000;

/// What the driver asks about its streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamsQuestion {
    /// Number of the question, to be returned with the answer.
    pub number: u64,
    /// Whether to ask the witness, before the streams.
    pub asks_witness: bool,
    /// Sequence of the message of the tape to return; 0 for none.
    pub tape: u64,
    /// Sequence of the message of the inbox to return; 0 for none.
    pub inbox: u64,
    /// Sequence of the next message to read of the tape, of which only the presence is asked.
    pub tape_next: u64,
    /// Sequence of the next message to read of the inbox, of which only the presence is asked.
    pub inbox_next: u64,
}

/// The answer to a [`StreamsQuestion`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamsAnswer {
    /// The answer of the witness, read before the streams.
    pub witness: WitnessAnswer,
    /// The tape, as its leader says; `None` if there is no such stream.
    pub tape: Option<StreamState>,
    /// The inbox of the machine; `None` if there is no such stream, or if the machine has no inbox.
    pub inbox: Option<StreamState>,
}

/// A stream, as its leader says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StreamState {
    /// Time at which the stream was created, ns since the Unix epoch: a stream that is created again has another.
    pub created: u64,
    /// The first sequence that the stream holds; one more than `last` if it was emptied, 0 if it never held a message.
    pub first: u64,
    /// The last sequence.
    pub last: u64,
    /// The number of messages that the stream holds.
    pub messages: u64,
    /// Subject and payload of the message that was asked for; `None` if the stream does not hold it.
    pub message: Option<(String, Vec<u8>)>,
    /// The time at which JetStream stored that message, ns since the Unix epoch; 0 without a message.
    pub stamp: u64,
    /// Whether the stream counts the next message to read, but does not hold it.
    pub lacks_next: bool,
    /// Whether the stream is sealed.
    pub is_sealed: bool,
}

/// The answer of the store downstream of the tape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WitnessAnswer {
    /// It was not asked.
    NotAsked,
    /// No process answered, or the database could not be read.
    Missing,
    /// The tape holds the records from which its rows were projected.
    Agrees,
    /// The tape does not hold them.
    Differs(CheckpointMismatch),
    /// Its rows are of another tape, or of another generation. Holds its name.
    OtherTape(String),
}

/// What the driver has read of its streams.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct KnownStreams {
    /// Sequence and hash of the last message of the tape; zeros before the first.
    pub(crate) tape: (u64, RecordHash),
    /// The time at which JetStream stored that message, unless only its acknowledgement was read. If messages were lost
    /// and the same one is stored again at the sequence, those before it may be others, but its stamp is later.
    pub(crate) tape_stamp: Option<u64>,
    /// The sequence of the next message of the tape.
    pub(crate) tape_next: u64,
    /// Whether the machine has an inbox.
    pub(crate) has_inbox: bool,
    /// The last message of the inbox, if any.
    pub(crate) inbox: Option<LastMessage>,
    /// The sequence of the first message of the inbox that is not known to be lost.
    pub(crate) inbox_first: u64,
    /// The sequence of the next message of the inbox.
    pub(crate) inbox_next: u64,
    /// The number of messages of the inbox that are known to be lost.
    pub(crate) inbox_lost: u64,
    /// The last cause recorded on the tape that is in the inbox.
    pub(crate) decided: Offset,
}

/// The last message read of an inbox.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LastMessage {
    pub(crate) seq: u64,
    /// The time at which JetStream stored it. If messages were lost and the same one is stored again at the sequence,
    /// those before it may be others, but its stamp is later.
    pub(crate) stamp: u64,
    /// The digest up to the message before.
    pub(crate) before: InboxDigest,
    /// The digest that includes the message.
    pub(crate) digest: InboxDigest,
}

/// The checks of a driver's streams.
#[derive(Debug)]
pub(crate) struct Guard {
    number: u64,
    /// What was known when the open question was asked.
    asked: Option<KnownStreams>,
    /// When the next question is due, if none is open.
    due: u64,
    /// Whether the streams were checked since the last interruption.
    is_confirmed: bool,
    /// Whether they ever were.
    has_begun: bool,
    /// Whether they were compared with what was read, since the last interruption.
    is_compared: bool,
    requires_witness: bool,
    /// Whether the witness has agreed since the last interruption.
    is_witnessed: bool,
    /// When the witness first did not answer, since the streams were last confirmed.
    missing_since: Option<u64>,
    /// When a stream was first found not to exist.
    deleted_since: Option<u64>,
    /// The times at which tape and inbox were created.
    created: (Option<u64>, Option<u64>),
}

impl Guard {
    pub(crate) fn new() -> Self {
        Self {
            number: 0,
            asked: None,
            due: 0,
            is_confirmed: false,
            has_begun: false,
            is_compared: false,
            requires_witness: false,
            is_witnessed: false,
            missing_since: None,
            deleted_since: None,
            created: (None, None),
        }
    }

    pub(crate) fn require_witness(&mut self) {
        self.requires_witness = true;
    }

    pub(crate) fn is_confirmed(&self) -> bool {
        self.is_confirmed
    }

    /// Whether to read on. What is read before the comparison may be of another history of the stream: it would replace
    /// what the next check compares, or fence an owner that should stop.
    pub(crate) fn may_read(&self) -> bool {
        self.has_begun && self.is_compared
    }

    pub(crate) fn is_witnessed(&self) -> bool {
        self.is_witnessed
    }

    /// Whether the driver waits for a witness that has not answered in [`WITNESS_WAIT`].
    pub(crate) fn lacks_witness(&self, now: u64) -> bool {
        self.requires_witness && !self.is_confirmed && self.has_waited(now)
    }

    fn has_waited(&self, now: u64) -> bool {
        self.missing_since.is_some_and(|since| now >= since.saturating_add(WITNESS_WAIT))
    }

    /// Reading was interrupted: what is in the streams now may be something else. An open question is dropped.
    pub(crate) fn interrupted(&mut self, now: u64) {
        (self.asked, self.due) = (None, now);
        if self.is_confirmed {
            self.missing_since = None; // interruptions in quick succession do not begin the wait again
        }
        (self.is_confirmed, self.is_compared, self.is_witnessed) = (false, false, false);
    }

    /// When the next question is due; `None` while one is open.
    pub(crate) fn due(&self) -> Option<u64> {
        self.asked.is_none().then_some(self.due)
    }

    /// Whether a question is due.
    pub(crate) fn is_due(&self, now: u64) -> bool {
        self.due().is_some_and(|due| due <= now)
    }

    /// The next question.
    pub(crate) fn ask(&mut self, known: KnownStreams) -> StreamsQuestion {
        self.asked = Some(known);
        self.number += 1;
        StreamsQuestion {
            number: self.number,
            asks_witness: !self.is_witnessed,
            tape: known.tape.0,
            inbox: known.inbox.map_or(0, |last| last.seq),
            tape_next: known.tape_next,
            inbox_next: known.inbox_next,
        }
    }

    /// Handles the answer to a question, `None` if the streams could not be read.
    pub(crate) fn answered(&mut self, number: u64, answer: Option<&StreamsAnswer>, now: u64) -> Result<(), StreamLoss> {
        if number != self.number {
            return Ok(());
        }
        let Some(known) = self.asked.take() else { return Ok(()) };
        self.due = now.saturating_add(CHECK_AGAIN_AFTER);
        let Some(answer) = answer else { return Ok(()) };
        let Some(tape) = self.existing_tape(known, answer, now)? else { return Ok(()) };
        self.compare(known, answer, tape)?;
        self.is_compared = true;
        if known.has_inbox && answer.inbox.is_none() {
            self.has_begun = true; // the tape says whether there was one
            return Ok(());
        }
        match answer.witness {
            WitnessAnswer::Missing => _ = self.missing_since.get_or_insert(now),
            WitnessAnswer::Agrees => (self.is_witnessed, self.missing_since) = (true, None),
            WitnessAnswer::NotAsked | WitnessAnswer::Differs(_) | WitnessAnswer::OtherTape(_) => {}
        }
        if self.is_witnessed || (self.has_waited(now) && !self.requires_witness) {
            (self.is_confirmed, self.has_begun) = (true, true);
        }
        if self.is_confirmed {
            self.due = now.saturating_add(CHECK_INTERVAL);
        }
        Ok(())
    }

    /// The state of the tape, if it exists. A stream counts as deleted after a while; an inbox only if it was known, or
    /// the tape names a message of it: else it may not have been created yet.
    fn existing_tape<'a>(
        &mut self,
        known: KnownStreams,
        answer: &'a StreamsAnswer,
        now: u64,
    ) -> Result<Option<&'a StreamState>, StreamLoss> {
        let lacks_inbox = known.has_inbox && answer.inbox.is_none();
        if let (Some(tape), false) = (&answer.tape, lacks_inbox) {
            self.deleted_since = None;
            return Ok(Some(tape));
        }
        self.is_confirmed = false;
        let since = *self.deleted_since.get_or_insert(now);
        let is_deleted = now >= since.saturating_add(DELETED_AFTER);
        let had_inbox = self.created.1.is_some() || known.decided.seq > 0;
        match &answer.tape {
            None if is_deleted => Err(StreamLoss::TapeDeleted),
            Some(_) if is_deleted && had_inbox => Err(StreamLoss::InboxDeleted),
            tape => Ok(tape.as_ref()),
        }
    }

    fn compare(&mut self, known: KnownStreams, answer: &StreamsAnswer, tape: &StreamState) -> Result<(), StreamLoss> {
        let StreamsAnswer { witness, inbox, .. } = answer;
        if tape.is_sealed {
            return Err(StreamLoss::TapeSealed);
        }
        let created = tape.created;
        let known_tape = *self.created.0.get_or_insert(created);
        if created != known_tape {
            return Err(StreamLoss::TapeReplaced { known: known_tape, created });
        }
        match witness {
            WitnessAnswer::OtherTape(name) => return Err(StreamLoss::OtherTape(name.clone())),
            WitnessAnswer::Differs(mismatch) => return Err(StreamLoss::Projected(mismatch.clone())),
            WitnessAnswer::NotAsked | WitnessAnswer::Missing | WitnessAnswer::Agrees => {}
        }
        let (seq, hash) = known.tape;
        if tape.last < seq {
            return Err(StreamLoss::TapeShort { known: seq, last: tape.last });
        }
        if tape.first > 1 {
            return Err(StreamLoss::TapeMissing { first: tape.first });
        }
        let is_as_read = tape.message.as_ref().is_some_and(|(_, payload)| {
            RecordHash::of(payload) == hash && known.tape_stamp.is_none_or(|stamp| tape.stamp == stamp)
        });
        if seq > 0 && !is_as_read {
            return Err(StreamLoss::TapeChanged { seq });
        }
        if tape.messages < tape.last {
            return Err(StreamLoss::TapeHoles { messages: tape.messages, last: tape.last });
        }
        if tape.lacks_next {
            return Err(StreamLoss::TapeLacks { next: known.tape_next, last: tape.last });
        }
        let Some(inbox) = inbox else { return Ok(()) };
        let created = inbox.created;
        let known_inbox = *self.created.1.get_or_insert(created);
        if created != known_inbox {
            return Err(StreamLoss::InboxReplaced { known: known_inbox, created });
        }
        let read = known.inbox.map_or(0, |last| last.seq);
        if inbox.last < read.max(known.decided.seq) {
            return Err(StreamLoss::InboxShort { known: read.max(known.decided.seq), last: inbox.last });
        }
        if inbox.first > known.inbox_first {
            return Err(StreamLoss::InboxMissing { known: known.inbox_first, first: inbox.first });
        }
        let is_as_read = |last: LastMessage| match &inbox.message {
            Some((subject, payload)) => {
                inbox.stamp == last.stamp && last.before.after(last.seq, subject, payload) == last.digest
            }
            None => false,
        };
        match known.inbox {
            Some(last) if !is_as_read(last) => Err(StreamLoss::InboxChanged { seq: last.seq }),
            Some(_) | None if inbox.messages.saturating_add(known.inbox_lost) < inbox.last => {
                let &StreamState { messages, last, .. } = inbox;
                Err(StreamLoss::InboxHoles { messages, last, lost: known.inbox_lost })
            }
            Some(_) | None if inbox.lacks_next => {
                Err(StreamLoss::InboxLacks { next: known.inbox_next, last: inbox.last })
            }
            Some(_) | None => Ok(()),
        }
    }
}
