//! The content of a file, unpacked from gzip, zstd or zip, with its name and its first bytes; knows no format.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use flate2::CrcReader;
use flate2::bufread::DeflateDecoder;
use tapedeck_schemas::ids::Token;
use zip::CompressionMethod;

use crate::gzip::GzipReader;
use crate::{FeedError, Zone};

const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];
const ZSTD_MAGIC: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
/// Most memory for unpacking zstd, as the power of two of a window in bytes: 128 MiB.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;
const ZIP_MAGIC: &[u8] = b"PK\x03\x04";
/// The byte-order mark of UTF-8, with which some programs begin a text.
pub(crate) const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";
/// How many bytes are available to recognize a format.
const HEAD_BYTES: u64 = 4096;
const BUFFER_BYTES: usize = 64 * 1024;

/// What is said of the files whose format does not state it.
#[derive(Debug, Clone, Default)]
pub(crate) struct GivenFacts {
    pub(crate) venue: Option<Token>,
    pub(crate) zone: Option<Zone>,
}

/// An open file.
pub(crate) struct InputFile {
    pub(crate) path: PathBuf,
    pub(crate) facts: GivenFacts,
    /// The file's name; in a zip, that of the packed file.
    pub(crate) name: String,
    /// The first bytes, which `reader` returns too; without a byte-order mark of UTF-8.
    pub(crate) head: Vec<u8>,
    pub(crate) reader: Box<dyn BufRead + Send>,
}

impl InputFile {
    /// Opens a file. gzip and zstd are recognized by their first bytes or the extension, zip by its first bytes.
    pub(crate) fn open(path: &Path) -> Result<Self, FeedError> {
        let failed = |source| FeedError::Open { path: path.into(), source };
        let mut file = File::open(path).map_err(failed)?;
        let mut magic = Vec::new();
        file.by_ref().take(ZIP_MAGIC.len() as u64).read_to_end(&mut magic).map_err(failed)?;
        file.rewind().map_err(failed)?;
        if magic == ZIP_MAGIC {
            let (name, reader) = unzip(file).map_err(|source| read_error(path, source))?;
            return Self::with_head(path, name, reader);
        }
        Self::new(path, BufReader::with_capacity(BUFFER_BYTES, file))
    }

    /// Reads from `reader`, unpacking gzip or zstd; `path` is for errors and the name.
    pub(crate) fn new(path: &Path, mut reader: impl BufRead + Send + 'static) -> Result<Self, FeedError> {
        let named = |end: &str| path.extension().is_some_and(|extension| extension == end);
        let (named_gz, named_zst) = (named("gz"), named("zst"));
        let start = reader.fill_buf().map_err(|source| read_error(path, source))?;
        let is_gzip = start.starts_with(GZIP_MAGIC) || named_gz;
        let is_zstd = start.starts_with(ZSTD_MAGIC) || named_zst;
        let name = if named_gz || named_zst { path.file_stem() } else { path.file_name() };
        let name = name.unwrap_or_default().to_string_lossy().into_owned();
        if is_gzip {
            return Self::with_head(path, name, BufReader::with_capacity(BUFFER_BYTES, GzipReader::new(reader)));
        }
        if is_zstd {
            let unpacked = unzstd(reader).map_err(|source| read_error(path, source))?;
            return Self::with_head(path, name, BufReader::with_capacity(BUFFER_BYTES, unpacked));
        }
        Self::with_head(path, name, reader)
    }

    fn with_head(path: &Path, name: String, mut reader: impl BufRead + Send + 'static) -> Result<Self, FeedError> {
        let mut head = Vec::new();
        let read = reader.by_ref().take(HEAD_BYTES).read_to_end(&mut head);
        read.map_err(|source| read_error(path, source))?;
        if head.starts_with(UTF8_MARK) {
            head.drain(..UTF8_MARK.len());
        }
        let reader = Box::new(Cursor::new(head.clone()).chain(reader));
        Ok(Self { path: path.into(), facts: GivenFacts::default(), name, head, reader })
    }

