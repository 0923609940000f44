//! The driver against a model tape: directed cases for each row of its outcome table, crashes at every step, and
//! seeded random runs with every fault that a broker, a network and a rival can make. No NATS here.
//!
//! `TAPEDECK_SEEDS=100000` runs more seeds; `TAPEDECK_SEED=17` runs one and prints what happens in it.

mod cases;
mod model;
