//! Every machine, deciding again beside the tape.

use tapedeck_kernel::{Difference, Machine, Reads, Verifier, TapeRecord};
use tapedeck_schemas::event::TapeCreated;

use super::{Source, Verdict};
use crate::groups::machines;

/// One machine's judge, whatever the machine.
trait Judge: Send {
    fn writer(&self) -> &'static str;
    fn reads(&self) -> Reads;
    fn record(&mut self, record: &TapeRecord) -> Result<(), Difference>;
    fn wants_input(&self) -> bool;
    fn inbox(&mut self, seq: u64, subject: &str, stamp: u64, payload: &[u8]) -> Result<(), Difference>;
    fn counts(&self) -> [u64; 3];
}

impl<M: Machine> Judge for Verifier<M> {
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

struct Bench {
    judge: Box<dyn Judge>,
    /// Whether it has found a difference: what follows from a wrong state tells nothing.
    done: bool,
}

/// All of them.
pub(super) struct Judges {
    benches: Vec<Bench>,
}

impl Judges {
    /// Each machine in its first state.
    pub(super) fn new(tape: &TapeCreated) -> Self {
        let judges: Vec<Box<dyn Judge>> = vec![
            Box::new(Verifier::new(machines::ingest(tape))),
            Box::new(Verifier::new(machines::control(tape))),
            Box::new(Verifier::new(machines::signal(tape))),
            Box::new(Verifier::new(machines::risk(tape))),
            Box::new(Verifier::new(machines::execution(tape))),
            Box::new(Verifier::new(machines::paper(tape))),
            Box::new(Verifier::new(machines::portfolio(tape))),
        ];
        Self { benches: judges.into_iter().map(|judge| Bench { judge, done: false }).collect() }
    }

    /// Hands a record to every judge.
    pub(super) async fn record(&mut self, record: &TapeRecord, source: &mut Source, verdict: &mut Verdict) {
        for bench in self.benches.iter_mut().filter(|bench| !bench.done) {
            if let Err(difference) = bench.take(record, source).await {
                bench.done = true;
                let (partition, writer) = (source.tape.partition, bench.judge.writer());
                verdict.find(format!("p{partition}:{} decision of {writer}: {difference}", record.seq));
            }
        }
    }

    /// Adds what was compared; a recorded decision whose input never came is a finding.
    pub(super) fn finish(&self, partition: u16, verdict: &mut Verdict) {
        for bench in &self.benches {
            if bench.judge.wants_input() && !bench.done {
                verdict.find(format!("p{partition} decision of {}: its input is not there", bench.judge.writer()));
            }
            let sum = verdict.decisions.entry(bench.judge.writer()).or_default();
            for (sum, count) in sum.iter_mut().zip(bench.judge.counts()) {
                *sum += count;
            }
        }
    }
}

impl Bench {
    async fn take(&mut self, record: &TapeRecord, source: &mut Source) -> Result<(), Difference> {
        self.judge.record(record)?;
        let Reads::Inbox(inbox) = self.judge.reads() else { return Ok(()) };
        while self.judge.wants_input() {
            let Some(stored) = source.inbox(inbox).next().await else { return Ok(()) };
            self.judge.inbox(stored.seq, &stored.subject, stored.stamp, &stored.payload)?;
        }
        Ok(())
    }
}
