//! The observable state of a group, for health checks, metrics and commands that wait for it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed};

use tapedeck_schemas::reason::Reason;

/// The observable state of one group on one partition; only the group's loop writes it.
#[derive(Debug)]
pub struct GroupStatus {
    /// Name of the group.
    pub group: &'static str,
    /// Number of the partition.
    pub partition: u16,
    /// Number of the reason for which the group is not ready; 0 if it is ready.
    reason: AtomicU8,
    /// Text of the stop, if the group stopped.
    stop: Mutex<String>,
    recovered: AtomicBool,
    /// Whether the tape was compared with Postgres since the last interruption.
    witnessed: AtomicBool,
    tape_seq: AtomicU64,
    inbox_seq: AtomicU64,
    own_seq: AtomicU64,
    at: AtomicU64,
    behind: AtomicU64,
}

impl GroupStatus {
    /// The state of a group that has not started.
    pub fn new(group: &'static str, partition: u16) -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            group,
            partition,
            reason: AtomicU8::new(Reason::Starting as u8),
            stop: Mutex::new(String::new()),
            recovered: AtomicBool::new(false),
            witnessed: AtomicBool::new(true),
            tape_seq: zero(),
            inbox_seq: zero(),
            own_seq: zero(),
            at: zero(),
            behind: zero(),
        }
    }
    /// Whether the group has caught up and can append.
    pub fn is_ready(&self) -> bool {
        self.reason().is_none()
    }
    /// The reason for which the group is not ready; `None` if it is.
    pub fn reason(&self) -> Option<Reason> {
        Reason::from_number(self.reason.load(Relaxed))
    }
    /// The reason and text of the stop, if the group stopped.
    pub fn stopped(&self) -> Option<(Reason, String)> {
        let reason = self.reason().filter(|reason| reason.is_stop())?;
        Some((reason, self.stop.lock().expect("no holder panicked").clone()))
    }
    /// Whether the group has once read its whole input, as an owner or as a standby.
    pub fn is_recovered(&self) -> bool {
        self.recovered.load(Relaxed)
    }
    /// Records that the group has read its whole input.
    pub fn set_recovered(&self) {
        self.recovered.store(true, Relaxed);
    }
    /// Whether the tape was compared with Postgres since the last interruption. A group without a witness decides, but
    /// does not notice a loss that only Postgres knows of.
    pub fn is_witnessed(&self) -> bool {
        self.witnessed.load(Relaxed)
    }
    /// Records whether the tape was compared with Postgres. Logs a change.
    pub fn set_witnessed(&self, witnessed: bool) {
        if self.witnessed.swap(witnessed, Relaxed) == witnessed {
            return;
        }
        let (group, partition) = (self.group, self.partition);
        match witnessed {
            true => tracing::info!(group, partition, "the tape holds the records that are projected in Postgres"),
            false => tracing::warn!(
                group,
                partition,
                "no witness: no projector says from which records the rows in Postgres were projected, so a tape that \
                 lost its last records is not noticed; continuing without"
            ),
        }
    }
    /// Sets readiness: `None` is ready. Logs a change.
    pub fn set_reason(&self, reason: Option<Reason>) {
        let number = reason.map_or(0, |reason| reason as u8);
        if self.reason.swap(number, Relaxed) != number {
            let text = reason.map_or("ready", Reason::as_str);
            tracing::info!(group = self.group, partition = self.partition, readiness = text, "readiness changed");
        }
    }
    /// Records that the group stopped and is not restarted.
    pub fn set_stopped(&self, reason: Reason, text: String) {
        let (group, partition) = (self.group, self.partition);
        tracing::error!(group, partition, %reason, text, "group stopped; see docs/recovery.md");
        *self.stop.lock().expect("no holder panicked") = text;
        self.reason.store(reason as u8, Relaxed);
    }
    /// Last tape sequence up to which every input is answered.
    pub fn tape_seq(&self) -> u64 {
        self.tape_seq.load(Relaxed)
    }
    /// Last inbox sequence up to which every input is answered on the tape.
    pub fn inbox_seq(&self) -> u64 {
        self.inbox_seq.load(Relaxed)
    }
    /// Sequence of the group's last record that is known to be on the tape.
    pub fn own_seq(&self) -> u64 {
        self.own_seq.load(Relaxed)
    }
    /// Tape time of the last decision, ns.
    pub fn at(&self) -> u64 {
        self.at.load(Relaxed)
    }
    /// Messages in the input stream that are not read yet.
    pub fn behind(&self) -> u64 {
        self.behind.load(Relaxed)
    }
    /// Sets the sequences and the tape time.
    pub fn set_progress(&self, tape_seq: u64, inbox_seq: u64, own_seq: u64, at: u64) {
        self.tape_seq.store(tape_seq, Relaxed);
        self.inbox_seq.store(inbox_seq, Relaxed);
        self.own_seq.store(own_seq, Relaxed);
        self.at.store(at, Relaxed);
    }
    /// Sets the number of messages that are not read yet.
    pub fn set_behind(&self, messages: u64) {
        self.behind.store(messages, Relaxed);
    }
}
