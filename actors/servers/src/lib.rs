//! Private nats-server and Postgres as child processes, for the demo and the tests; no client code.
//!
//! A server lives in a directory and finds its data there again. It ends when its handle is dropped, and, by the
//! kernel's parent-death signal, when this process is killed. That signal fires when the **thread** that called
//! `start` ends, so call it from one that lives as long as the server should: the main thread.
//!
//! Linux only; `setpriv` (util-linux) must be there.

#![forbid(unsafe_code)]

mod child;
mod error;
mod find;
mod home;
mod lock;
mod nats;
mod port;
mod postgres;

pub use error::ServersError;
pub use nats::NatsServer;
pub use postgres::Postgres;