    /// The first line that is not blank, up to [`HEAD_BYTES`] and the first byte that is not UTF-8.
    pub(crate) fn first_line(&self) -> &str {
        let mut lines = self.head.split(|byte| *byte == b'\n');
        let line = lines.find(|line| !line.trim_ascii().is_empty()).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match std::str::from_utf8(line) {
            Ok(line) => line,
            Err(error) => std::str::from_utf8(&line[..error.valid_up_to()]).unwrap_or_default(),
        }
    }
}

/// The error of a failed read before the first line.
pub(crate) fn read_error(path: &Path, source: std::io::Error) -> FeedError {
    read_error_after(path, 0, source)
}

/// The error of a failed read after this many lines.
pub(crate) fn read_error_after(path: &Path, line: u64, source: std::io::Error) -> FeedError {
    let path = path.to_path_buf();
    match source.kind() {
        ErrorKind::UnexpectedEof => FeedError::Truncated { path, line },
        _ => FeedError::Read { path, line, source },
    }
}

/// The content of zstd, of one or more frames in a row. Reading fails if it is damaged or ends early.
fn unzstd(reader: impl BufRead + Send + 'static) -> std::io::Result<impl Read + Send + 'static> {
    let mut unpacked = zstd::Decoder::with_buffer(reader)?;
    unpacked.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
    Ok(unpacked)
}

/// The name and the content of the only file in a zip. Reading fails at the end if size or checksum differ.
fn unzip(file: File) -> std::io::Result<(String, impl BufRead + Send + 'static)> {
    let bad = |detail: String| std::io::Error::new(ErrorKind::InvalidData, detail);
    let mut archive = zip::ZipArchive::new(file.try_clone()?).map_err(|e| bad(format!("cannot read the zip: {e}")))?;
    if archive.len() != 1 {
        let files = archive.len();
        return Err(bad(format!("the zip holds {files} files, want one; unpack it and give the files")));
    }
    let entry = archive.by_index_raw(0).map_err(|e| bad(format!("cannot read the file in the zip: {e}")))?;
    // Errors show the name: control characters, which a terminal would execute, are replaced.
    let name = String::from_utf8_lossy(entry.name_raw()).replace(char::is_control, "\u{fffd}");
    if entry.encrypted() {
        return Err(bad(format!("{name} in the zip is encrypted")));
    }
    let start = entry.data_start().ok_or_else(|| bad(format!("{name} in the zip has no data")))?;
    let packed_bytes = entry.compressed_size();
    let bytes = entry.size();
    let crc = entry.crc32();
    let method = entry.compression();
    drop(entry);
    let mut file = file;
    file.seek(SeekFrom::Start(start))?;
    let packed = BufReader::with_capacity(BUFFER_BYTES, file.take(packed_bytes));
    let content: Box<dyn Read + Send> = match method {
        CompressionMethod::Stored => Box::new(packed),
        CompressionMethod::Deflated => Box::new(DeflateDecoder::new(packed)),
        other => return Err(bad(format!("{name} in the zip is compressed by {other}, want deflate; unpack it"))),
    };
    let name = name.rsplit('/').next().unwrap_or_default().to_string();
    let verified = VerifiedReader { content: CrcReader::new(content), bytes_left: bytes, crc };
    Ok((name, BufReader::with_capacity(BUFFER_BYTES, verified)))
}

/// Fails at the end unless the content has the recorded size and CRC-32.
struct VerifiedReader<R> {
    content: CrcReader<R>,
    bytes_left: u64,
    crc: u32,
}

impl<R: Read> Read for VerifiedReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let bad = |detail| Err(std::io::Error::new(ErrorKind::InvalidData, detail));
        let count = self.content.read(buffer)?;
        match self.bytes_left.checked_sub(count as u64) {
            None => return bad("the content of the zip is longer than its recorded size; copy the file again"),
            Some(left) => self.bytes_left = left,
        }
        if count == 0 && !buffer.is_empty() {
            if self.bytes_left > 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            if self.content.crc().sum() != self.crc {
                return bad("the checksum of the zip differs; the file is damaged, copy it again");
            }
        }
        Ok(count)
    }
}
