//! The end of a run: all faults are repaired, all work is finished, and the final rules are checked.

use tapedeck_kernel::driver::Input;
use tapedeck_schemas::record::Writer;

use super::{Failure, MS, STREAMS, TAPE, World};
use crate::process::Process;

/// Rounds after which a run that is not at rest has failed.
const ROUNDS_MAX: u64 = 3_000;
/// How long the market continues at the end, so that timeouts in tape time pass, ns.
const FINAL_MARKET: u64 = 8_000 * MS;

impl World {
    pub(super) fn heal(&mut self) -> Result<(), Failure> {
        self.healing = true;
        self.log(|| "healing".into());
        self.restore();
        for stream in STREAMS {
            self.broker.set_limits(stream, None, None);
            self.broker.elect(stream);
        }
        self.processes.iter_mut().for_each(|process| process.paused = false);
        self.skews.fill(0);
        self.items_left = 0;
        self.come_to_rest()?;
        let end = self.now + FINAL_MARKET;
        while self.now < end {
            self.now += 400 * MS;
            self.items_left += 1;
            self.new_item()?;
            self.come_to_rest()?;
        }
        self.drain_all()?;
        self.compare_followers()?;
        let result = self.checker.projected(self.database.seq(), self.database.tables());
        self.checked(result)?;
        let result = self.checker.finish();
        self.checked(result)
    }

    /// Runs rounds until nothing changes any more.
    fn come_to_rest(&mut self) -> Result<(), Failure> {
        for _ in 0..ROUNDS_MAX {
            self.now += MS;
            self.clock += 300 * MS;
            let before = self.mark();
            self.round()?;
            if before == self.mark() && self.is_at_rest() {
                return Ok(());
            }
        }
        let waiting: Vec<String> = self.processes.iter().filter_map(unfinished).collect();
        Err(self.failure("comes_to_rest", format!("no fault is left, and these processes are not idle: {waiting:?}")))
    }

    fn is_at_rest(&self) -> bool {
        let owned = |writer: Writer| {
            self.processes.iter().filter(|process| process.writer == writer && process.driver.is_idle()).count() == 1
        };
        self.network.is_empty()
            && self.publishers.iter().all(|publisher| publisher.is_done())
            && tapedeck_groups::writers().all(owned)
            && self.database.seq() == self.broker.last_seq(TAPE)
    }

    /// Lets each process, publisher and projector act once.
    fn round(&mut self) -> Result<(), Failure> {
        for writer in tapedeck_groups::writers() {
            if self.processes.iter().all(|process| process.writer != writer) {
                self.start(writer, true);
            }
        }
        for uid in self.processes.iter().map(|process| process.uid).collect::<Vec<_>>() {
            for act in [Self::shell, Self::feed_all_tape, Self::feed_all_inbox] {
                if let Some(index) = self.processes.iter().position(|process| process.uid == uid) {
                    act(self, index)?;
                }
            }
        }
        self.deliver_all()?;
        for index in (0..self.publishers.len()).rev() {
            self.publish(index)?;
        }
        self.deliver_all()?;
        match self.projectors.len() {
            0 => self.project_any(),
            some => (0..some).rev().try_for_each(|index| self.project(index)),
        }
    }

    pub(super) fn deliver_all(&mut self) -> Result<(), Failure> {
        while self.network.out() > 0 {
            self.deliver_out()?;
        }
        self.agree_all()?;
        while self.network.back() > 0 {
            self.deliver_back()?;
        }
        Ok(())
    }

    fn feed_all_tape(&mut self, index: usize) -> Result<(), Failure> {
        if self.feed_tape(index, u64::MAX)? { self.settle(index) } else { Ok(()) }
    }

    fn feed_all_inbox(&mut self, index: usize) -> Result<(), Failure> {
        if self.feed_inbox(index, u64::MAX)? { self.settle(index) } else { Ok(()) }
    }

    /// A value that changes while the run is not at rest.
    fn mark(&self) -> Vec<u64> {
        let streams = STREAMS.iter().map(|stream| self.broker.last_seq(stream));
        let processes = self.processes.iter().flat_map(|one| [one.uid, one.tape_next, one.inbox_next]);
        streams.chain(processes).chain([self.network.len() as u64, self.database.seq()]).collect()
    }

    /// Drains every owner.
    fn drain_all(&mut self) -> Result<(), Failure> {
        // In the order of the data flow.
        for writer in tapedeck_groups::writers() {
            while let Some(index) = self.processes.iter().position(|process| process.writer == writer) {
                let uid = self.processes[index].uid;
                self.drain(index)?;
                for _ in 0..ROUNDS_MAX {
                    let Some(index) = self.processes.iter().position(|process| process.uid == uid) else { break };
                    self.shell(index)?;
                    self.deliver_all()?;
                    if let Some(index) = self.processes.iter().position(|process| process.uid == uid) {
                        self.feed_all_tape(index)?;
                    }
                }
                if self.processes.iter().any(|process| process.uid == uid) {
                    return Err(self.failure("comes_to_rest", format!("{writer} {uid} does not drain")));
                }
            }
            // The writers after it answer its last facts, too.
            for index in 0..self.processes.len() {
                self.feed_all_tape(index)?;
            }
        }
        while self.database.seq() < self.broker.last_seq(TAPE) {
            self.project_any()?;
        }
        Ok(())
    }

    /// Compares the state of each drained owner with that of a process that follows the tape from its beginning.
    fn compare_followers(&mut self) -> Result<(), Failure> {
        for writer in tapedeck_groups::writers() {
            self.start(writer, false);
            let index = self.processes.len() - 1;
            self.settle(index)?;
            self.shell(index)?;
            while self.feed_tape(index, u64::MAX)? | self.feed_inbox(index, u64::MAX)? {
                while self.processes[index].driver.poll().is_some() {}
            }
            let mut follower = self.processes.remove(index);
            follower.driver.handle(Input::Drain);
            let (expected, found) = (self.drained.get(&writer).cloned(), follower.state());
            if expected.as_ref() != Some(&found) {
                return Err(self.failure(
                    "a_follower_agrees",
                    format!("{writer}: the owner has {expected:?}, a follower {found}"),
                ));
            }
        }
        Ok(())
    }
}

fn unfinished(process: &Process) -> Option<String> {
    let is_busy = !process.driver.is_idle();
    let Process { uid, writer, pending, .. } = process;
    is_busy.then(|| format!("{writer} {uid}, owner: {}, append: {pending:?}", process.driver.is_owner()))
}
