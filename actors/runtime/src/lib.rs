//! The async shell: everything that touches NATS, Postgres, clocks and sockets on behalf of the pure core.
//!
//! One shell drives every machine ([`shell`]); one loop projects ([`projector`]). ractor supervises and carries
//! control messages only ([`supervisor`]): data is pulled from streams, never pushed through a mailbox.
#![forbid(unsafe_code)]

pub mod bus;
pub mod database;
pub mod http;
pub mod metrics;
pub mod projector;
pub mod publisher;
pub mod rejects;
pub mod shell;
pub mod status;
pub mod streams;
pub mod supervisor;
pub mod tail;

pub use bus::{Bus, BusError};
pub use status::GroupStatus;

/// A request to drain: `true` once given, to every group that watches.
pub type DrainSignal = tokio::sync::watch::Receiver<bool>;
