//! When an owner shows that it is alive, and when a standby takes over. Sans-IO.
//!
//! A standby asks the owner on `ask.<p>.g<g>.<writer>`. Two misses in a row (no process listens, or no reply in time)
//! make it take over. A live owner that only lost its connection can be missed as well, which is safe: the fence
//! decides who appends. So the rules here are about delay, never about correctness.
//!
//! All times are ns of a monotonic clock of the process, with any origin.

/// An owner with unanswered inputs appends `Progress` when its last record is older than this, ns.
pub const HEARTBEAT_INTERVAL: u64 = 5_000_000_000;
/// Time between the reply to a question and the next question, ns.
pub const ASK_INTERVAL: u64 = 250_000_000;
/// Time between a miss and the next question, ns.
pub const ASK_AGAIN_AFTER: u64 = 50_000_000;
/// Time after which a question counts as missed, ns. The shell waits that long for the reply.
pub const ANSWER_TIMEOUT: u64 = 500_000_000;
/// Misses in a row after which a standby takes over. One may be a reconnecting owner.
const MISSES_MAX: u32 = 2;

use crate::protocol::Output;

/// The result of a question to the owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnerAnswer {
    /// The owner replied.
    Alive,
    /// The owner replied that it stopped because a store lost data: no process may take over.
    Stopped,
    /// No process listens.
    NoResponders,
    /// No reply in [`ANSWER_TIMEOUT`].
    TimedOut,
    /// The question was not sent.
    Unsent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    /// Nothing until this time.
    Waiting(u64),
    /// The question with the current number is open.
    Asking,
    /// The last sequence of the own subject is being read, or has been.
    ReadingLast {
        /// Whether the request was sent before an interruption, so that the subject may end elsewhere now.
        is_outdated: bool,
    },
}

/// The clock of a driver, and what its standby is doing.
#[derive(Debug)]
pub(crate) struct Liveness {
    pub(crate) now: u64,
    /// When the last own record was committed.
    own_record_at: u64,
    doing: Doing,
    questions: u64,
    misses: u32,
    /// Whether to take over from a live owner, too.
    claims: bool,
    /// Whether the owner was asked since the claim.
    has_asked: bool,
}

impl Liveness {
    pub(crate) fn new() -> Self {
        Self {
            now: 0,
            own_record_at: 0,
            doing: Doing::Waiting(0),
            questions: 0,
            misses: 0,
            claims: false,
            has_asked: false,
        }
    }

    pub(crate) fn advance(&mut self, now: u64) {
        self.now = self.now.max(now);
    }

    pub(crate) fn own_record(&mut self) {
        self.own_record_at = self.now;
    }

    /// When the owner is due to answer its unanswered inputs.
    pub(crate) fn heartbeat_at(&self) -> u64 {
        self.own_record_at.saturating_add(HEARTBEAT_INTERVAL)
    }

    /// When a standby has its next step; `None` while it waits for an answer.
    pub(crate) fn step_at(&self) -> Option<u64> {
        match self.doing {
            Doing::Waiting(until) => Some(until),
            Doing::Asking | Doing::ReadingLast { .. } => None,
        }
    }

    /// Makes the standby take over from a live owner, too, unless that one has stopped for a loss.
    pub(crate) fn claim(&mut self) {
        (self.claims, self.has_asked) = (true, false);
        self.doing = Doing::Waiting(self.now);
    }

    /// The step that is due.
    pub(crate) fn step(&mut self) -> Option<Output> {
        self.step_at().filter(|at| *at <= self.now)?;
        if (self.claims && self.has_asked) || self.misses >= MISSES_MAX {
            self.doing = Doing::ReadingLast { is_outdated: false };
            return Some(Output::ReadOwnLast);
        }
        self.doing = Doing::Asking;
        self.questions += 1;
        Some(Output::AskOwner { question: self.questions })
    }

    /// The answer to a question; one to an earlier question has no effect.
    pub(crate) fn answered(&mut self, question: u64, answer: OwnerAnswer) {
        if (self.doing, question) != (Doing::Asking, self.questions) {
            return;
        }
        let (misses, next) = match answer {
            OwnerAnswer::Alive => (0, ASK_INTERVAL),
            OwnerAnswer::Stopped => {
                self.claims = false;
                (0, ASK_INTERVAL)
            }
            OwnerAnswer::NoResponders | OwnerAnswer::TimedOut => (self.misses + 1, ASK_AGAIN_AFTER),
            OwnerAnswer::Unsent => (self.misses, ASK_INTERVAL),
        };
        self.has_asked = answer != OwnerAnswer::Unsent;
        let next = if (self.claims && self.has_asked) || misses >= MISSES_MAX { 0 } else { next };
        (self.misses, self.doing) = (misses, Doing::Waiting(self.now.saturating_add(next)));
    }

    /// The last sequence could not be read. A standby that asked begins again: the owner may be back.
    pub(crate) fn last_unknown(&mut self) {
        if matches!(self.doing, Doing::ReadingLast { .. }) {
            self.misses = 0;
            self.doing = Doing::Waiting(self.now.saturating_add(ASK_INTERVAL));
        }
    }

    /// Whether the answer to the request for the last sequence is from before an interruption.
    pub(crate) fn is_last_outdated(&self) -> bool {
        self.doing == Doing::ReadingLast { is_outdated: true }
    }

    /// Reading was interrupted. `was_known`: the last sequence had been read.
    pub(crate) fn interrupted(&mut self, was_known: bool) {
        self.has_asked = false;
        match &mut self.doing {
            Doing::ReadingLast { .. } if was_known => self.last_unknown(),
            Doing::ReadingLast { is_outdated } => *is_outdated = true,
            Doing::Waiting(_) | Doing::Asking => {}
        }
    }
}
