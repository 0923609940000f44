//! Facts of every writer's driver: who owns the writer, and how far it has read. No machine is handed one.

use crate::structs::structs;

structs! {
    /// A new owner of a writer's subject begins; every older owner is shut out by the append that carries this.
    Epoch {
        /// Counts the writer's epochs from 1.
        number: u64,
        /// A random nonce of the process.
        owner: u64,
        /// The machine's `LOGIC`.
        logic: u32,
        /// What was built: version and commit.
        build: String,
    }
    /// A heartbeat: every input up to the cause was decided on, and those since the last fact had no answer.
    Progress {}
}
