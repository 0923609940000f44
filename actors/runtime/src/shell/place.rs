//! What a group's loop is given, and how it can fail.

use std::sync::Arc;

use tapedeck_kernel::driver::{ProcessIdentity, Stop};
use tapedeck_kernel::{AnyMachine, Driver};
use tapedeck_schemas::generation::Lineage;

use crate::bus::{Bus, BusError};
use crate::metrics::GroupMetrics;
use crate::status::GroupStatus;

/// The environment of a group's loop.
#[derive(Debug, Clone)]
pub struct Place {
    /// The connection to NATS; each group has its own.
    pub bus: Bus,
    /// Number of the partition.
    pub partition: u16,
    /// Identity of the partition's tape.
    pub tape: Lineage,
    /// The process that runs the group.
    pub identity: ProcessIdentity,
    /// Receives the group's progress.
    pub status: Arc<GroupStatus>,
    /// Receives the group's counts.
    pub metrics: GroupMetrics,
    /// Whether the group waits for a witness of its tape, instead of continuing without one.
    pub requires_witness: bool,
}

/// What a loop does with its machine.
#[derive(Debug)]
pub enum ShellTask<M: AnyMachine> {
    /// Appends the machine's decisions, or waits as a standby of the process that does.
    Own,
    /// Follows the decisions that another group appends, and answers questions about them.
    Follow(Answerer<M>),
}

// Not derived: that would require the same of the machine.
impl<M: AnyMachine> Clone for ShellTask<M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M: AnyMachine> Copy for ShellTask<M> {}

/// Answers a question about what a driver follows, given the last sequence that its inbox is known to have.
pub type Answerer<M> = fn(&Driver<M>, &[u8], u64) -> Vec<u8>;

/// Why a group's loop ended without being drained.
#[derive(Debug, thiserror::Error)]
pub enum ShellError {
    /// A request to NATS failed.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// The driver stopped and cannot continue.
    #[error("{group} on partition {partition} stopped: {stop}")]
    Stopped {
        /// Name of the group.
        group: &'static str,
        /// Number of the partition.
        partition: u16,
        /// The driver's reason.
        stop: Stop,
    },
}
