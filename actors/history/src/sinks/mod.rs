//! Outputs of a replay: a file, or subjects.

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

    /// Writes buffered bytes to the file, for a reader that follows it. Does not make them durable.
    pub(crate) fn flush(&mut self) -> Result<(), HistoryError> {
        match self {
            Sink::File(file) => file.flush(),
            Sink::Subjects(_) => Ok(()),
        }
    }

    /// Makes every fact so far durable (a file) or confirmed (subjects), and records the size and hash of the file in
    /// the checkpoint.
    pub(crate) async fn sync(&mut self, checkpoint: &mut Checkpoint) -> Result<(), HistoryError> {
        match self {
            Sink::File(file) => (checkpoint.bytes, checkpoint.hash) = file.sync()?,
            Sink::Subjects(subjects) => subjects.confirm().await?,
        }
        Ok(())
    }
}
