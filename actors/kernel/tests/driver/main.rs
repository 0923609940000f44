//! The driver against a tape in memory: each row of its outcome table, its bounds, reading and takeover, and each
//! interleaving of a crash with an append in flight. Random faults over whole partitions are in `tests/sim`.

mod bench;
mod bounds;
mod checking;
mod crashes;
mod following;
mod generations;
mod liveness;
mod outcomes;
mod reading;
mod restoring;
mod tape;
mod toys;
mod verifying;
