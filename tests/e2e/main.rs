//! The whole, on a real nats-server and a real Postgres.

mod common;
mod groups;
mod kill;
mod spine;
mod tamper;
