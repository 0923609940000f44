//! The verifier: re-executes a machine on every input, and compares its decisions with the recorded ones byte for byte.

use tapedeck_schemas::offset::{Offset, TapeTime};
use tapedeck_schemas::record::{Entry, Writer};

use crate::any::{AnyMachine, Decided, MachineInfo};
use crate::inbox::{InboxMessage, InboxMismatch};
use crate::merge::{Clock, MergeJoin, UnknownCause};
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
    /// The inbox does not hold the messages that were decided on.
    #[error(transparent)]
    Inbox(#[from] InboxMismatch),
    /// A decision on an input of an inbox has a tape time that the tape had not reached, or a lower one than the
    /// decision before it.
    #[error("input {cause}: {writer} records the tape time {at}, but it was {least} to {most} then")]
    Time {
        /// Offset of the input.
        cause: Offset,
        /// Writer of the decision.
        writer: &'static str,
        /// The recorded tape time, ns.
        at: TapeTime,
        /// Tape time of the decision before it, ns.
        least: TapeTime,
        /// Greatest tape time on the tape before the record, ns.
        most: TapeTime,
    },
    /// The machine's state does not survive being saved and restored. The fault is in the program, not in the tape.
    #[error("after input {cause}: the state of {writer} is not restored as it was saved: {what}")]
    State {
        /// Offset of the last input handled.
        cause: Offset,
        /// Writer of the machine.
        writer: &'static str,
        /// The difference.
        what: String,
    },
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
    /// The state is saved and restored after one in this number of records or messages that were compared.
    restore_every: u64,
    /// Least and greatest tape time that the next own decision can have, for a machine that reads an inbox.
    times: (TapeTime, TapeTime),
}

impl<M: AnyMachine> Verifier<M> {
    /// A verifier with a machine in its initial state. After about one in `restore_every` records or messages that were
    /// compared it continues from the saved state: a part of the state that is not saved then shows as a difference.
    pub fn new(machine: M, restore_every: u64) -> Self {
        let (info, merge) = (machine.info(), MergeJoin::new(machine));
        Self { info, merge, inputs: 0, events: 0, followed: 0, restore_every: restore_every.max(1), times: (0, 0) }
    }

    /// The writer, the LOGIC and the inputs of its machine.
    pub fn info(&self) -> MachineInfo {
        self.info
    }

    /// The offset of the last input compared.
    pub fn progress(&self) -> Offset {
        self.merge.cursor.progress
    }

    /// Whether an own event waits for an input, so that the inbox has to be read further.
    pub fn wants_input(&self) -> bool {
        self.merge.own_waiting() > 0
    }

    /// Verifies the next record of the tape, of any writer.
    pub fn record(&mut self, record: &TapeRecord) -> Result<(), Difference> {
        if record.header.writer == self.info.writer {
            self.check_times(&record.entries)?;
            self.merge.push_own(record.header.inbox, record.entries.clone());
            return self.join();
        }
        self.times.1 = self.times.1.max(record.tape_time());
        if self.info.reads_facts_of(record.header.writer) {
            self.merge.push_facts(record.clone());
        }
        Ok(())
    }

    /// Verifies the next message of the inbox.
    pub fn inbox(&mut self, message: &InboxMessage<'_>) -> Result<(), Difference> {
        self.merge.push_message(message);
        self.join()
    }

    /// The tape time of decisions on an inbox beside the tape is not re-executed, but bounded.
    fn check_times(&mut self, own: &[Entry]) -> Result<(), Difference> {
        if self.merge.clock() != Clock::Tape {
            return Ok(());
        }
        for &Entry { cause, at, .. } in own {
            let (least, most) = self.times;
            if !(least..=most).contains(&at) {
                return Err(Difference::Time { cause, writer: self.info.writer.as_str(), at, least, most });
            }
            self.times.0 = at;
        }
        Ok(())
    }

    fn join(&mut self) -> Result<(), Difference> {
        let MachineInfo { writer, logic, .. } = self.info;
        let inputs = &mut self.inputs;
        let events = &mut self.events;
        let followed = &mut self.followed;
        let before = self.merge.cursor.input;
        self.merge.join(|machine, cause, input, recorded, epoch| {
            if epoch.is_some_and(|epoch| epoch.logic != logic) {
                *followed += 1;
                machine.follow(cause, input, recorded);
            } else {
                let decided = machine.run(cause, input);
                *inputs += 1;
                *events += decided.events.len() as u64;
                compare(writer, cause.offset, decided, recorded)?;
            }
            Ok::<_, Difference>(())
        })?;
        let cause = self.merge.cursor.input;
        if cause != before && scattered(cause).is_multiple_of(self.restore_every) {
            let writer = writer.as_str();
            self.save_and_restore().map_err(|what| Difference::State { cause, writer, what })?;
        }
        Ok(())
    }

    fn save_and_restore(&mut self) -> Result<(), String> {
        let saved = self.merge.save();
        self.merge.restore(&saved).map_err(|error| error.to_string())?;
        if self.merge.save() == saved { Ok(()) } else { Err("its bytes differ".into()) }
    }
}

/// A number that depends on an offset without a pattern (the finalizer of MurmurHash3).
fn scattered(offset: Offset) -> u64 {
    let mut hash = offset.seq << 12 ^ u64::from(offset.index);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

fn compare(writer: Writer, cause: Offset, decided: Decided, recorded: &[Entry]) -> Result<(), Difference> {
    let Decided { events, at } = decided;
    let decided: Vec<Entry> = (0..).zip(events).map(|(index, event)| Entry { cause, index, at, event }).collect();
    // Equal entries have equal bytes, because a record has one encoding.
    if decided == recorded {
        return Ok(());
    }
    let render = |entries: &[Entry]| match entries {
        [] => "nothing".to_string(),
        some => some.iter().map(|entry| format!("{:?}", entry.event)).collect::<Vec<_>>().join(" + "),
    };
    Err(Difference::Decision { cause, writer: writer.as_str(), decided: render(&decided), recorded: render(recorded) })
}
