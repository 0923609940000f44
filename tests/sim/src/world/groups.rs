//! The steps of the groups' processes: start, read the last sequence, claim, read, append, wait, drain, crash.

use tapedeck_kernel::driver::{FencedBy, Input, Output, Stop};
use tapedeck_kernel::liveness::OwnerAnswer;
use tapedeck_kernel::{Answer, AnyMachine as _, Inbox, reply};
use tapedeck_schemas::generation::Generation;
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::{self, Writer};
use tapedeck_schemas::subject;

use super::loss::name_of;
use super::{AUTHOR, COMMAND, Failure, INBOX, TAPE, World, named, tape_subject};
use crate::faults::{CrashPoint, Fault};
use crate::message::Publish;
use crate::network::{Flight, Place, Sender};
use crate::paper::machines;
use crate::process::{Process, Stage};
use crate::random::Random;

/// The stream of an inbox.
pub(super) fn stream_of(inbox: Inbox) -> &'static str {
    match inbox {
        Inbox::Market => INBOX,
        Inbox::Command => COMMAND,
    }
}

/// Draws a writer other than the keeper.
pub(super) fn draw_writer(random: &mut Random) -> Writer {
    let index = random.index(tapedeck_groups::writers().count());
    tapedeck_groups::writers().nth(index).expect("an index within the list")
}

impl World {
    /// Starts a process of a writer that has none, or a rival of one that has.
    pub(super) fn start_any(&mut self) -> Result<(), Failure> {
        let writer = draw_writer(&mut self.schedule);
        let running = self.processes.iter().filter(|process| process.writer == writer).count();
        if running == 0 {
            self.start(writer, true);
        } else if running == 1 && self.occurs(Fault::RivalOwner) {
            self.count(Fault::RivalOwner);
            let claims = self.random_of(Fault::RivalOwner).one_in(2);
            self.start(writer, claims);
        }
        Ok(())
    }

    /// Starts a process that claims its writer's subject, or one that follows.
    pub(super) fn start(&mut self, writer: Writer, claims: bool) {
        let uid = self.uid();
        let machines = machines(&self.created, self.paper_faults);
        let Some(machine) = machines.into_iter().find(|machine| machine.info().writer == writer) else { return };
        let mut process = Process::new(uid, &self.created, machine);
        process.driver.advance(self.clock);
        if claims {
            process.driver.claim();
        }
        self.log(|| format!("{writer} starts as {uid}, {}", if claims { "claims" } else { "follows" }));
        self.processes.push(process);
        if self.crashes_at(CrashPoint::Started) {
            self.processes.pop();
        }
    }

    fn any_process(&mut self) -> Option<usize> {
        let awake: Vec<usize> = (0..self.processes.len()).filter(|index| !self.processes[*index].paused).collect();
        (!awake.is_empty()).then(|| awake[self.schedule.index(awake.len())])
    }

    /// Gives messages to any process.
    pub(super) fn feed_any(&mut self) -> Result<(), Failure> {
        let Some(index) = self.any_process() else { return Ok(()) };
        let most = self.schedule.between(1, 12);
        let inbox = self.processes[index].inbox.is_some() && self.schedule.one_in(2);
        if if inbox { self.feed_inbox(index, most)? } else { self.feed_tape(index, most)? } {
            self.settle(index)?;
        }
        Ok(())
    }

    /// Gives a process the next messages of the tape; returns whether there were any.
    pub(super) fn feed_tape(&mut self, index: usize, most: u64) -> Result<bool, Failure> {
        let process = &mut self.processes[index];
        let first = self.broker.first_seq(TAPE);
        let mut fed = 0;
        while fed < most && process.driver.wants_tape() {
            // A consumer begins at the first stored message.
            process.tape_next = process.tape_next.max(first);
            let Some(message) = self.broker.get(TAPE, process.tape_next) else { break };
            process.tape_next += 1;
            let subject = tape_subject(&message.subject);
            let (seq, stamp) = (message.seq, message.stamp);
            process.driver.handle(Input::Tape { seq, stamp, subject, payload: &message.payload });
            if process.inbox.is_none() {
                let entries = record::decode(&message.payload).map_or(0, |(_, entries)| entries.len());
                process.handed = Offset::new(message.seq, u32::try_from(entries.saturating_sub(1)).unwrap_or(0));
            }
            fed += 1;
        }
        Ok(fed > 0)
    }

    /// Gives a process the next messages of its inbox; returns whether there were any.
    pub(super) fn feed_inbox(&mut self, index: usize, most: u64) -> Result<bool, Failure> {
        let process = &mut self.processes[index];
        let Some(stream) = process.inbox.map(stream_of) else { return Ok(false) };
        let first = self.broker.first_seq(stream);
        let mut fed = 0;
        while fed < most && process.driver.wants_inbox() {
            process.inbox_next = process.inbox_next.max(first);
            let Some(message) = self.broker.get(stream, process.inbox_next) else { break };
            process.inbox_next += 1;
            process.driver.handle(Input::Inbox(message.of_inbox()));
            process.handed = process.last_entry(message);
            fed += 1;
        }
        Ok(fed > 0)
    }

