//! The lines of an input, each of bounded length.

use std::io::{BufRead, Read};
use std::path::PathBuf;

use crate::FeedError;
use crate::input::{InputFile, read_error_after};

/// Longest line, in bytes.
pub(crate) const LINE_BYTES_MAX: usize = 1024 * 1024;

/// Reads lines and counts them.
pub(crate) struct Lines {
    path: PathBuf,
    reader: Box<dyn BufRead + Send>,
    number: u64,
    line: Vec<u8>,
}

impl Lines {
    /// The lines of an input, from the first on.
    pub(crate) fn new(input: InputFile) -> Self {
        Self { path: input.path, reader: input.reader, number: 0, line: Vec::new() }
    }

    /// The next line without its line ending, or `None` at the end of the file.
    pub(crate) fn next(&mut self) -> Result<Option<&[u8]>, FeedError> {
        self.line.clear();
        let bound = LINE_BYTES_MAX as u64 + 2;
        match self.reader.by_ref().take(bound).read_until(b'\n', &mut self.line) {
            Ok(0) => return Ok(None),
            Ok(_) => self.number += 1,
            Err(source) => return Err(read_error_after(&self.path, self.number, source)),
        }
        if self.line.ends_with(b"\n") {
            self.line.pop();
        }
        if self.line.ends_with(b"\r") {
            self.line.pop();
        }
        if self.line.len() > LINE_BYTES_MAX {
            return Err(self.malformed(format!("longer than {LINE_BYTES_MAX} bytes")));
        }
        Ok(Some(&self.line))
    }

    /// The error for the line last read.
    pub(crate) fn malformed(&self, detail: String) -> FeedError {
        FeedError::malformed(&self.path, self.number, detail, &self.line)
    }
}
