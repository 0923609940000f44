//! What a group says of itself: read by health checks, by metrics and by whoever waits for it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// The observable state of one group on one partition; written by its loop alone.
#[derive(Debug)]
pub struct GroupStatus {
    /// The group's name.
    pub group: &'static str,
    /// Its partition.
    pub partition: u16,
    ready: AtomicBool,
    recovered: AtomicBool,
    tape_seq: AtomicU64,
    inbox_seq: AtomicU64,
    own_seq: AtomicU64,
    at: AtomicU64,
    behind: AtomicU64,
}

impl GroupStatus {
    /// Of a group that has not begun.
    pub fn new(group: &'static str, partition: u16) -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            group,
            partition,
            ready: AtomicBool::new(false),
            recovered: AtomicBool::new(false),
            tape_seq: zero(),
            inbox_seq: zero(),
            own_seq: zero(),
            at: zero(),
            behind: zero(),
        }
    }
    /// Caught up, and able to do its work.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Relaxed)
    }
    /// Once it has read everything that there was: as an owner, or as a standby that follows one.
    pub fn is_recovered(&self) -> bool {
        self.recovered.load(Relaxed)
    }
    /// Says that it has.
    pub fn set_recovered(&self) {
        self.recovered.store(true, Relaxed);
    }
    /// Sets readiness.
    pub fn set_ready(&self, ready: bool) {
        if self.ready.swap(ready, Relaxed) != ready {
            tracing::info!(group = self.group, partition = self.partition, ready, "readiness changed");
        }
    }
    /// Last tape sequence taken in and answered.
    pub fn tape_seq(&self) -> u64 {
        self.tape_seq.load(Relaxed)
    }
    /// Last inbox sequence answered on the tape.
    pub fn inbox_seq(&self) -> u64 {
        self.inbox_seq.load(Relaxed)
    }
    /// Last own sequence known to be on the tape.
    pub fn own_seq(&self) -> u64 {
        self.own_seq.load(Relaxed)
    }
    /// Tape time of the last input judged, ns.
    pub fn at(&self) -> u64 {
        self.at.load(Relaxed)
    }
    /// Messages known to wait.
    pub fn behind(&self) -> u64 {
        self.behind.load(Relaxed)
    }
    /// Writes how far the group is.
    pub fn set_progress(&self, tape_seq: u64, inbox_seq: u64, own_seq: u64, at: u64) {
        self.tape_seq.store(tape_seq, Relaxed);
        self.inbox_seq.store(inbox_seq, Relaxed);
        self.own_seq.store(own_seq, Relaxed);
        self.at.store(at, Relaxed);
    }
    /// Writes how many messages wait.
    pub fn set_behind(&self, messages: u64) {
        self.behind.store(messages, Relaxed);
    }
}
