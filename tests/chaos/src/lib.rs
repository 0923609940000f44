//! Real processes killed, stopped and misused at random moments, and judgement of what is left.
//!
//! A round is drawn from a number ([`plan`]), done to a [`deployment`] under load ([`round`]), waited out ([`heal`])
//! and judged ([`check`]): what the inboxes hold ([`expected`]) must be on the tape ([`recorded`]) and in Postgres
//! exactly once, and `tapedeck verify` must name what was forged and nothing else.
#![forbid(unsafe_code)]

pub mod check;
pub mod deployment;
pub mod expected;
pub mod heal;
pub mod hostile;
pub mod load;
pub mod logs;
pub mod plan;
pub mod process;
pub mod random;
pub mod recorded;
pub mod report;
pub mod round;
pub mod streams;
