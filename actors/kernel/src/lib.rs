//! The pure core: the contract of a machine, and the protocol that appends its decisions exactly once.
//!
//! Read [`machine`] first, then [`driver`]. No IO, no clock, no randomness, no async, no logging.
#![forbid(unsafe_code)]

pub mod any;
mod builder;
pub mod checkpoint;
pub mod driver;
pub mod freshness;
pub mod guard;
mod inbox;
pub mod invariants;
pub mod liveness;
pub mod machine;
pub mod mark;
pub mod merge;
mod protocol;
pub mod publication;
pub mod recent;
pub mod reply;
pub mod state;
pub mod tape;
pub mod terms;
pub mod testing;
pub mod verifier;

pub use any::{AnyMachine, BoxedMachine, Decided, MachineInfo, boxed};
pub use checkpoint::{ChainEnd, CheckpointMismatch, RequiredRecords, TapeCheckpoint, check_record};
pub use driver::{Answer, Driver, Output, ProcessIdentity, Stop};
pub use inbox::{InboxMessage, InboxMismatch};
pub use machine::{Cause, CommandEntry, Fact, Inbox, Machine, MachineInput, MarketEntry, Out, Reads, step};
pub use tape::{TapeFault, TapeRead, TapeReader, TapeRecord};
pub use verifier::{Difference, Verifier};
