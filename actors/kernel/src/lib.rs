//! The pure core: what a machine is, and the protocol that makes its decisions happen exactly once.
//!
//! Read [`machine`] first, then [`driver`]. No IO, no clock, no randomness, no async, no logging.
#![forbid(unsafe_code)]

pub mod any;
mod builder;
pub mod driver;
pub mod invariants;
pub mod machine;
pub mod merge;
mod protocol;
pub mod publication;
pub mod recent;
pub mod reply;
pub mod tape;
pub mod verifier;

pub use any::{About, AnyMachine, BoxedMachine, Decided, boxed};
pub use driver::{Answer, Driver, Output, Owner, Stop};
pub use machine::{CommandEntry, Fact, Inbox, Machine, MachineInput, MarketEntry, Out, Reads, step};
pub use tape::{TapeFault, TapeRead, TapeReader, TapeRecord};
pub use verifier::{Difference, Verifier};
