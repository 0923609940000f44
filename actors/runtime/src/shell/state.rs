//! What a group says about itself: its status, and its replies to questions.

use std::time::{Duration, Instant};

use tapedeck_kernel::AnyMachine;
use tapedeck_kernel::driver::Input;
use tapedeck_schemas::reason::Reason;
use tapedeck_schemas::subject;

use super::{Loop, ShellTask};
use crate::witness::CheckedStreams;

/// How long the leaders of the streams do not answer until the group is not ready. They are asked once a second.
const UNANSWERED_MAX: Duration = Duration::from_secs(3);
/// How long a group may be behind the end of its input until it is not ready.
const BEHIND_MAX: Duration = Duration::from_secs(10);

/// The streams as the last check found them, and since when the group has read its whole input.
pub(super) struct Stores {
    /// When a check was answered last.
    answered: Instant,
    full: Option<Reason>,
    /// The last sequence of the inbox.
    inbox_last: u64,
    /// When the end of the input was reached last.
    caught_up: Instant,
}

impl Stores {
    pub(super) fn new() -> Self {
        Self { answered: Instant::now(), full: None, inbox_last: 0, caught_up: Instant::now() }
    }

    pub(super) fn checked(&mut self, found: &CheckedStreams) {
        if found.is_answered {
            (self.answered, self.full) = (Instant::now(), found.full);
        }
        if let Input::Streams { answer: Some(answer), .. } = &found.input
            && let Some(inbox) = &answer.inbox
        {
            self.inbox_last = inbox.last;
        }
    }
}

impl<M: AnyMachine> Loop<'_, M> {
    /// Answers a request: to the owner, or about what is followed.
    pub(super) async fn answer(&mut self, question: async_nats::Message) {
        let Some(reply) = question.reply else { return };
        let answer = match self.task {
            ShellTask::Own if *question.payload == *subject::OWNER_QUESTION => {
                self.driver.epoch().to_string().into_bytes()
            }
            ShellTask::Own => return,
            ShellTask::Follow(answerer) => {
                let read = self.inbox.as_ref().map_or(0, |inbox| inbox.next_seq().saturating_sub(1) + inbox.behind());
                answerer(&self.driver, &question.payload, read.max(self.stores.inbox_last))
            }
        };
        if let Err(error) = self.group.bus.client().publish(reply, answer.into()).await {
            tracing::warn!(%error, "cannot reply to a question");
        }
    }

    /// Whether everything that the tape holds is read, with the inputs that it answers.
    fn has_read_tape(&self) -> bool {
        self.tape.is_caught_up() && !self.driver.lacks_input()
    }

    /// Sets the status and the metrics.
    pub(super) fn report(&mut self) {
        let lag = match self.task {
            ShellTask::Own => self.report_owner(),
            ShellTask::Follow(_) => self.report_follower(),
        };
        let status = &self.group.status;
        if self.driver.is_confirmed() {
            status.set_witnessed(self.driver.is_witnessed());
        }
        status.set_behind(lag);
        self.group.metrics.lag.set(i64::try_from(lag).unwrap_or(i64::MAX));
    }

    /// The reason that does not depend on the task.
    fn common_reason(&self) -> Option<Reason> {
        let driver = &self.driver;
        match () {
            () if !self.group.bus.is_connected() => Some(Reason::NatsUnreachable),
            () if self.stores.answered.elapsed() > UNANSWERED_MAX => Some(Reason::JetstreamUnavailable),
            () if driver.lacks_witness() => Some(Reason::NoWitness),
            () if !driver.is_confirmed() => Some(Reason::Checking),
            () => None,
        }
    }

    /// The state of a group that only follows: it is ready if it has read the tape, whatever waits in the inbox. The
    /// messages that it has not read.
    fn report_follower(&mut self) -> u64 {
        let has_read = self.has_read_tape();
        if has_read {
            self.stores.caught_up = Instant::now();
        }
        let (status, driver) = (&self.group.status, &self.driver);
        let tape_seq = if has_read { driver.tape_last() } else { status.tape_seq() };
        status.set_progress(tape_seq, driver.inbox_decided(), driver.own_last(), driver.now());
        let has_begun = status.is_recovered();
        let reason = self.common_reason().or_else(|| match has_read {
            true => None,
            false if !has_begun => Some(Reason::Recovering),
            false => (self.stores.caught_up.elapsed() > BEHIND_MAX).then_some(Reason::FallingBehind),
        });
        status.set_reason(reason);
        if has_read && reason.is_none() {
            status.set_recovered();
        }
        self.tape.behind()
    }

    /// The state of a group that appends, or is a standby. The messages of its input that it has not read.
    fn report_owner(&mut self) -> u64 {
        let (status, driver) = (&self.group.status, &self.driver);
        let (tape_seq, inbox_seq) = match driver.is_idle() {
            true => (driver.tape_last(), self.inbox_seq),
            false => (status.tape_seq(), status.inbox_seq()),
        };
        status.set_progress(tape_seq, inbox_seq, driver.own_last(), driver.now());
        let source = self.inbox.as_ref().unwrap_or(&self.tape);
        self.caught_up &= source.is_open();
        self.caught_up |= source.is_caught_up() && driver.is_idle();
        let has_read_all = source.is_caught_up() && self.has_read_tape();
        if source.is_caught_up() {
            self.stores.caught_up = Instant::now();
        }
        let Stores { full, caught_up, .. } = self.stores;
        let reason = self.common_reason().or_else(|| match driver.is_owner() {
            true if full.is_some() => full,
            true if driver.failures() > 0 => Some(Reason::AppendPending),
            true if !self.caught_up => Some(Reason::Recovering),
            true => (caught_up.elapsed() > BEHIND_MAX).then_some(Reason::FallingBehind),
            false if has_read_all => Some(Reason::Standby),
            false => Some(Reason::Recovering),
        });
        status.set_reason(reason);
        // A standby has recovered when it has read everything.
        if self.caught_up || reason == Some(Reason::Standby) {
            status.set_recovered();
        }
        source.behind()
    }
}
