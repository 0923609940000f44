//! What the shell and the driver say to each other: nothing else passes between them.

use std::sync::Arc;

use tapedeck_schemas::record::Writer;

use crate::merge::UnknownCause;
use crate::tape::TapeFault;

/// What the shell tells the driver.
#[derive(Debug)]
pub enum Input<'a> {
    /// The next message of the tape, of whatever subject.
    Tape {
        /// Stream sequence.
        seq: u64,
        /// Whose subject it came on, if anybody's.
        writer: Option<Writer>,
        /// Its bytes.
        payload: &'a [u8],
    },
    /// The next message of the inbox.
    Inbox {
        /// Stream sequence.
        seq: u64,
        /// Its subject.
        subject: &'a str,
        /// When the broker stored it, ns.
        stamp: u64,
        /// Its bytes.
        payload: &'a [u8],
    },
    /// What became of an append, as far as the broker's answer tells.
    Answer {
        /// Which attempt; a late answer to an old one judges nothing.
        attempt: u64,
        /// The answer.
        answer: Answer,
    },
    /// Answer with `Progress` what was judged in silence, so that a standby knows the owner to be there.
    Heartbeat,
    /// Finish what was pulled, then stop.
    Drain,
}

/// The broker's answer to an append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Stored at this sequence.
    Committed(u64),
    /// "Wrong last sequence"; a leader's read then showed this as the subject's last sequence, if it could be made.
    WrongLast(Option<u64>),
    /// Timeout, disconnect, no responders, 10164: nobody knows.
    Unknown,
    /// Full, sealed or really gone: the broker's fault, said in its words.
    Refused(String),
}

/// What the driver tells the shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Append these bytes to the writer's subject, expecting its last sequence to be `expected`.
    Append {
        /// Number of the attempt, to be given back with the answer.
        attempt: u64,
        /// How many attempts at this record failed before: back off accordingly.
        failures: u32,
        /// The fence.
        expected: u64,
        /// The record.
        payload: Arc<[u8]>,
    },
    /// A record is on the tape for certain.
    Committed {
        /// Where.
        seq: u64,
        /// How many events it holds.
        events: usize,
    },
    /// A message was skipped: somebody must look.
    InvalidRecord {
        /// Where.
        seq: u64,
        /// What is wrong with it.
        why: String,
    },
    /// Nothing more will be appended; drop the driver.
    Stopped(Stop),
}

/// What stands on the own subject where another append was to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FencedBy {
    /// A record of the own epoch or a newer one: there is another owner.
    Owner,
    /// A record of an older epoch.
    Former,
    /// What is void owns nothing.
    InvalidRecord,
}

impl FencedBy {
    /// Whether to claim the subject again, instead of following as a standby. The last append of a process that died
    /// may land late, but only one was on its way: whoever is met a second time is alive. `met` remembers the first.
    pub fn is_to_be_challenged(self, met: &mut bool) -> bool {
        match self {
            FencedBy::Owner => false,
            FencedBy::Former => !std::mem::replace(met, true),
            FencedBy::InvalidRecord => true,
        }
    }
}

impl std::fmt::Display for FencedBy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            FencedBy::Owner => "another owner",
            FencedBy::Former => "a former owner",
            FencedBy::InvalidRecord => "an invalid record",
        })
    }
}

/// Why a driver stopped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// Something else stands on the own subject.
    #[error("fenced by {by} at sequence {seq}")]
    Fenced {
        /// Where.
        seq: u64,
        /// What it is.
        by: FencedBy,
    },
    /// Drained as asked: everything pulled is answered on the tape.
    #[error("drained")]
    Drained,
    /// Reading cannot go on.
    #[error(transparent)]
    Tape(#[from] TapeFault),
    /// An inbox sequence is missing, or came again.
    #[error("inbox sequence {expected} should follow, but {got} came")]
    Inbox {
        /// The sequence that should have come.
        expected: u64,
        /// The one that came.
        got: u64,
    },
    /// Own events and inputs do not fit.
    #[error(transparent)]
    Cause(#[from] UnknownCause),
    /// The tape ends before what is known to be on it.
    #[error("the tape went backwards: own sequence {known} was on it, the last is {last}")]
    WentBackwards {
        /// What was acknowledged or read.
        known: u64,
        /// What the leader says.
        last: u64,
    },
    /// A newer logic owns this writer.
    #[error("logic {theirs} decided here; this build's {ours} is older and will not take over")]
    OlderLogic {
        /// This build's.
        ours: u32,
        /// The tape's.
        theirs: u32,
    },
}

/// Who runs the driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// A random nonce of the process.
    pub nonce: u64,
    /// Version and commit.
    pub build: String,
}
