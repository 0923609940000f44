//! Private nats-server and Postgres as child processes, for the demo and the tests; no client code.
//!
//! A server keeps its data in a directory, and a later start continues with them. The server stops when its handle is
//! dropped and, by the kernel's parent-death signal, when this process is killed. The kernel sends that signal when the
//! **thread** that called `start` ends: call `start` on a thread that lives as long as the server, as the main thread.
//!
//! Linux only; needs `setpriv` of util-linux.

#![forbid(unsafe_code)]

mod child;
mod directory;
mod error;
mod find;
mod lock;
mod nats;
mod port;
mod postgres;
mod server;
pub use error::ServersError;
pub use nats::{Nats, NatsServer};
pub use postgres::{Postgres, PostgresKind};
pub use server::Server;
