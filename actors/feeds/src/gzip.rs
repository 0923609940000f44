//! The content of a gzip file: one or more members in a row, then the end of the file or zeros that pad it.

use std::io::{BufRead, Error, ErrorKind, Read, Result};

use flate2::bufread::GzDecoder;

/// Reads the members of a gzip file one after another. Fails at the end if other bytes than zeros follow the last one.
pub(crate) struct GzipReader<R> {
    /// `None` at the end of the file.
    member: Option<GzDecoder<CountedReader<R>>>,
    /// Bytes of the file up to the end of the last complete member; 0 within the first.
    end: u64,
}

/// Counts the bytes that are read.
struct CountedReader<R> {
    from: R,
    count: u64,
}

impl<R: BufRead> GzipReader<R> {
    pub(crate) fn new(from: R) -> Self {
        Self { member: Some(GzDecoder::new(CountedReader { from, count: 0 })), end: 0 }
    }

    /// Ends the file, or begins its next member.
    fn next_member(&mut self, mut from: CountedReader<R>) -> Result<()> {
        self.end = from.count;
        match from.fill_buf()? {
            [] => Ok(()),
            [0, ..] => self.end_padded(from),
            // One byte may be the end of a buffer: the decoder reads on.
            [0x1f] | [0x1f, 0x8b, ..] => {
                self.member = Some(GzDecoder::new(from));
                Ok(())
            }
            _ => Err(self.excess(from)),
        }
    }

    /// Reads the zeros that pad the file.
    fn end_padded(&self, mut from: CountedReader<R>) -> Result<()> {
        loop {
            let buffer = from.fill_buf()?;
            let zeros = buffer.iter().take_while(|byte| **byte == 0).count();
            match (zeros, buffer.len()) {
                (_, 0) => return Ok(()),
                (0, _) => return Err(self.excess(from)),
                _ => from.consume(zeros),
            }
        }
    }

    /// The error of bytes after the last member, of which some are read.
    fn excess(&self, mut from: CountedReader<R>) -> Error {
        if let Err(error) = std::io::copy(&mut from, &mut std::io::sink()) {
            return error;
        }
        let bytes = from.count - self.end;
        let detail = format!("{bytes} bytes after the end of the gzip data; cut them off, or copy the file again");
        Error::new(ErrorKind::InvalidData, detail)
    }
}

impl<R: BufRead> Read for GzipReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        loop {
            let Some(member) = &mut self.member else { return Ok(0) };
            match member.read(buffer) {
                Ok(0) if !buffer.is_empty() => {
                    if let Some(member) = self.member.take() {
                        self.next_member(member.into_inner())?;
                    }
                }
                // No header of a further member.
                Err(error) if error.kind() == ErrorKind::InvalidInput && self.end > 0 && member.header().is_none() => {
                    return Err(self.member.take().map_or(error, |member| self.excess(member.into_inner())));
                }
                read => return read,
            }
        }
    }
}

impl<R: BufRead> Read for CountedReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let count = self.from.read(buffer)?;
        self.count += count as u64;
        Ok(count)
    }
}

impl<R: BufRead> BufRead for CountedReader<R> {
    fn fill_buf(&mut self) -> Result<&[u8]> {
        self.from.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.count += count as u64;
        self.from.consume(count);
    }
}
