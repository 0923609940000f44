//! The verifiers of one partition, one for each machine.

use tapedeck_kernel::{BoxedMachine, Difference, InboxMessage, Reads, TapeRecord, Verifier};
use tapedeck_runtime::tail::StoredMessage;
use tapedeck_schemas::event::TapeCreated;
use tapedeck_schemas::generation::Lineage;

use super::{Inboxes, Verdict};

/// The state of a machine is saved and restored after one in this number of records or messages that were compared.
const RESTORE_EVERY: u64 = 256;

struct RunningVerifier {
    verifier: Verifier<BoxedMachine>,
    /// The last message of the inbox read.
    read: u64,
    /// Whether a difference was found: nothing can be concluded from the state of the machine after it.
    done: bool,
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
            .map(|machine| RunningVerifier { verifier: Verifier::new(machine, RESTORE_EVERY), read: 0, done: false })
            .collect();
        Self { partition: tape.partition, lineage: tape.lineage(), running }
    }

    /// Verifies the next record with every verifier, which reads the inbox as far as the record answers it.
    pub(super) async fn record(&mut self, record: &TapeRecord, inboxes: &mut Inboxes, verdict: &mut Verdict) {
        for one in self.running.iter_mut().filter(|one| !one.done) {
            if let Err(difference) = one.take(record, &self.lineage, inboxes).await {
                one.done = true;
                let writer = one.verifier.info().writer;
                let place = self.lineage.print_record(self.partition, record.seq);
                verdict.find(format!("{place} decision of {writer}: {difference}"));
            }
        }
    }

    /// Adds the counts of each verifier. A recorded decision whose input is not in the inbox is a finding.
    pub(super) fn finish(&self, verdict: &mut Verdict) {
        for RunningVerifier { verifier, done, .. } in &self.running {
            let (partition, writer) = (self.partition, verifier.info().writer);
            if verifier.wants_input() && !done {
                verdict.find(format!("p{partition} decision of {writer}: its input is not in the inbox"));
            }
            let sum = verdict.decisions.entry(writer.as_str()).or_default();
            for (sum, count) in sum.iter_mut().zip([verifier.inputs, verifier.events, verifier.followed]) {
                *sum += count;
            }
        }
    }
}

impl RunningVerifier {
    async fn take(&mut self, record: &TapeRecord, lineage: &Lineage, inboxes: &mut Inboxes) -> Result<(), Difference> {
        self.verifier.record(record)?;
        let Reads::Inbox(inbox) = self.verifier.info().reads else { return Ok(()) };
        while self.verifier.wants_input() {
            let (generation, messages) = inboxes.get(inbox);
            let writer = self.verifier.info().writer;
            let next = lineage.next_message(writer, *generation, self.read);
            if next > self.read + 1 {
                messages.skip_to(next);
            }
            let Some(StoredMessage { seq, subject, stamp, payload }) = messages.next().await else { return Ok(()) };
            self.read = seq;
            let message = InboxMessage { generation: *generation, seq, subject: &subject, stamp, payload: &payload };
            self.verifier.inbox(&message)?;
        }
        Ok(())
    }
}
