//! Where replayed facts go: a file, or subjects.

mod file;
mod subjects;

use crate::error::HistoryError;
use crate::render::Rendered;
use crate::replay::Checkpoint;

pub use file::FileSink;
pub use subjects::{SubjectSink, check_prefix};

/// An output of a replay.
pub enum Sink {
    /// A file, or standard output.
    File(Box<FileSink>),
    /// Subjects under a prefix.
    Subjects(Box<SubjectSink>),
}

impl Sink {
    /// Writes or publishes the next fact.
    pub(crate) async fn put(&mut self, rendered: &Rendered) -> Result<(), HistoryError> {
        match self {
            Sink::File(file) => file.put(rendered),
            Sink::Subjects(subjects) => subjects.put(rendered).await,
        }
    }

    /// Hands buffered bytes to the system, for a reader that follows the file.
    pub(crate) fn flush(&mut self) -> Result<(), HistoryError> {
        match self {
            Sink::File(file) => file.flush(),
            Sink::Subjects(_) => Ok(()),
        }
    }

    /// Makes everything so far durable, or confirmed, and writes into the checkpoint how much of a file that is.
    pub(crate) async fn sync(&mut self, checkpoint: &mut Checkpoint) -> Result<(), HistoryError> {
        match self {
            Sink::File(file) => (checkpoint.bytes, checkpoint.hash) = file.sync()?,
            Sink::Subjects(subjects) => subjects.confirm().await?,
        }
        Ok(())
    }
}
