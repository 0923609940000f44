//! Every machine, deciding again beside the tape.

use tapedeck_kernel::{Difference, Machine, Reads, TapeRecord, Verifier};
use tapedeck_schemas::event::TapeCreated;

use super::{Source, Verdict};
use crate::groups::machines;

/// One machine's verifier, whatever the machine.
trait AnyVerifier: Send {
    fn writer(&self) -> &'static str;
    fn reads(&self) -> Reads;
    fn record(&mut self, record: &TapeRecord) -> Result<(), Difference>;
    fn wants_input(&self) -> bool;
    fn inbox(&mut self, seq: u64, subject: &str, stamp: u64, payload: &[u8]) -> Result<(), Difference>;
    fn counts(&self) -> [u64; 3];
}

impl<M: Machine> AnyVerifier for Verifier<M> {
    fn writer(&self) -> &'static str {
        M::WRITER.as_str()
    }
    fn reads(&self) -> Reads {
        M::reads()
    }
    fn record(&mut self, record: &TapeRecord) -> Result<(), Difference> {
        Verifier::record(self, record)
    }
    fn wants_input(&self) -> bool {
        Verifier::wants_input(self)
    }
    fn inbox(&mut self, seq: u64, subject: &str, stamp: u64, payload: &[u8]) -> Result<(), Difference> {
        Verifier::inbox(self, seq, subject, stamp, payload)
    }
    fn counts(&self) -> [u64; 3] {
        [self.inputs, self.events, self.followed]
    }
}

struct Running {
    verifier: Box<dyn AnyVerifier>,
    /// Whether it has found a difference: what follows from a wrong state tells nothing.
    done: bool,
}

/// All of them.
pub(super) struct Verifiers {
    running: Vec<Running>,
}

impl Verifiers {
    /// Each machine in its first state.
    pub(super) fn new(tape: &TapeCreated) -> Self {
        let verifiers: Vec<Box<dyn AnyVerifier>> = vec![
            Box::new(Verifier::new(machines::ingest(tape))),
            Box::new(Verifier::new(machines::control(tape))),
            Box::new(Verifier::new(machines::signal(tape))),
            Box::new(Verifier::new(machines::risk(tape))),
            Box::new(Verifier::new(machines::execution(tape))),
            Box::new(Verifier::new(machines::paper(tape))),
            Box::new(Verifier::new(machines::portfolio(tape))),
        ];
        Self { running: verifiers.into_iter().map(|verifier| Running { verifier, done: false }).collect() }
    }

    /// Hands a record to every verifier.
    pub(super) async fn record(&mut self, record: &TapeRecord, source: &mut Source, verdict: &mut Verdict) {
        for one in self.running.iter_mut().filter(|one| !one.done) {
            if let Err(difference) = one.take(record, source).await {
                one.done = true;
                let (partition, writer) = (source.tape.partition, one.verifier.writer());
                verdict.find(format!("p{partition}:{} decision of {writer}: {difference}", record.seq));
            }
        }
    }

    /// Adds what was compared; a recorded decision whose input never came is a finding.
    pub(super) fn finish(&self, partition: u16, verdict: &mut Verdict) {
        for one in &self.running {
            if one.verifier.wants_input() && !one.done {
                verdict.find(format!("p{partition} decision of {}: its input is not there", one.verifier.writer()));
            }
            let sum = verdict.decisions.entry(one.verifier.writer()).or_default();
            for (sum, count) in sum.iter_mut().zip(one.verifier.counts()) {
                *sum += count;
            }
        }
    }
}

impl Running {
    async fn take(&mut self, record: &TapeRecord, source: &mut Source) -> Result<(), Difference> {
        self.verifier.record(record)?;
        let Reads::Inbox(inbox) = self.verifier.reads() else { return Ok(()) };
        while self.verifier.wants_input() {
            let Some(stored) = source.inbox(inbox).next().await else { return Ok(()) };
            self.verifier.inbox(stored.seq, &stored.subject, stored.stamp, &stored.payload)?;
        }
        Ok(())
    }
}
