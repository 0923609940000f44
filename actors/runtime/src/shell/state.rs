//! What a group says about itself: its status, and its replies to questions.

use tapedeck_kernel::Machine;
use tapedeck_schemas::reason::Reason;
use tapedeck_schemas::subject;

use super::Loop;

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
        let reason = match driver.is_owner() {
            _ if driver.lacks_witness() => Some(Reason::NoWitness),
            _ if !driver.is_confirmed() => Some(Reason::Checking),
            true if driver.failures() > 0 => Some(Reason::AppendPending),
            true => (!self.caught_up).then_some(Reason::Recovering),
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
        self.group.metrics.ready.set(reason.is_none().into());
        let behind = source.behind();
        status.set_behind(behind);
        self.group.metrics.lag.set(i64::try_from(behind).unwrap_or(i64::MAX));
    }
}
