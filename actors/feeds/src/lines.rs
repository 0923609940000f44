//! The lines of an input, each of bounded length.

use std::io::{BufRead, Read};
use std::path::PathBuf;

use crate::FeedError;
use crate::defect::{Defect, kind};
use crate::input::{InputFile, UTF8_MARK, read_error_after};

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

    /// The next line that is not blank, without its line ending, or `None` at the end of the file.
    pub(crate) fn next(&mut self) -> Result<Option<&[u8]>, FeedError> {
        while self.read()? {
            if !self.line.trim_ascii().is_empty() {
                return Ok(Some(&self.line));
            }
        }
        Ok(None)
    }

    /// Reads the next line; `false` at the end of the file. After a line that is too long, the next one can be read.
    fn read(&mut self) -> Result<bool, FeedError> {
        self.line.clear();
        let bound = LINE_BYTES_MAX as u64 + 2;
        match self.reader.by_ref().take(bound).read_until(b'\n', &mut self.line) {
            Ok(0) => return Ok(false),
            Ok(_) => self.number += 1,
            Err(source) => return Err(read_error_after(&self.path, self.number, source)),
        }
        if self.line.ends_with(b"\n") {
            self.line.pop();
        } else if self.line.len() as u64 == bound {
            self.skip_rest()?;
        }
        if self.line.ends_with(b"\r") {
            self.line.pop();
        }
        // Files that were concatenated have one within.
        if self.line.starts_with(UTF8_MARK) {
            self.line.drain(..UTF8_MARK.len());
        }
        if self.line.len() > LINE_BYTES_MAX {
            return Err(self.malformed(Defect::new(kind::LONG_LINE, format!("longer than {LINE_BYTES_MAX} bytes"))));
        }
        Ok(true)
    }

    /// Skips what is left of a line.
    fn skip_rest(&mut self) -> Result<(), FeedError> {
        let failed = |source| read_error_after(&self.path, self.number, source);
        loop {
            let buffer = self.reader.fill_buf().map_err(failed)?;
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let count = end.map_or(buffer.len(), |end| end + 1);
            self.reader.consume(count);
            if end.is_some() || count == 0 {
                return Ok(());
            }
        }
    }

    /// The error for the line last read.
    pub(crate) fn malformed(&self, defect: impl Into<Defect>) -> FeedError {
        FeedError::malformed(&self.path, self.number, defect, &self.line)
    }
}
