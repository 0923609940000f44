//! A group's process: a real driver with the least shell around it. It checks that the driver may say what it says.

use std::sync::Arc;

use tapedeck_kernel::driver::Input;
use tapedeck_kernel::{About, Answer, AnyMachine as _, BoxedMachine, Driver, Inbox, Owner, Reads};
use tapedeck_schemas::ids::TapeId;
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::Writer;

use crate::message::Message;

/// An append that the driver asked for and that is not answered.
#[derive(Debug, Clone)]
pub struct Pending {
    /// The driver's number.
    pub attempt: u64,
    /// The fence.
    pub expected: u64,
    /// The record.
    pub payload: Arc<[u8]>,
    /// How far the shell is with it.
    pub stage: Stage,
}

/// How far an append is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// Not sent yet.
    Said,
    /// On its way.
    Sent,
    /// Answered "wrong last sequence": the leader is still to be asked what the last one is.
    Look,
}

/// A process with one driver.
pub struct Process {
    /// Its number, which is also its owner's nonce.
    pub uid: u64,
    /// Whose.
    pub writer: Writer,
    /// Where its inputs wait, if not on the tape.
    pub inbox: Option<Inbox>,
    /// The driver.
    pub driver: Driver<BoxedMachine>,
    /// Whether it stands still.
    pub paused: bool,
    /// Whether it was asked to drain.
    pub draining: bool,
    /// What it read as its subject's last sequence, before it claims it.
    pub last_poll: Option<u64>,
    /// Whether it means to claim its subject.
    pub claims: bool,
    /// Whether it has claimed its subject.
    pub claimed: bool,
    /// Whether it ever was the owner.
    pub was_owner: bool,
    /// Whether a former owner has fenced it, see [`tapedeck_kernel::driver::FencedBy`].
    pub met: bool,
    /// Its append.
    pub pending: Option<Pending>,
    /// Next sequence to read of the tape.
    pub tape_next: u64,
    /// Next sequence to read of the inbox.
    pub inbox_next: u64,
    /// The last input that it was handed.
    pub handed: Offset,
    attempt_last: u64,
    /// The record that is not known to be on the tape.
    unsettled: Option<(u64, Arc<[u8]>)>,
}

impl Process {
    /// Follows, before anything is known.
    pub fn new(uid: u64, tape: TapeId, machine: BoxedMachine) -> Self {
        let About { writer, reads, .. } = machine.about();
        let owner = Owner { nonce: uid, build: "sim".into() };
        let inbox = match reads {
            Reads::Inbox(inbox) => Some(inbox),
            Reads::Tape(_) => None,
        };
        Self {
            uid,
            writer,
            inbox,
            driver: Driver::follow(machine, tape, owner),
            paused: false,
            draining: false,
            last_poll: None,
            claims: false,
            claimed: false,
            was_owner: false,
            met: false,
            pending: None,
            tape_next: 1,
            inbox_next: 1,
            handed: Offset::START,
            attempt_last: 0,
            unsettled: None,
        }
    }

    /// Offset of the last entry that a message of the inbox makes.
    pub fn last_entry(&self, message: &Message) -> Offset {
        let entries = self.driver.machine().from_message(&message.subject, message.stamp, &message.payload);
        Offset::new(message.seq, u32::try_from(entries.len().saturating_sub(1)).unwrap_or(u32::MAX))
    }

    /// The state of the machine, for comparison with another's.
    pub fn state(&self) -> String {
        format!("{:?}", self.driver.machine())
    }

    /// Takes an append that the driver asks for; an error says what it may not ask for.
    pub fn take(&mut self, attempt: u64, failures: u32, expected: u64, payload: Arc<[u8]>) -> Result<(), String> {
        if attempt <= self.attempt_last {
            return Err(format!("attempt {attempt} after {}", self.attempt_last));
        }
        if (failures > 0) != self.unsettled.is_some() {
            return Err(format!("attempt {attempt} has {failures} failures behind it"));
        }
        match &self.unsettled {
            Some((before, _)) if *before != expected => return Err(format!("renumbered from {before} to {expected}")),
            Some((_, before)) if *before != payload => return Err("other bytes while the outcome is unknown".into()),
            _ => {}
        }
        self.attempt_last = attempt;
        self.unsettled = Some((expected, payload.clone()));
        self.pending = Some(Pending { attempt, expected, payload, stage: Stage::Said });
        Ok(())
    }

    /// The record that the driver now calls committed.
    pub fn settle(&mut self) -> Option<Arc<[u8]>> {
        // The tape may have told before the answer did; that answer then judges nothing.
        self.pending = None;
        self.unsettled.take().map(|(_, payload)| payload)
    }

    /// Hands on an answer to the append, unless the shell must look first.
    pub fn answer(&mut self, attempt: u64, answer: Answer) {
        match &mut self.pending {
            Some(pending) if pending.attempt == attempt => match answer {
                Answer::WrongLast(None) if pending.stage == Stage::Sent => pending.stage = Stage::Look,
                answer => {
                    self.pending = None;
                    self.driver.handle(Input::Answer { attempt, answer });
                }
            },
            _ => self.driver.handle(Input::Answer { attempt, answer }),
        }
    }
}
