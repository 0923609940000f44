//! Deterministic simulation of a partition: the real drivers and machines over a model of the broker, the publishers,
//! the operators and the projector's database. A run has one seed, one thread and no clock.
#![forbid(unsafe_code)]

pub mod broker;
pub mod campaign;
pub mod checker;
pub mod database;
pub mod faults;
pub mod market;
pub mod message;
pub mod network;
pub mod paper;
pub mod process;
pub mod publisher;
pub mod random;
pub mod settings;
pub mod world;
