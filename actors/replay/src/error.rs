//! Why a replay cannot begin or go on.

use std::path::PathBuf;

use tapedeck_kernel::TapeFault;
use tapedeck_runtime::BusError;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The broker could not be asked.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// The tape cannot be read on.
    #[error("partition {partition}: {fault}")]
    Tape {
        /// Which.
        partition: u16,
        /// What is wrong with it.
        fault: TapeFault,
    },
    /// The tape ended before the end of the range.
    #[error("partition {partition}: the tape should reach to sequence {expected}, but holds nothing behind {got}")]
    Short {
        /// Which.
        partition: u16,
        /// The sequence that should be there.
        expected: u64,
        /// The last one that is.
        got: u64,
    },
    /// A range that cannot be.
    #[error("{0}")]
    Range(String),
    /// A file cannot be used.
    #[error("cannot {what} {}: {source}", path.display())]
    File {
        /// What was tried.
        what: &'static str,
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file is there that this replay did not write.
    #[error("{} is no interrupted replay and not empty; give another name, or --fresh to write it anew", .0.display())]
    Occupied(PathBuf),
    /// An interrupted replay cannot be gone on with.
    #[error("cannot go on with the replay that {} tells of: {why}; --fresh starts over", path.display())]
    Resume {
        /// Its state.
        path: PathBuf,
        /// What does not fit.
        why: String,
    },
    /// A prefix that cannot be published under.
    #[error("cannot replay onto subjects under {prefix:?}: {why}; take one of your own, as replay.monday")]
    Prefix {
        /// Which.
        prefix: String,
        /// What is wrong with it.
        why: String,
    },
    /// The broker does not confirm.
    #[error("NATS has confirmed nothing for {0} s; once it is back, the same command with --resume goes on")]
    Unconfirmed(u64),
}

impl ReplayError {
    /// A file that cannot be used.
    pub(crate) fn file(what: &'static str, path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| ReplayError::File { what, path, source }
    }
}
