//! Lines of a file, plain or gzipped, each of bounded length; what the lines say is not known here.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use crate::FeedError;

/// Longest line, in bytes.
pub(crate) const LINE_BYTES_MAX: usize = 1024 * 1024;
const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];

/// Reads lines and counts them.
pub(crate) struct Lines {
    path: PathBuf,
    reader: Box<dyn BufRead + Send>,
    number: u64,
    line: Vec<u8>,
}

impl Lines {
    /// Opens a file; gzip is known by its first bytes or by the name's end.
    pub(crate) fn open(path: &Path) -> Result<Self, FeedError> {
        let file = File::open(path).map_err(|source| FeedError::Open { path: path.into(), source })?;
        Self::new(path, BufReader::with_capacity(64 * 1024, file))
    }

    /// Reads lines from anything; `path` stands in errors.
    pub(crate) fn new(path: &Path, mut reader: impl BufRead + Send + 'static) -> Result<Self, FeedError> {
        let read_error = |source| FeedError::Read { path: path.into(), line: 0, source };
        let gzipped = reader.fill_buf().map_err(read_error)?.starts_with(GZIP_MAGIC)
            || path.extension().is_some_and(|extension| extension == "gz");
        let reader: Box<dyn BufRead + Send> =
            if gzipped { Box::new(BufReader::new(MultiGzDecoder::new(reader))) } else { Box::new(reader) };
        Ok(Self { path: path.into(), reader, number: 0, line: Vec::new() })
    }

    /// The next line without its end, or none at the end of the file.
    pub(crate) fn next(&mut self) -> Result<Option<&[u8]>, FeedError> {
        self.line.clear();
        let bound = LINE_BYTES_MAX as u64 + 2;
        match self.reader.by_ref().take(bound).read_until(b'\n', &mut self.line) {
            Ok(0) => return Ok(None),
            Ok(_) => self.number += 1,
            Err(source) => return Err(self.read_error(source)),
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

    fn read_error(&self, source: std::io::Error) -> FeedError {
        let (path, line) = (self.path.clone(), self.number);
        match source.kind() {
            ErrorKind::UnexpectedEof => FeedError::Truncated { path, line },
            _ => FeedError::Read { path, line, source },
        }
    }
}
