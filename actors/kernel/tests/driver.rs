//! The driver against a model tape: a case for each outcome of an append, crashes at every step, and seeded random runs
//! with every fault of JetStream, of the network and of another owner. No NATS here.
//!
//! `TAPEDECK_SEEDS=100000` runs more seeds; `TAPEDECK_SEED=17` runs one and prints what happens in it.

mod cases;
mod model;
