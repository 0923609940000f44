//! A file's content, unpacked from gzip or zip, with its name and its first bytes; what it says is not known here.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use flate2::CrcReader;
use flate2::bufread::{DeflateDecoder, MultiGzDecoder};
use zip::CompressionMethod;

use crate::FeedError;

const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];
const ZIP_MAGIC: &[u8] = b"PK\x03\x04";
/// So many bytes are looked at to tell a format.
const HEAD_BYTES: u64 = 4096;
const BUFFER_BYTES: usize = 64 * 1024;

/// An open file.
pub(crate) struct InputFile {
    pub(crate) path: PathBuf,
    /// The file's own name, in a zip that of the file within.
    pub(crate) name: String,
    /// The first bytes, which the reader gives again.
    pub(crate) head: Vec<u8>,
    pub(crate) reader: Box<dyn BufRead + Send>,
}

impl InputFile {
    /// Opens a file; gzip is known by its first bytes or by the name's end, zip by its first bytes.
    pub(crate) fn open(path: &Path) -> Result<Self, FeedError> {
        let failed = |source| FeedError::Open { path: path.into(), source };
        let mut file = File::open(path).map_err(failed)?;
        let mut magic = Vec::new();
        file.by_ref().take(ZIP_MAGIC.len() as u64).read_to_end(&mut magic).map_err(failed)?;
        file.rewind().map_err(failed)?;
        if magic == ZIP_MAGIC {
            let (name, reader) = unzip(file).map_err(|source| read_error(path, source))?;
            return Self::of(path, name, reader);
        }
        Self::new(path, BufReader::with_capacity(BUFFER_BYTES, file))
    }

    /// Reads anything; `path` stands in errors.
    pub(crate) fn new(path: &Path, mut reader: impl BufRead + Send + 'static) -> Result<Self, FeedError> {
        let named_gz = path.extension().is_some_and(|extension| extension == "gz");
        let begin = reader.fill_buf().map_err(|source| read_error(path, source))?;
        let gzipped = begin.starts_with(GZIP_MAGIC) || named_gz;
        let name = if named_gz { path.file_stem() } else { path.file_name() };
        let name = name.unwrap_or_default().to_string_lossy().into_owned();
        if gzipped {
            return Self::of(path, name, BufReader::with_capacity(BUFFER_BYTES, MultiGzDecoder::new(reader)));
        }
        Self::of(path, name, reader)
    }

    fn of(path: &Path, name: String, mut reader: impl BufRead + Send + 'static) -> Result<Self, FeedError> {
        let mut head = Vec::new();
        let looked = reader.by_ref().take(HEAD_BYTES).read_to_end(&mut head);
        looked.map_err(|source| read_error(path, source))?;
        let reader = Box::new(Cursor::new(head.clone()).chain(reader));
        Ok(Self { path: path.into(), name, head, reader })
    }

    /// The first line, as far as it is text within the first bytes.
    pub(crate) fn first_line(&self) -> &str {
        let line = self.head.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match std::str::from_utf8(line) {
            Ok(line) => line,
            Err(error) => std::str::from_utf8(&line[..error.valid_up_to()]).unwrap_or_default(),
        }
    }
}

/// What reading on failed with; breaking off too early has an error of its own.
pub(crate) fn read_error(path: &Path, source: std::io::Error) -> FeedError {
    read_error_after(path, 0, source)
}

/// The same, after this many lines.
pub(crate) fn read_error_after(path: &Path, line: u64, source: std::io::Error) -> FeedError {
    let path = path.to_path_buf();
    match source.kind() {
        ErrorKind::UnexpectedEof => FeedError::Truncated { path, line },
        _ => FeedError::Read { path, line, source },
    }
}

/// The one file within a zip: its name, and its content, which at its end must have the recorded size and checksum.
fn unzip(file: File) -> std::io::Result<(String, impl BufRead + Send + 'static)> {
    let bad = |detail: String| std::io::Error::new(ErrorKind::InvalidData, detail);
    let mut archive = zip::ZipArchive::new(file.try_clone()?).map_err(|e| bad(format!("not a zip to read: {e}")))?;
    if archive.len() != 1 {
        let files = archive.len();
        return Err(bad(format!("the zip holds {files} files, want one; unpack it and give them by name")));
    }
    let entry = archive.by_index_raw(0).map_err(|e| bad(format!("the file in the zip: {e}")))?;
    // It stands in errors: what a terminal would obey is shown as unreadable.
    let name = String::from_utf8_lossy(entry.name_raw()).replace(char::is_control, "\u{fffd}");
    if entry.encrypted() {
        return Err(bad(format!("{name} in the zip is encrypted")));
    }
    let start = entry.data_start().ok_or_else(|| bad(format!("{name} in the zip has no place")))?;
    let (packed, size, crc, method) = (entry.compressed_size(), entry.size(), entry.crc32(), entry.compression());
    drop(entry);
    let mut file = file;
    file.seek(SeekFrom::Start(start))?;
    let packed = BufReader::with_capacity(BUFFER_BYTES, file.take(packed));
    let content: Box<dyn Read + Send> = match method {
        CompressionMethod::Stored => Box::new(packed),
        CompressionMethod::Deflated => Box::new(DeflateDecoder::new(packed)),
        other => return Err(bad(format!("{name} in the zip is packed by {other}; want deflate"))),
    };
    let name = name.rsplit('/').next().unwrap_or_default().to_string();
    let checked = Checked { content: CrcReader::new(content), left: size, crc };
    Ok((name, BufReader::with_capacity(BUFFER_BYTES, checked)))
}

/// Content of known size and CRC-32.
struct Checked<R> {
    content: CrcReader<R>,
    left: u64,
    crc: u32,
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let bad = |detail| Err(std::io::Error::new(ErrorKind::InvalidData, detail));
        let count = self.content.read(buffer)?;
        match self.left.checked_sub(count as u64) {
            None => return bad("the zip holds more than it says"),
            Some(left) => self.left = left,
        }
        if count == 0 && !buffer.is_empty() {
            if self.left > 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            if self.content.crc().sum() != self.crc {
                return bad("the zip's checksum differs; the file is damaged, copy it again");
            }
        }
        Ok(count)
    }
}
