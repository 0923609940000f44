//! Facts of the keeper: where a tape begins.

use crate::ids::TapeId;
use crate::record::RecordHash;
use crate::structs::structs;

structs! {
    /// The first record of every tape.
    TapeCreated {
        /// The tape's identity.
        tape: TapeId,
        /// Number of the partition, from 0.
        partition: u16,
        /// The market subjects placed on it.
        placement: Vec<String>,
    }
    /// Everything before a sequence was archived and purged.
    Trimmed {
        /// The first sequence that is kept.
        first_kept: u64,
        /// Per writer number: the sequence and hash of its last record that went.
        last_gone: Vec<(u8, u64, RecordHash)>,
    }
}
