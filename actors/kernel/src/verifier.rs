//! Verification: decides everything again and compares with what is recorded, event by event, byte for byte.

use tapedeck_schemas::offset::{Offset, TapeTime};
use tapedeck_schemas::record::{Entry, Writer, encode_entry};

use crate::any::{About, AnyMachine, Decided};
use crate::merge::{MergeJoin, UnknownCause};
use crate::tape::TapeRecord;

/// The first decision that does not come out as recorded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Difference {
    /// Decided anew, an input gives other events than the tape holds.
    #[error("input {cause}: {writer} decides {decided}, the tape has {recorded}")]
    Decision {
        /// Offset of the input.
        cause: Offset,
        /// Whose decision.
        writer: &'static str,
        /// What it decides now.
        decided: String,
        /// What is recorded.
        recorded: String,
    },
    /// An event answers no input.
    #[error(transparent)]
    Cause(#[from] UnknownCause),
}

/// Judges one writer's part of a tape again.
#[derive(Debug)]
pub struct Verifier<M: AnyMachine> {
    about: About,
    merge: MergeJoin<M>,
    /// Inputs that were decided again and compared.
    pub inputs: u64,
    /// Events that were compared byte for byte.
    pub events: u64,
    /// Inputs that were only followed: another logic decided them.
    pub followed: u64,
}

impl<M: AnyMachine> Verifier<M> {
    /// Around a machine in its first state.
    pub fn new(machine: M) -> Self {
        Self { about: machine.about(), merge: MergeJoin::new(machine), inputs: 0, events: 0, followed: 0 }
    }

    /// The writer, the LOGIC and the inputs of its machine.
    pub fn about(&self) -> About {
        self.about
    }

    /// The offset of the last input compared.
    pub fn progress(&self) -> Offset {
        self.merge.progress
    }

    /// Whether an own event waits for an input: the inbox must be read on.
    pub fn wants_input(&self) -> bool {
        self.merge.own_waiting() > 0
    }

    /// Takes the next record of the tape, of any writer.
    pub fn record(&mut self, record: &TapeRecord) -> Result<(), Difference> {
        if record.header.writer == self.about.writer {
            self.merge.push_own(record.entries.clone());
            return self.join();
        }
        if self.about.reads_facts_of(record.header.writer) {
            self.merge.push_facts(record.clone());
        }
        Ok(())
    }

    /// Takes the next message of the inbox.
    pub fn inbox(&mut self, seq: u64, subject: &str, stamp: u64, payload: &[u8]) -> Result<(), Difference> {
        self.merge.push_message(seq, subject, stamp, payload);
        self.join()
    }

    fn join(&mut self) -> Result<(), Difference> {
        let About { writer, logic, .. } = self.about;
        let (inputs, events, followed) = (&mut self.inputs, &mut self.events, &mut self.followed);
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
    let show = |entries: &[Entry]| match entries {
        [] => "nothing".to_string(),
        some => some.iter().map(|entry| format!("{:?}", entry.event)).collect::<Vec<_>>().join(" + "),
    };
    Err(Difference::Decision { cause, writer: writer.as_str(), decided: show(&decided), recorded: show(recorded) })
}
