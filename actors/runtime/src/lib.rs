//! The async shell around the pure core: NATS, Postgres, clocks and sockets.
//!
//! [`shell`] runs the driver of any machine, [`projector`] writes the projections. ractor supervises them
//! ([`supervisor`]) and carries control messages only: data are pulled from streams, not sent through mailboxes.
#![forbid(unsafe_code)]

pub mod bus;
pub mod database;
pub mod generation;
pub mod http;
mod liveness;
pub mod metrics;
pub mod projector;
pub mod publisher;
mod retry;
pub mod shell;
pub mod state;
pub mod status;
pub mod streams;
pub mod supervisor;
pub mod tail;
pub mod witness;

pub use bus::{Bus, BusError};
pub use retry::back_off;
pub use status::GroupStatus;

/// Becomes `true` when all groups are to drain.
pub type DrainSignal = tokio::sync::watch::Receiver<bool>;
