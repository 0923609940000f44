//! Facts of the drivers: the owner of a writer, and the last input that it has decided. No machine reads them.

use crate::structs::structs;

structs! {
    /// A process became the owner of a writer. The append of this fact fences every earlier owner.
    Epoch {
        /// Number of the epoch, counted per writer from 1.
        number: u64,
        /// Random number that identifies the process.
        owner: u64,
        /// `LOGIC` of the machine that the process runs.
        logic: u32,
        /// Version and commit of the program.
        build: String,
    }
    /// Heartbeat: the owner decided every input up to the cause, and the cause is unanswered.
    Progress {}
}
