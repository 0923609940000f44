//! A file that takes what is replayed; cut back to the last checkpoint it goes on as if nothing had happened.

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
    /// Standard output, which is not gone on with.
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

    /// A file at a checkpoint of its own: behind its bytes, which must be there as they were written. One that has
    /// written none begins the file, which must be empty or not there.
    pub fn open(path: &Path, format: OutputFormat, at: &Checkpoint) -> Result<Self, HistoryError> {
        let fail = |what| HistoryError::file(what, path);
        let mut options = OpenOptions::new();
        let mut file = options.read(true).write(true).create(true).truncate(false).open(path).map_err(fail("open"))?;
        file.try_lock().map_err(|error| fail("lock")(error.into()))?;
        let saved = CheckpointFile::beside(path);
        let length = file.metadata().map_err(fail("look at"))?.len();
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
            return Err(saved.cannot(format!("{} was altered since", path.display())));
        }
        file.set_len(at.bytes).map_err(fail("cut"))?;
        std::io::Seek::seek(&mut file, std::io::SeekFrom::End(0)).map_err(fail("read"))?;
        let out: Box<dyn Write + Send> = Box::new(file.try_clone().map_err(fail("open"))?);
        let out = BufWriter::with_capacity(BUFFER_BYTES, out);
        Ok(Self { out, file: Some(file), path: path.into(), format, bytes: at.bytes, hasher })
    }

    /// Takes the next fact.
    pub fn put(&mut self, rendered: &Rendered) -> Result<(), HistoryError> {
        let bytes = rendered.bytes(self.format);
        self.hasher.update(&bytes);
        self.bytes += bytes.len() as u64;
        self.out.write_all(&bytes).map_err(HistoryError::file("write", &self.path))
    }

    /// Hands what it has taken to the system.
    pub fn flush(&mut self) -> Result<(), HistoryError> {
        self.out.flush().map_err(HistoryError::file("write", &self.path))
    }

    /// Sees to it that what it has taken is on the disk, and says how much that is: bytes, and their BLAKE3 in hex.
    pub fn sync(&mut self) -> Result<(u64, String), HistoryError> {
        self.flush()?;
        if let Some(file) = &self.file {
            file.sync_data().map_err(HistoryError::file("write", &self.path))?;
        }
        Ok((self.bytes, self.hasher.finalize().to_hex().to_string()))
    }
}
