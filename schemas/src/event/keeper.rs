//! Facts of the keeper: the creation of a tape, and, reserved, its trims.

use crate::generation::{Generation, Lineage};
use crate::ids::TapeId;
use crate::offset::Offset;
use crate::record::{self, Entry, Header, RecordHash, Writer};
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
        /// Number of the generation of the tape, from 1. The identity is the same in every generation.
        generation: Generation,
        /// The records that follow as copies from earlier generations, in order; empty for generation 1.
        copied: Vec<CopiedRecords>,
        /// The messages that inboxes are known to have lost, in order. The readers of the tape skip their sequences.
        lost: Vec<LostMessages>,
    }
    /// Messages that an inbox lost and that no record of the tape rests on. The next message follows them.
    LostMessages {
        /// The writer that reads the inbox.
        reader: Writer,
        /// Generation of the inbox.
        generation: Generation,
        /// Stream sequence of the first of them.
        first: u64,
        /// Stream sequence of the last of them.
        last: u64,
    }
    /// Records that a tape holds as copies, byte for byte and at the same sequences: those after the ones of the
    /// element before (for the first: after the first record of the tape).
    CopiedRecords {
        /// The generation to which the records were appended first.
        generation: Generation,
        /// Stream sequence of the last of them.
        last: u64,
        /// Hash of the bytes of the message with that sequence.
        hash: RecordHash,
    }
    /// Reserved: nothing writes it yet. Says that everything before a sequence was archived and purged.
    Trimmed {
        /// Stream sequence of the first record that remains.
        first_kept: u64,
        /// For each writer: its number, and the sequence and hash of its last purged record.
        last_gone: Vec<(u8, u64, RecordHash)>,
    }
}

impl TapeCreated {
    /// Returns the first fact of generation 1 of a tape.
    pub fn first(tape: TapeId, partition: u16, placement: Vec<String>) -> Self {
        Self { tape, partition, placement, generation: Generation::FIRST, copied: Vec::new(), lost: Vec::new() }
    }

    /// Returns the bytes of the record with which the keeper begins the tape.
    pub fn first_record(&self) -> Vec<u8> {
        let header = Header { writer: Writer::Keeper, epoch: 1, prev_hash: RecordHash::default(), inbox: None };
        let event = self.clone().into();
        record::encode(&header, &[Entry { cause: Offset::START, index: 0, at: 0, event }])
    }

    /// Returns the identity of the tape for its readers.
    pub fn lineage(&self) -> Lineage {
        let Self { tape, generation, copied, lost, .. } = self.clone();
        Lineage { tape, generation, copied, lost }
    }
}

impl From<&TapeCreated> for Lineage {
    fn from(created: &TapeCreated) -> Self {
        created.lineage()
    }
}
