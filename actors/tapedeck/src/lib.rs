//! The `tapedeck` binary: the commands, and the wiring of the groups. No trading logic lives here.
#![forbid(unsafe_code)]

#[macro_use]
mod output;

pub mod cli;
pub mod connection;
pub mod define;
pub mod file_args;
pub mod groups;
pub mod history_args;
pub mod latency;
pub mod market;
pub mod md_status;
pub mod missing;
pub mod operator;
pub mod process;
pub mod report;
pub mod setup;
pub mod stack;
pub mod verdict;
