//! The group `answers`: it tells publishers what became of their events. It appends to no tape and decides nothing.
//!
//! It follows the inbox and the tape of `ingest` as a standby of `ingest` does ([`FollowedIngest`]), counts what was
//! decided ([`counts`]), and answers requests about sources ([`serve`]); beside that, it stores each rejection once for
//! the publishers ([`rejects`]). `ingest` does not depend on it.
#![forbid(unsafe_code)]

pub mod counts;
mod followed;
mod reject;
pub mod rejects;
pub mod serve;
pub mod status;

pub use followed::FollowedIngest;
pub use reject::PublishedReject;
pub use status::{DecidedInbox, SessionCounts, SessionStatus, SourceStatus, StatusRequest};
