//! Kills, stops and misuses real processes at random moments, and checks the result.
//!
//! A round is drawn from a seed ([`plan`]) and performed on a [`deployment`] under load ([`round`]). When the
//! deployment has recovered ([`recover`]), it is checked ([`check`]): the events of the inboxes ([`inbox`]) must be on
//! the tape ([`tape`]) and in Postgres exactly once, and `tapedeck verify` must report the forged records and nothing
//! else.
//!
//! A damaged round takes messages from the stores themselves ([`damage`], [`stores`], [`damaged`]). The groups must
//! notice the loss ([`observe`], [`verdict`]), and after `tapedeck recover` all totals must be exact again ([`table`]).
#![forbid(unsafe_code)]

pub mod check;
pub mod damage;
pub mod damaged;
pub mod deployment;
pub mod hostile;
pub mod inbox;
pub mod load;
pub mod logs;
pub mod observe;
pub mod plan;
pub mod process;
pub mod random;
pub mod recover;
pub mod report;
pub mod round;
pub mod servers;
pub mod stores;
pub mod streams;
pub mod table;
pub mod tape;
pub mod verdict;
