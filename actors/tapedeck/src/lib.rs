//! The wiring: which groups there are, and what each command does with them. No trading logic lives here.
#![forbid(unsafe_code)]

pub mod cli;
pub mod commands;
pub mod connection;
pub mod groups;
pub mod latency;
pub mod market;
pub mod process;
pub mod report;
pub mod sources;
pub mod stack;
pub mod trace;
pub mod verify;
