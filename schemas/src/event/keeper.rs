//! Facts of the keeper: the creation of a tape, and, reserved, its trims.

use crate::ids::TapeId;
use crate::record::RecordHash;
use crate::structs::structs;

structs! {
    /// The tape was created. The first event of every tape, and of no other place on it.
    TapeCreated {
        /// Random identity of the tape, part of every derived id.
        tape: TapeId,
        /// Number of the partition, 0 to 63.
        partition: u16,
        /// Subjects of the market events that are placed on the partition, as NATS filters.
        placement: Vec<String>,
    }
    /// Reserved: nothing writes it yet. Says that everything before a sequence was archived and purged.
    Trimmed {
        /// Stream sequence of the first record that remains.
        first_kept: u64,
        /// For each writer: its number, and the sequence and hash of its last purged record.
        last_gone: Vec<(u8, u64, RecordHash)>,
    }
}
