//! The pure core: what a machine is, and the protocol that makes its decisions happen exactly once.
//!
//! Read [`machine`] first. No IO, no clock, no randomness, no async, no logging.
#![forbid(unsafe_code)]

pub mod machine;

pub use machine::{CommandEntry, Fact, Inbox, InboxInput, Input, Machine, MarketEntry, Out, Reads, step};
