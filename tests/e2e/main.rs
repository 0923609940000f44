//! End-to-end tests: the binary with a real nats-server and a real Postgres.

mod access;
mod backup;
mod checkpoint;
mod common;
mod control;
mod freshness;
mod groups;
mod help;
mod history;
mod hostile;
mod inbox;
mod kill;
mod newer;
mod provision;
mod publishers;
mod publishing;
mod readers;
mod readme;
mod replay;
mod roundtrip;
mod schema;
mod spine;
mod symbols;
mod takeover;
mod tamper;
mod trace;
