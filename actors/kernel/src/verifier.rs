//! The verifier: re-executes a machine on every input, and compares its decisions with the recorded ones byte for byte.

use tapedeck_schemas::offset::{Offset, TapeTime};
use tapedeck_schemas::record::{Entry, Writer, encode_entry};

use crate::any::{AnyMachine, Decided, MachineInfo};
use crate::merge::{MergeJoin, UnknownCause};
use crate::tape::TapeRecord;

/// The first decision that differs from the recorded one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Difference {
    /// Re-execution decides on an input other than the tape has.
    #[error("input {cause}: {writer} decides {decided}, the tape has {recorded}")]
    Decision {
        /// Offset of the input.
        cause: Offset,
        /// Writer of the decision.
        writer: &'static str,
        /// The decisions of the re-execution, as text.
        decided: String,
        /// The decisions on the tape, as text.
        recorded: String,
    },
    /// A recorded decision has no input.
    #[error(transparent)]
    Cause(#[from] UnknownCause),
}

/// Verifies the decisions of one writer on a tape.
#[derive(Debug)]
pub struct Verifier<M: AnyMachine> {
    info: MachineInfo,
    merge: MergeJoin<M>,
    /// Number of inputs that were re-executed and compared.
    pub inputs: u64,
    /// Number of events that were compared.
    pub events: u64,
    /// Number of inputs that were followed, because another LOGIC decided them.
    pub followed: u64,
}

impl<M: AnyMachine> Verifier<M> {
    /// A verifier with a machine in its initial state.
    pub fn new(machine: M) -> Self {
        Self { info: machine.info(), merge: MergeJoin::new(machine), inputs: 0, events: 0, followed: 0 }
    }

    /// The writer, the LOGIC and the inputs of its machine.
    pub fn info(&self) -> MachineInfo {
        self.info
    }

    /// The offset of the last input compared.
    pub fn progress(&self) -> Offset {
        self.merge.progress
    }

    /// Whether an own event waits for an input, so that the inbox has to be read further.
    pub fn wants_input(&self) -> bool {
        self.merge.own_waiting() > 0
    }

    /// Verifies the next record of the tape, of any writer.
    pub fn record(&mut self, record: &TapeRecord) -> Result<(), Difference> {
        if record.header.writer == self.info.writer {
            self.merge.push_own(record.entries.clone());
            return self.join();
        }
        if self.info.reads_facts_of(record.header.writer) {
            self.merge.push_facts(record.clone());
        }
        Ok(())
    }

    /// Verifies the next message of the inbox.
    pub fn inbox(&mut self, seq: u64, subject: &str, stamp: u64, payload: &[u8]) -> Result<(), Difference> {
        self.merge.push_message(seq, subject, stamp, payload);
        self.join()
    }

    fn join(&mut self) -> Result<(), Difference> {
        let MachineInfo { writer, logic, .. } = self.info;
        let inputs = &mut self.inputs;
        let events = &mut self.events;
        let followed = &mut self.followed;
        self.merge.join(|machine, at, input, recorded, epoch| {
            if epoch.is_some_and(|epoch| epoch.logic != logic) {
                *followed += 1;
                return Ok(machine.follow(at, input, recorded));
            }
            let decided = machine.run(at, input);
            *inputs += 1;
            *events += decided.events.len() as u64;
            compare(writer, at, decided, recorded)
        })
    }
}

fn compare(writer: Writer, cause: Offset, decided: Decided, recorded: &[Entry]) -> Result<TapeTime, Difference> {
    let Decided { events, at, .. } = decided;
    let encode = |entries: &[Entry]| {
        let mut bytes = Vec::new();
        entries.iter().for_each(|entry| encode_entry(entry, &mut bytes));
        bytes
    };
    let decided: Vec<Entry> = (0..).zip(events).map(|(index, event)| Entry { cause, index, at, event }).collect();
    if encode(&decided) == encode(recorded) {
        return Ok(at);
    }
    let render = |entries: &[Entry]| match entries {
        [] => "nothing".to_string(),
        some => some.iter().map(|entry| format!("{:?}", entry.event)).collect::<Vec<_>>().join(" + "),
    };
    Err(Difference::Decision { cause, writer: writer.as_str(), decided: render(&decided), recorded: render(recorded) })
}
