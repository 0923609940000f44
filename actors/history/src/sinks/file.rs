//! A file that replayed facts are written to. A resumed replay truncates it to the last checkpoint and continues there.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Read as _, Write};
use std::path::{Path, PathBuf};

use crate::error::HistoryError;
use crate::render::{OutputFormat, Rendered};
use crate::replay::{Checkpoint, CheckpointFile};

const BUFFER_BYTES: usize = 256 * 1024;

/// An open file, or standard output.
pub struct FileSink {
    out: BufWriter<Box<dyn Write + Send>>,
    file: Option<File>,
    path: PathBuf,
    format: OutputFormat,
    bytes: u64,
    hasher: blake3::Hasher,
}

impl FileSink {
    /// Standard output, on which a replay cannot be resumed.
    pub fn stdout(format: OutputFormat) -> Self {
        Self {
            out: BufWriter::new(Box::new(std::io::stdout())),
            file: None,
            path: "standard output".into(),
            format,
            bytes: 0,
            hasher: blake3::Hasher::new(),
        }
    }

    /// Opens a file at a checkpoint: truncates it to the bytes that the checkpoint counts, and appends from there. A
    /// file that does not exist is created. The file is locked. Fails if it is shorter than the checkpoint, or if the
    /// hash of those bytes differs.
    pub fn open(path: &Path, format: OutputFormat, at: &Checkpoint) -> Result<Self, HistoryError> {
        let fail = |what| HistoryError::file(what, path);
        let mut options = OpenOptions::new();
        let mut file = options.read(true).write(true).create(true).truncate(false).open(path).map_err(fail("open"))?;
        file.try_lock().map_err(|error| fail("lock")(error.into()))?;
        let saved = CheckpointFile::beside(path);
        let length = file.metadata().map_err(fail("read the size of"))?.len();
        if length < at.bytes {
            let why = format!("{} holds {length} bytes, but {} were written", path.display(), at.bytes);
            return Err(saved.cannot(why));
        }
        let mut hasher = blake3::Hasher::new();
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut written = (&file).take(at.bytes);
        loop {
            match written.read(&mut buffer).map_err(fail("read"))? {
                0 => break,
                read => hasher.update(&buffer[..read]),
            };
        }
        if hasher.finalize().to_hex().as_str() != at.hash {
            return Err(saved.cannot(format!("{} was altered after it was written", path.display())));
        }
        file.set_len(at.bytes).map_err(fail("truncate"))?;
        std::io::Seek::seek(&mut file, std::io::SeekFrom::End(0)).map_err(fail("seek in"))?;
        let out: Box<dyn Write + Send> = Box::new(file.try_clone().map_err(fail("open"))?);
        let out = BufWriter::with_capacity(BUFFER_BYTES, out);
        Ok(Self { out, file: Some(file), path: path.into(), format, bytes: at.bytes, hasher })
    }

    /// Writes the next fact.
    pub fn put(&mut self, rendered: &Rendered) -> Result<(), HistoryError> {
        let bytes = rendered.bytes(self.format);
        self.hasher.update(&bytes);
        self.bytes += bytes.len() as u64;
        self.out.write_all(&bytes).map_err(HistoryError::file("write", &self.path))
    }

    /// Writes buffered bytes to the file.
    pub fn flush(&mut self) -> Result<(), HistoryError> {
        self.out.flush().map_err(HistoryError::file("write", &self.path))
    }

    /// Flushes, and syncs the file to the disk. Returns the number of bytes written, and their BLAKE3 hash in hex.
    pub fn sync(&mut self) -> Result<(u64, String), HistoryError> {
        self.flush()?;
        if let Some(file) = &self.file {
            file.sync_data().map_err(HistoryError::file("write", &self.path))?;
        }
        Ok((self.bytes, self.hasher.finalize().to_hex().to_string()))
    }
}
