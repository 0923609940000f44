//! The end of a run in which streams have lost messages. Publishers continue, so that the lost sequences are used
//! again; the processes that survived compare their streams, some of them late; missing ones are started. Nothing
//! else fails.

use std::collections::BTreeMap;

use tapedeck_kernel::guard::{CHECK_INTERVAL, WITNESS_WAIT};
use tapedeck_schemas::record::Writer;

use super::{Failure, MS, STREAMS, TAPE, World};
use crate::random::Random;

/// Monotonic time of the processes from one round to the next, ns.
const ROUND: u64 = 250 * MS;
/// Rounds in which processes are started and events published.
const ACTIVE_ROUNDS: u64 = 60;
/// Rounds after these, in which each process that runs has the time to compare its streams.
const FINAL_ROUNDS: u64 = (WITNESS_WAIT + 5 * CHECK_INTERVAL) / ROUND;
/// How often a process of a writer is started, if there is none: once more after it has stopped, as by an operator.
const STARTS_MAX: u32 = 2;
/// Outputs of a driver that its shell performs in a round.
const SHELL_STEPS: usize = 3;

/// What is undone in later rounds, by the number of the round.
struct Aftermath {
    random: Random,
    /// When a paused process resumes.
    resumed: BTreeMap<u64, u64>,
    /// When a stream has a leader again.
    elected: BTreeMap<&'static str, u64>,
    /// How often a process was started.
    starts: BTreeMap<Writer, u32>,
}

impl World {
    /// Runs the rounds after a loss, and checks who has stopped.
    pub(super) fn live_after_loss(&mut self, random: Random) -> Result<(), Failure> {
        let (resumed, elected, starts) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let mut aftermath = Aftermath { random, resumed, elected, starts };
        self.pause_some(&mut aftermath);
        self.lose_leaders(&mut aftermath);
        for uid in self.uids_of_running() {
            self.interrupt(uid)?;
        }
        for round in 1..=ACTIVE_ROUNDS + FINAL_ROUNDS {
            self.step += 1;
            self.now += 50 * MS;
            self.clock += ROUND;
            self.repair(round, &mut aftermath)?;
            if round <= ACTIVE_ROUNDS {
                self.start_missing(&mut aftermath);
                self.publish_new(&mut aftermath.random)?;
            }
            self.round_after_loss(round <= ACTIVE_ROUNDS, &mut aftermath.random)?;
        }
        let running: Vec<(u64, Writer)> = self.processes.iter().map(|process| (process.uid, process.writer)).collect();
        let result = self.checker.finish_after_loss(&running);
        self.checked(result)
    }

    fn uids_of_running(&self) -> Vec<u64> {
        self.processes.iter().filter(|process| !process.paused).map(|process| process.uid).collect()
    }

    fn index_of(&self, uid: u64) -> Option<usize> {
        self.processes.iter().position(|process| process.uid == uid)
    }

    /// Pauses some processes, so that they compare their streams when others have appended to these.
    fn pause_some(&mut self, aftermath: &mut Aftermath) {
        let random = &mut aftermath.random;
        let percent = [0, 40, 90][random.index(3)];
        for process in &mut self.processes {
            process.paused |= random.below(100) < percent;
            if process.paused {
                aftermath.resumed.insert(process.uid, random.between(1, ACTIVE_ROUNDS));
            }
        }
    }

    /// Streams have no leader at first: a check is not answered, and another stream may be read on.
    fn lose_leaders(&mut self, aftermath: &mut Aftermath) {
        for stream in STREAMS {
            if aftermath.random.one_in(3) {
                self.broker.lose_leader(self.now, stream, 0);
                aftermath.elected.insert(stream, aftermath.random.between(1, 12));
            }
        }
    }

    /// A process learns that its connection was lost.
    fn interrupt(&mut self, uid: u64) -> Result<(), Failure> {
        let Some(index) = self.index_of(uid) else { return Ok(()) };
        let clock = self.clock;
        let process = &mut self.processes[index];
        process.driver.advance(clock);
        process.interrupt();
        self.settle(index)
    }

    fn repair(&mut self, round: u64, aftermath: &mut Aftermath) -> Result<(), Failure> {
        for (stream, _) in aftermath.elected.extract_if(.., |_, at| *at <= round) {
            self.broker.elect(stream);
        }
        let due = aftermath.resumed.extract_if(.., |_, at| *at <= round);
        for (uid, _) in due {
            let paused = self.processes.iter_mut().find(|process| process.uid == uid);
            paused.into_iter().for_each(|process| process.paused = false);
            self.interrupt(uid)?;
        }
        Ok(())
    }

    fn start_missing(&mut self, aftermath: &mut Aftermath) {
        for writer in tapedeck_groups::writers() {
            let starts = aftermath.starts.entry(writer).or_default();
            let is_missing = self.processes.iter().all(|process| process.writer != writer || process.paused);
            if is_missing && *starts < STARTS_MAX && aftermath.random.one_in(4) {
                *starts += 1;
                self.start(writer, true);
            }
        }
    }

    fn publish_new(&mut self, random: &mut Random) -> Result<(), Failure> {
        self.items_left = 1;
        self.new_item()?;
        if random.one_in(6) { self.new_command() } else { Ok(()) }
    }

    /// Lets each process, publisher and projector act, some of them not at all if `is_active`.
    fn round_after_loss(&mut self, is_active: bool, random: &mut Random) -> Result<(), Failure> {
        for uid in self.uids_of_running() {
            let reads_first = random.one_in(2);
            let most = if is_active { random.below(30) } else { u64::MAX };
            for reads in [reads_first, !reads_first] {
                match reads {
                    true => self.read_after_loss(uid, most)?,
                    false => self.shell_after_loss(uid)?,
                }
            }
        }
        self.deliver_all()?;
        for index in (0..self.publishers.len()).rev() {
            self.publish(index)?;
        }
        self.deliver_all()?;
        match is_active && random.one_in(2) {
            true => Ok(()),
            false => self.project_any(),
        }
    }

    fn shell_after_loss(&mut self, uid: u64) -> Result<(), Failure> {
        for _ in 0..SHELL_STEPS {
            let Some(index) = self.index_of(uid) else { break };
            self.shell(index)?;
        }
        Ok(())
    }

    /// Gives a process what it wants of the streams that have a leader.
    fn read_after_loss(&mut self, uid: u64, most: u64) -> Result<(), Failure> {
        let Some(index) = self.index_of(uid) else { return Ok(()) };
        if self.broker.has_leader(TAPE) && self.feed_tape(index, most)? {
            self.settle(index)?;
        }
        let Some(index) = self.index_of(uid) else { return Ok(()) };
        let inbox = self.processes[index].inbox.map(super::groups::stream_of);
        if inbox.is_some_and(|inbox| self.broker.has_leader(inbox)) && self.feed_inbox(index, most)? {
            self.settle(index)?;
        }
        Ok(())
    }
}