    /// Performs the outputs of the driver until it has none.
    pub(super) fn settle(&mut self, index: usize) -> Result<(), Failure> {
        if self.crashes_at(CrashPoint::InputGiven) {
            self.processes.remove(index);
            return Ok(());
        }
        loop {
            let process = &mut self.processes[index];
            let Some(output) = process.driver.poll() else { break };
            process.was_owner |= process.driver.is_owner();
            let (uid, writer) = (process.uid, process.writer);
            match output {
                Output::Append { attempt, failures, expected, payload } => {
                    let taken = self.processes[index].take(attempt, failures, expected, payload);
                    taken.map_err(|detail| {
                        self.failure("append_in_doubt_repeats", format!("{writer} {uid}: {detail}"))
                    })?;
                    if self.crashes_at(CrashPoint::OutputDue) {
                        self.processes.remove(index);
                        return Ok(());
                    }
                }
                Output::Committed { seq, .. } => {
                    let Some(payload) = self.processes[index].settle() else {
                        return Err(self.failure("committed_was_sent", format!("{writer} {uid}: nothing was sent")));
                    };
                    self.processes[index].committed_last = seq;
                    self.log(|| format!("{writer} {uid} has committed {seq}"));
                    let result = self.checker.committed(uid, writer, seq, &payload);
                    self.checked(result)?;
                    if self.crashes_at(CrashPoint::Committed) {
                        self.processes.remove(index);
                        return Ok(());
                    }
                }
                Output::CheckStreams(question) => process.check = Some(question),
                Output::AskOwner { question } => process.question = Some(question),
                Output::ReadOwnLast => process.reads_last = true,
                Output::InvalidRecord { seq, .. } => {
                    let result = self.checker.invalid_record(uid, seq);
                    self.checked(result)?;
                }
                Output::Stopped(stop) => return self.stopped(index, stop),
            }
        }
        let process = &mut self.processes[index];
        process.was_owner |= process.driver.is_owner();
        Ok(())
    }

    fn stopped(&mut self, index: usize, stop: Stop) -> Result<(), Failure> {
        let mut process = self.processes.remove(index);
        let (uid, writer) = (process.uid, process.writer);
        self.log(|| format!("{writer} {uid} stops: {stop}"));
        if self.loss_happened {
            name_of(&stop).into_iter().for_each(|name| self.happened.count(name));
            let result = self.checker.stopped(uid, writer, &stop);
            self.checked(result)?;
        }
        match stop {
            Stop::Fenced { seq, by } => {
                self.happened.count(match by {
                    FencedBy::Owner => "fenced",
                    FencedBy::Former => "outlived",
                    FencedBy::InvalidRecord => "displaced",
                });
                let result = self.checker.fenced(uid, writer, seq);
                self.checked(result)?;
                // As in the shell.
                let claims = by.should_reclaim(&mut process.met_former);
                self.start(writer, claims);
                let again = self.processes.last_mut().filter(|last| last.uid > uid);
                again.into_iter().for_each(|again| again.met_former = process.met_former);
                Ok(())
            }
            Stop::Drained => {
                self.happened.count("drained");
                let result = self.checker.drained(uid, writer, process.handed, process.was_owner);
                self.checked(result)?;
                if self.healing && process.was_owner {
                    self.drained.insert(writer, process.state());
                }
                Ok(())
            }
            _ if self.loss_happened => Ok(()),
            // A trimmed stream stops its readers until it is restored.
            Stop::Tape(_) | Stop::Inbox { .. } | Stop::Cause(_) | Stop::WentBackwards { .. } | Stop::StreamLoss(_)
                if !self.trimmed.is_empty() =>
            {
                self.happened.count("halted");
                Ok(())
            }
            stop => Err(self.failure("nothing_stops_on_a_valid_tape", format!("{writer} {uid}: {stop}"))),
        }
    }

    /// Performs the next step of the shell of any process.
    pub(super) fn shell_any(&mut self) -> Result<(), Failure> {
        match self.any_process() {
            Some(index) => self.shell(index),
            None => Ok(()),
        }
    }

