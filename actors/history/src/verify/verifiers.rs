//! The verifiers of one partition, one for each machine.

use tapedeck_kernel::{BoxedMachine, Difference, InboxMessage, Reads, TapeRecord, Verifier};
use tapedeck_runtime::BusError;
use tapedeck_runtime::tail::StoredMessage;
use tapedeck_schemas::event::TapeCreated;
use tapedeck_schemas::generation::Lineage;

use super::{Extent, Inboxes, Verdict};

/// The state of a machine is saved and restored after one in this number of records or messages that were compared.
const RESTORE_EVERY: u64 = 256;

struct RunningVerifier {
    verifier: Verifier<BoxedMachine>,
    /// The last message of the inbox read.
    read: u64,
    /// The record at which a difference was found: nothing can be concluded from the state of the machine after it.
    ended: Option<u64>,
}

/// The verifiers of one partition.
pub(super) struct Verifiers {
    partition: u16,
    lineage: Lineage,
    running: Vec<RunningVerifier>,
}

impl Verifiers {
    /// A verifier of each machine in its initial state.
    pub(super) fn new(tape: &TapeCreated) -> Self {
        let machines = tapedeck_groups::machines(tape).into_iter();
        let running = machines
            .map(|machine| RunningVerifier { verifier: Verifier::new(machine, RESTORE_EVERY), read: 0, ended: None })
            .collect();
        Self { partition: tape.partition, lineage: tape.lineage(), running }
    }

    /// Verifies the next record with every verifier, which reads the inbox as far as the record answers it.
    ///
    /// # Errors
    /// If NATS does not let the inbox be read.
    pub(super) async fn record(
        &mut self,
        record: &TapeRecord,
        inboxes: &mut Inboxes,
        verdict: &mut Verdict,
    ) -> Result<(), BusError> {
        for one in self.running.iter_mut().filter(|one| one.ended.is_none()) {
            if let Err(difference) = one.take(record, &self.lineage, inboxes).await? {
                one.ended = Some(record.seq);
                let writer = one.verifier.info().writer;
                let place = self.lineage.print_record(self.partition, record.seq);
                verdict.find(format!("{place} decision of {writer}: {difference}"));
            }
        }
        Ok(())
    }

    /// Adds the counts of each verifier, and to the extent what was not compared. A recorded decision whose input is
    /// not in the inbox is a finding.
    pub(super) fn finish(&self, extent: &mut Extent, verdict: &mut Verdict) {
        for RunningVerifier { verifier, ended, .. } in &self.running {
            let (partition, writer) = (self.partition, verifier.info().writer);
            if verifier.wants_input() && ended.is_none() {
                verdict.find(format!("p{partition} decision of {writer}: its input is not in the inbox"));
                extent.not_compared.push(format!("decisions of {writer} whose input is not in the inbox"));
            }
            if let Some(seq) = ended {
                extent.not_compared.push(format!("decisions of {writer} after its difference at record {seq}"));
            }
            if verifier.followed > 0 {
                let count = verifier.followed;
                extent.not_compared.push(format!("{count} input(s) of {writer} that another LOGIC decided"));
            }
            let sum = verdict.decisions.entry(writer.as_str()).or_default();
            for (sum, count) in sum.iter_mut().zip([verifier.inputs, verifier.events, verifier.followed]) {
                *sum += count;
            }
        }
    }
}

impl RunningVerifier {
    async fn take(
        &mut self,
        record: &TapeRecord,
        lineage: &Lineage,
        inboxes: &mut Inboxes,
    ) -> Result<Result<(), Difference>, BusError> {
        if let Err(difference) = self.verifier.record(record) {
            return Ok(Err(difference));
        }
        let Reads::Inbox(inbox) = self.verifier.info().reads else { return Ok(Ok(())) };
        while self.verifier.wants_input() {
            let (generation, messages) = inboxes.get(inbox);
            let writer = self.verifier.info().writer;
            let next = lineage.next_message(writer, *generation, self.read);
            if next > self.read + 1 {
                messages.skip_to(next);
            }
            let Some(StoredMessage { seq, subject, stamp, payload }) = messages.next().await? else { break };
            self.read = seq;
            let message = InboxMessage { generation: *generation, seq, subject: &subject, stamp, payload: &payload };
            if let Err(difference) = self.verifier.inbox(&message) {
                return Ok(Err(difference));
            }
        }
        Ok(Ok(()))
    }
}
