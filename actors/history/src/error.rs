//! The errors of reading, replaying and verifying history.

use std::path::PathBuf;

use tapedeck_kernel::TapeFault;
use tapedeck_runtime::BusError;
use tapedeck_runtime::database::DatabaseError;

/// Reason why history cannot be read, replayed or verified.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// A request to NATS failed.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// A query failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A tape cannot be read further.
    #[error("partition {partition}: {fault}")]
    Tape {
        /// The tape's partition.
        partition: u16,
        /// The fault of the tape.
        fault: TapeFault,
    },
    /// A tape ends before the end of the range.
    #[error("partition {partition}: the tape ends at sequence {got}, before the end of the range at {expected}")]
    Short {
        /// The tape's partition.
        partition: u16,
        /// Last sequence to read.
        expected: u64,
        /// Last sequence of the tape.
        got: u64,
    },
    /// A range that does not fit the tapes.
    #[error("{0}")]
    Range(String),
    /// A file operation failed.
    #[error("cannot {what} {}: {source}", path.display())]
    File {
        /// The action that failed, for the message.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The output file is not empty, and no checkpoint of a replay belongs to it.
    #[error("{} is not empty and has no checkpoint; give another name, or --fresh to overwrite it", .0.display())]
    Occupied(PathBuf),
    /// An interrupted replay cannot be resumed.
    #[error("cannot resume the replay of checkpoint {}: {why}; --fresh starts over", path.display())]
    Resume {
        /// The checkpoint file.
        path: PathBuf,
        /// The respect in which checkpoint, file and replay do not match.
        why: String,
    },
    /// A subject prefix that must not be published under.
    #[error("cannot publish under the prefix {prefix:?}: {why}; give another, such as replay.monday")]
    Prefix {
        /// The prefix.
        prefix: String,
        /// The rule that the prefix breaks.
        why: String,
    },
    /// NATS did not confirm the published messages. Holds the time waited, in seconds.
    #[error("NATS confirmed nothing for {0} s; once it is back, the same command with --run and --resume continues")]
    Unconfirmed(u64),
}

impl HistoryError {
    /// A failed file operation.
    pub(crate) fn file(what: &'static str, path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| HistoryError::File { what, path, source }
    }
}

impl From<tokio_postgres::Error> for HistoryError {
    fn from(error: tokio_postgres::Error) -> Self {
        HistoryError::Database(error.into())
    }
}
