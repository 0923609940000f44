//! Deterministic simulation: the real drivers and machines of a whole partition, their owners and restarts, over a
//! model of the broker, the publishers, the operators and the projector's database. One seed, one thread, no clock.
#![forbid(unsafe_code)]

pub mod broker;
pub mod judge;
pub mod message;
