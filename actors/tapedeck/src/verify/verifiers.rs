//! Every machine, deciding again beside the tape.

use tapedeck_kernel::{BoxedMachine, Difference, Reads, TapeRecord, Verifier};
use tapedeck_schemas::event::TapeCreated;

use super::{Source, Verdict};

struct Running {
    verifier: Verifier<BoxedMachine>,
    /// Whether it has found a difference: what follows from a wrong state tells nothing.
    done: bool,
}

/// A verifier for each machine.
pub(super) struct Verifiers {
    running: Vec<Running>,
}

impl Verifiers {
    /// Each machine in its first state.
    pub(super) fn new(tape: &TapeCreated) -> Self {
        let machines = tapedeck_groups::machines(tape).into_iter();
        Self { running: machines.map(|machine| Running { verifier: Verifier::new(machine), done: false }).collect() }
    }

    /// Hands a record to every verifier.
    pub(super) async fn record(&mut self, record: &TapeRecord, source: &mut Source, verdict: &mut Verdict) {
        for one in self.running.iter_mut().filter(|one| !one.done) {
            if let Err(difference) = one.take(record, source).await {
                one.done = true;
                let (partition, writer) = (source.tape.partition, one.verifier.about().writer);
                verdict.find(format!("p{partition}:{} decision of {writer}: {difference}", record.seq));
            }
        }
    }

    /// Adds what was compared; a recorded decision whose input never came is a finding.
    pub(super) fn finish(&self, partition: u16, verdict: &mut Verdict) {
        for Running { verifier, done } in &self.running {
            let writer = verifier.about().writer;
            if verifier.wants_input() && !done {
                verdict.find(format!("p{partition} decision of {writer}: its input is not there"));
            }
            let sum = verdict.decisions.entry(writer.as_str()).or_default();
            for (sum, count) in sum.iter_mut().zip([verifier.inputs, verifier.events, verifier.followed]) {
                *sum += count;
            }
        }
    }
}

impl Running {
    async fn take(&mut self, record: &TapeRecord, source: &mut Source) -> Result<(), Difference> {
        self.verifier.record(record)?;
        let Reads::Inbox(inbox) = self.verifier.about().reads else { return Ok(()) };
        while self.verifier.wants_input() {
            let Some(stored) = source.inbox(inbox).next().await else { return Ok(()) };
            self.verifier.inbox(stored.seq, &stored.subject, stored.stamp, &stored.payload)?;
        }
        Ok(())
    }
}
