//! A group's process: a real driver with a minimal shell, which checks the appends that the driver requests.

use std::sync::Arc;

use tapedeck_kernel::driver::Input;
use tapedeck_kernel::guard::StreamsQuestion;
use tapedeck_kernel::{Answer, AnyMachine as _, BoxedMachine, Driver, Inbox, MachineInfo, ProcessIdentity, Reads};
use tapedeck_schemas::generation::Lineage;
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::Writer;

use crate::message::Message;

/// An append that the driver requested and that is not answered.
#[derive(Debug, Clone)]
pub struct Pending {
    /// The number that the driver gave the attempt.
    pub attempt: u64,
    /// The expected last sequence of the subject.
    pub expected: u64,
    /// The encoded record.
    pub payload: Arc<[u8]>,
    /// The next step of the shell.
    pub stage: Stage,
}

/// The next step with an append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// Send it.
    Ready,
    /// Wait for the reply.
    Sent,
    /// Read the last sequence from the leader, after the reply "wrong last sequence".
    ReadLast,
}

/// A process with one driver.
pub struct Process {
    /// The number of the process, which is also the nonce of its epochs.
    pub uid: u64,
    /// The writer whose machine it runs.
    pub writer: Writer,
    /// The inbox that it reads, if not the tape.
    pub inbox: Option<Inbox>,
    /// The driver under test.
    pub driver: Driver<BoxedMachine>,
    /// Whether it takes no steps.
    pub paused: bool,
    /// Whether it was asked to drain.
    pub draining: bool,
    /// The check of its streams that waits for its answer.
    pub check: Option<StreamsQuestion>,
    /// The question to the owner that waits for its answer.
    pub question: Option<u64>,
    /// Whether the driver waits for the last sequence of its subject.
    pub reads_last: bool,
    /// The last sequence of its subject, once read.
    pub last_read: Option<u64>,
    /// Whether it ever was the owner.
    pub was_owner: bool,
    /// Whether a former owner has fenced it before, see [`tapedeck_kernel::driver::FencedBy`].
    pub met_former: bool,
    /// The append in flight.
    pub pending: Option<Pending>,
    /// The next sequence of the tape to read.
    pub tape_next: u64,
    /// The next sequence of the inbox to read.
    pub inbox_next: u64,
    /// Whether it was told the state of its streams.
    pub was_told_streams: bool,
    /// The last sequence of an append that is known to be stored.
    pub committed_last: u64,
    /// The offset of the last input that it was given.
    pub handed: Offset,
    attempt_last: u64,
    /// The record that is not known to be on the tape.
    unsettled: Option<(u64, Arc<[u8]>)>,
}

impl Process {
    /// A process that has read nothing and follows.
    pub fn new(uid: u64, tape: impl Into<Lineage>, machine: BoxedMachine) -> Self {
        let MachineInfo { writer, reads, .. } = machine.info();
        let identity = ProcessIdentity { nonce: uid, build: "sim".into() };
        let inbox = match reads {
            Reads::Inbox(inbox) => Some(inbox),
            Reads::Tape(_) => None,
        };
        Self {
            uid,
            writer,
            inbox,
            driver: Driver::follow(machine, tape, identity),
            paused: false,
            draining: false,
            check: None,
            question: None,
            reads_last: false,
            last_read: None,
            was_owner: false,
            met_former: false,
            pending: None,
            tape_next: 1,
            inbox_next: 1,
            was_told_streams: false,
            committed_last: 0,
            handed: Offset::START,
            attempt_last: 0,
            unsettled: None,
        }
    }

    /// The offset of the last entry of an inbox message.
    pub fn last_entry(&self, message: &Message) -> Offset {
        let entries = self.driver.machine().inputs_of_message(&message.subject, message.stamp, &message.payload);
        Offset::new(message.seq, u32::try_from(entries.len().saturating_sub(1)).unwrap_or(u32::MAX))
    }

    /// The state of the machine as text, for comparison.
    pub fn state(&self) -> String {
        format!("{:?}", self.driver.machine())
    }

    /// Takes an append that the driver requests.
    ///
    /// # Errors
    /// If the driver may not request it.
    pub fn take(&mut self, attempt: u64, failures: u32, expected: u64, payload: Arc<[u8]>) -> Result<(), String> {
        if attempt <= self.attempt_last {
            return Err(format!("attempt {attempt} after {}", self.attempt_last));
        }
        if (failures > 0) != self.unsettled.is_some() {
            return Err(format!("attempt {attempt} follows {failures} failures"));
        }
        match &self.unsettled {
            Some((before, _)) if *before != expected => return Err(format!("renumbered from {before} to {expected}")),
            Some((_, before)) if *before != payload => return Err("other bytes while the outcome is unknown".into()),
            _ => {}
        }
        self.attempt_last = attempt;
        self.unsettled = Some((expected, payload.clone()));
        self.pending = Some(Pending { attempt, expected, payload, stage: Stage::Ready });
        Ok(())
    }

    /// The record that the driver reports as committed.
    pub fn settle(&mut self) -> Option<Arc<[u8]>> {
        // The record may be read on the tape before the reply, which then has no effect.
        self.pending = None;
        self.unsettled.take().map(|(_, payload)| payload)
    }

    /// Tells the driver that reading was interrupted, and gives the check and the append in flight up, as the shell
    /// does.
    pub fn interrupt(&mut self) {
        self.check = None;
        self.driver.handle(Input::Interrupted);
        if let Some(Pending { attempt, .. }) = self.pending.take() {
            self.driver.handle(Input::Answer { attempt, answer: Answer::Unknown });
        }
    }

    /// Gives the driver the reply to an append, unless the shell has to read the last sequence first.
    pub fn answer(&mut self, attempt: u64, answer: Answer) {
        match &mut self.pending {
            Some(pending) if pending.attempt == attempt => match answer {
                Answer::WrongLast(None) if pending.stage == Stage::Sent => pending.stage = Stage::ReadLast,
                answer => {
                    self.pending = None;
                    self.driver.handle(Input::Answer { attempt, answer });
                }
            },
            _ => self.driver.handle(Input::Answer { attempt, answer }),
        }
    }
}