    /// Performs the next step of a process's shell.
    pub(super) fn shell(&mut self, index: usize) -> Result<(), Failure> {
        let process = &mut self.processes[index];
        if let Some(question) = process.check.take() {
            return self.answer_check(index, question);
        }
        if process.reads_last {
            return self.read_own_last(index);
        }
        if let Some(question) = process.question.take() {
            return self.answer_question(index, question);
        }
        // Handed the time only when it is due, so that a deadline that is too late is noticed.
        if process.driver.deadline().is_some_and(|deadline| deadline <= self.clock) {
            process.driver.advance(self.clock);
            return self.settle(index);
        }
        let (uid, writer) = (process.uid, process.writer);
        let Some(pending) = process.pending.clone() else { return Ok(()) };
        let on = subject::tape_subject(0, Generation::FIRST, writer);
        match pending.stage {
            Stage::Ready => {
                let pairs = reply::append_headers(pending.expected).into_iter().chain([(AUTHOR, uid.to_string())]);
                let publish = Publish { subject: on, headers: named(pairs), payload: pending.payload };
                let (sender, attempt) = (Sender::Process(uid), pending.attempt);
                self.log(|| format!("{writer} {uid} sends attempt {attempt}, which expects {}", pending.expected));
                self.network.send(Flight { sender, attempt, publish, place: Place::Out });
                if let Some(pending) = &mut self.processes[index].pending {
                    pending.stage = Stage::Sent;
                }
                if self.crashes_at(CrashPoint::Sent) {
                    self.processes.remove(index);
                }
                Ok(())
            }
            Stage::Sent => {
                let lost = !self.network.holds(Sender::Process(uid), pending.attempt);
                if !lost && !self.occurs(Fault::TimeoutThoughStored) {
                    return Ok(());
                }
                if !lost {
                    self.count(Fault::TimeoutThoughStored);
                }
                self.log(|| format!("{writer} {uid} gives attempt {} up", pending.attempt));
                self.processes[index].answer(pending.attempt, Answer::Unknown);
                self.settle(index)
            }
            Stage::ReadLast => {
                let mut last = self.broker.last_on(TAPE, &on).ok().map(|last| last.map_or(0, |message| message.seq));
                // A newly elected leader may not have applied the record by which the one before it rejected the
                // append, but it has all that this process knows to be stored.
                if last.is_some_and(|last| last > pending.expected) && self.occurs(Fault::StaleRead) {
                    self.count(Fault::StaleRead);
                    last = Some(pending.expected);
                }
                self.processes[index].answer(pending.attempt, Answer::WrongLast(last));
                self.settle(index)
            }
        }
    }

    /// Answers the question of a standby as the server would: from the owner, if one listens and is not paused.
    fn answer_question(&mut self, index: usize, question: u64) -> Result<(), Failure> {
        let (uid, writer) = (self.processes[index].uid, self.processes[index].writer);
        let owners = self.processes.iter().filter(|other| other.writer == writer && other.driver.is_owner());
        let owners: Vec<bool> = owners.map(|owner| owner.paused).collect();
        let answer = match owners.iter().all(|paused| *paused) {
            true if owners.is_empty() => OwnerAnswer::NoResponders,
            true => OwnerAnswer::TimedOut,
            // A standby may take a live owner for dead: if it is wrong, an append fails at the fence.
            false if !self.healing && self.schedule.one_in(8) => OwnerAnswer::TimedOut,
            false => OwnerAnswer::Alive,
        };
        self.log(|| format!("{writer} {uid} asked the owner: {answer:?}"));
        self.happened.count(match answer {
            OwnerAnswer::Alive | OwnerAnswer::Stopped | OwnerAnswer::Unsent => "owner-alive",
            OwnerAnswer::NoResponders => "owner-gone",
            OwnerAnswer::TimedOut => "owner-timed-out",
        });
        self.processes[index].driver.advance(self.clock);
        self.processes[index].driver.handle(Input::OwnerAnswer { question, answer });
        self.settle(index)
    }

    fn read_own_last(&mut self, index: usize) -> Result<(), Failure> {
        let (uid, writer) = (self.processes[index].uid, self.processes[index].writer);
        let Some(own_last) = self.processes[index].last_read else {
            let on = subject::tape_subject(0, Generation::FIRST, writer);
            let Ok(last) = self.broker.last_on(TAPE, &on) else {
                // No leader: the shell reports the failure, and the driver begins again.
                self.processes[index].reads_last = false;
                self.processes[index].driver.handle(Input::OwnLast(None));
                return self.settle(index);
            };
            let mut last = last.map_or(0, |message| message.seq);
            if self.occurs(Fault::StaleRead) {
                let behind = self.random_of(Fault::StaleRead).between(1, 20);
                let stale = self.broker.stale_last_on(TAPE, &on, behind).map_or(0, |message| message.seq);
                if stale < last {
                    self.count(Fault::StaleRead);
                    last = stale;
                }
            }
            self.processes[index].last_read = Some(last);
            if self.crashes_at(CrashPoint::LastRead) {
                self.processes.remove(index);
            }
            return Ok(());
        };
        self.log(|| format!("{writer} {uid} takes over after {own_last}"));
        self.processes[index].reads_last = false;
        self.processes[index].driver.handle(Input::OwnLast(Some(own_last)));
        self.settle(index)
    }

    /// Drains a process.
    pub(super) fn drain(&mut self, index: usize) -> Result<(), Failure> {
        let process = &mut self.processes[index];
        process.draining = true;
        process.driver.handle(Input::Drain);
        if self.crashes_at(CrashPoint::Draining) {
            self.processes.remove(index);
            return Ok(());
        }
        self.settle(index)
    }
}
