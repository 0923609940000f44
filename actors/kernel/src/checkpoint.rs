//! A place on a tape, kept outside it: from there a reader reads on, and with it the tape is compared.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tapedeck_schemas::record::{RecordHash, Writer};

/// A place on a tape from which a reader can read on: the last sequence read, and the ends of the chains there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TapeCheckpoint {
    /// The last sequence read; 0 at the beginning.
    pub seq: u64,
    /// Hash of the message at that sequence, valid or not; zeros at the beginning.
    pub last: RecordHash,
    /// The end of the chain of each writer that has a record.
    pub chains: BTreeMap<Writer, ChainEnd>,
}

/// The end of a writer's chain.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainEnd {
    /// Stream sequence of the writer's last valid record.
    pub seq: u64,
    /// Hash of that record; zeros before the first.
    pub hash: RecordHash,
    /// Epoch of that record; 0 before the first.
    pub epoch: u64,
    /// Build of the writer's last epoch.
    pub build: Option<String>,
}

/// The records that a tape must hold if rows were projected from it: the last record of each writer at each checkpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequiredRecords {
    /// The least sequence at which the tape may end.
    pub last: u64,
    /// Sequence and hash of each record, in order, each once.
    pub records: Vec<(u64, RecordHash)>,
}

impl RequiredRecords {
    /// The records of these checkpoints.
    pub fn of(checkpoints: &[TapeCheckpoint]) -> Self {
        let chains = checkpoints.iter().flat_map(|checkpoint| checkpoint.chains.values());
        let last = checkpoints.iter().map(|checkpoint| checkpoint.seq).max().unwrap_or(0);
        let mut records: Vec<_> = chains.map(|chain| (chain.seq, chain.hash)).collect();
        // A message that is no record is in no chain, but the reader does not read its sequence again.
        let ends = checkpoints.iter().map(|checkpoint| (checkpoint.seq, checkpoint.last));
        records.extend(ends.filter(|(_, hash)| *hash != RecordHash::default()));
        records.sort_unstable_by_key(|(seq, hash)| (*seq, hash.0));
        records.dedup();
        Self { last, records }
    }

    /// Compares the end of the tape.
    pub fn check_last(&self, last: u64) -> Result<(), CheckpointMismatch> {
        if last < self.last { Err(CheckpointMismatch::Short { projected: self.last, last }) } else { Ok(()) }
    }
}

/// Compares the message that the tape holds at `seq` with the record that a checkpoint names there.
pub fn check_record(seq: u64, want: RecordHash, payload: Option<&[u8]>) -> Result<(), CheckpointMismatch> {
    let found = payload.map(RecordHash::of);
    if found == Some(want) { Ok(()) } else { Err(CheckpointMismatch::Record { seq, want, found }) }
}

/// Rows were projected from records that the tape does not hold: it lost records, or the database is that of another
/// history of the tape.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointMismatch {
    /// The tape ends before a checkpoint.
    #[error("the rows in Postgres are of the records up to sequence {projected}, but the tape ends at {last}")]
    Short {
        /// The greatest sequence of a checkpoint.
        projected: u64,
        /// Last sequence of the tape.
        last: u64,
    },
    /// The tape holds another message at the sequence of a record, or none.
    #[error(
        "the rows in Postgres are of a record with the hash {want:?} at sequence {seq}, but the tape has {}",
        found.map_or_else(|| "no message there".into(), |hash| format!("one with the hash {hash:?}"))
    )]
    Record {
        /// Sequence of the record.
        seq: u64,
        /// Hash of the projected record.
        want: RecordHash,
        /// Hash of the message on the tape; `None` if there is none.
        found: Option<RecordHash>,
    },
    /// The stored chains are not those of a checkpoint of this build.
    #[error("the checkpoint in Postgres cannot be read ({0}); deploy the build that wrote it, or a newer one")]
    Unreadable(String),
}
