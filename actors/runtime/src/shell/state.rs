//! What a group says about itself: its status, and its replies to questions.

use std::time::{Duration, Instant};

use tapedeck_kernel::Machine;
use tapedeck_schemas::reason::Reason;
use tapedeck_schemas::subject;

use super::Loop;
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
    /// When the end of the input was reached last.
    caught_up: Instant,
}

impl Stores {
    pub(super) fn new() -> Self {
        Self { answered: Instant::now(), full: None, caught_up: Instant::now() }
    }

    pub(super) fn checked(&mut self, found: &CheckedStreams) {
        if found.is_answered {
            (self.answered, self.full) = (Instant::now(), found.full);
        }
    }
}

impl<M: Machine> Loop<'_, M> {
    /// Answers a request to the owner.
    pub(super) async fn answer(&mut self, question: async_nats::Message) {
        let Some(reply) = question.reply else { return };
        let answer = match self.answerer {
            _ if *question.payload == *subject::OWNER_QUESTION => self.driver.epoch().to_string().into_bytes(),
            Some(answerer) => {
                let behind = self.inbox.as_ref().unwrap_or(&self.tape).behind();
                answerer(self.driver.machine(), &String::from_utf8_lossy(&question.payload), behind)
            }
            None => return,
        };
        if let Err(error) = self.group.bus.client().publish(reply, answer.into()).await {
            tracing::warn!(%error, "cannot reply to a question");
        }
    }

    /// Sets the status and the metrics.
    pub(super) fn report(&mut self) {
        let (status, driver) = (&self.group.status, &self.driver);
        let (tape_seq, inbox_seq) = match driver.is_idle() {
            true => (driver.tape_last(), self.inbox_seq),
            false => (status.tape_seq(), status.inbox_seq()),
        };
        status.set_progress(tape_seq, inbox_seq, driver.own_last(), driver.now());
        let source = self.inbox.as_ref().unwrap_or(&self.tape);
        self.caught_up &= source.is_open();
        self.caught_up |= source.is_caught_up() && driver.is_idle();
        let has_read_all = source.is_caught_up() && self.tape.is_caught_up() && !driver.lacks_input();
        if source.is_caught_up() {
            self.stores.caught_up = Instant::now();
        }
        let Stores { answered, full, caught_up } = self.stores;
        let reason = match driver.is_owner() {
            _ if !self.group.bus.is_connected() => Some(Reason::NatsUnreachable),
            _ if answered.elapsed() > UNANSWERED_MAX => Some(Reason::JetstreamUnavailable),
            _ if driver.lacks_witness() => Some(Reason::NoWitness),
            _ if !driver.is_confirmed() => Some(Reason::Checking),
            true if full.is_some() => full,
            true if driver.failures() > 0 => Some(Reason::AppendPending),
            true if !self.caught_up => Some(Reason::Recovering),
            true => (caught_up.elapsed() > BEHIND_MAX).then_some(Reason::FallingBehind),
            false if has_read_all => Some(Reason::Standby),
            false => Some(Reason::Recovering),
        };
        status.set_reason(reason);
        if driver.is_confirmed() {
            status.set_witnessed(driver.is_witnessed());
        }
        // A standby has recovered when it has read everything.
        if self.caught_up || reason == Some(Reason::Standby) {
            status.set_recovered();
        }
        let behind = source.behind();
        status.set_behind(behind);
        self.group.metrics.lag.set(i64::try_from(behind).unwrap_or(i64::MAX));
    }
}
