//! Maps of the publishing contract, as `replay --to-file` writes them: lines of JSON, or concatenated MessagePack.
//!
//! Facts that are not market events are counted and skipped.

use std::collections::VecDeque;
use std::io::{BufRead, Read};
use std::path::PathBuf;

use serde::Deserialize as _;
use serde::de::IgnoredAny;
use tapedeck_schemas::ids::InstrumentId;
use tapedeck_schemas::market::{self, Malformed, Unnumbered};

use super::{Content, FileEntry, FormatReader, ParsedMarket, named_or_given};
use crate::FeedError;
use crate::input::{InputFile, read_error_after};
use crate::lines::Lines;

/// The first key of a fact that is not a market event: its offset.
const FACT_JSON: &[u8] = b"{\"offset\":";
const FACT_MESSAGEPACK: &[u8] = b"\xa6offset";
const FACTS: &str = "facts";

pub(super) fn is_json(input: &InputFile) -> bool {
    let mut visible = input.head.iter().filter(|byte| !byte.is_ascii_whitespace());
    visible.next().is_none_or(|first| matches!(first, b'{' | b'['))
}

pub(super) fn is_messagepack(input: &InputFile) -> bool {
    // A map or an array; no ASCII text begins with these bytes.
    input.head.first().is_some_and(|first| matches!(first, 0x80..=0x9f | 0xdc..=0xdf))
}

struct Json {
    lines: Lines,
    given: Option<InstrumentId>,
    events: VecDeque<ParsedMarket>,
}

pub(super) fn json(input: InputFile, given: Option<InstrumentId>) -> Result<Box<dyn FormatReader>, FeedError> {
    Ok(Box::new(Json { lines: Lines::new(input), given, events: VecDeque::new() }))
}

impl FormatReader for Json {
    fn next(&mut self) -> Result<Option<FileEntry>, FeedError> {
        loop {
            if let Some(market) = self.events.pop_front() {
                return Ok(Some(market.into()));
            }
            let Some(line) = self.lines.next()? else { return Ok(None) };
            if line.trim_ascii().is_empty() {
                continue;
            }
            if line.starts_with(FACT_JSON) {
                return Ok(Some(FileEntry { received: 0, content: Content::Skipped(FACTS) }));
            }
            let read: Result<_, String> = read(line, self.given);
            self.events = read.map_err(|detail| self.lines.malformed(detail))?;
        }
    }
}

/// The events of a message; an error if one of them is malformed.
pub(super) fn read(message: &[u8], given: Option<InstrumentId>) -> Result<VecDeque<ParsedMarket>, String> {
    let market = |one: Result<(Option<InstrumentId>, Unnumbered), Malformed>| {
        let (named, Unnumbered { ts_recv, ts_event, body }) = one.map_err(|malformed| malformed.detail.words())?;
        let instrument = named_or_given(named, given)?;
        Ok(ParsedMarket { received: ts_recv, instrument, ts_event, body })
    };
    market::decode_unnumbered(message).into_iter().map(market).collect()
}

struct MessagePack {
    path: PathBuf,
    reader: Box<dyn BufRead + Send>,
    given: Option<InstrumentId>,
    number: u64,
    message: Vec<u8>,
    events: VecDeque<ParsedMarket>,
}

pub(super) fn messagepack(input: InputFile, given: Option<InstrumentId>) -> Result<Box<dyn FormatReader>, FeedError> {
    let InputFile { path, reader, .. } = input;
    Ok(Box::new(MessagePack { path, reader, given, number: 0, message: Vec::new(), events: VecDeque::new() }))
}

impl MessagePack {
    /// Reads one complete value into `message`; `false` at the end of the file.
    fn read_value(&mut self) -> Result<bool, FeedError> {
        let failed = |path: &PathBuf, number, source| read_error_after(path, number, source);
        if self.reader.fill_buf().map_err(|source| failed(&self.path, self.number, source))?.is_empty() {
            return Ok(false);
        }
        self.number += 1;
        self.message.clear();
        let bounded = self.reader.by_ref().take(market::MESSAGE_BYTES_MAX as u64);
        let mut tee = TeeReader { from: bounded, copy: &mut self.message };
        let value = IgnoredAny::deserialize(&mut rmp_serde::Deserializer::new(&mut tee));
        value.map(|_| true).map_err(|error| self.malformed(format!("not a complete map of MessagePack: {error}")))
    }

    fn malformed(&self, detail: String) -> FeedError {
        FeedError::malformed(&self.path, self.number, detail, &self.message)
    }
}

impl FormatReader for MessagePack {
    fn next(&mut self) -> Result<Option<FileEntry>, FeedError> {
        loop {
            if let Some(market) = self.events.pop_front() {
                return Ok(Some(market.into()));
            }
            if !self.read_value()? {
                return Ok(None);
            }
            if self.message[1..].starts_with(FACT_MESSAGEPACK) {
                return Ok(Some(FileEntry { received: 0, content: Content::Skipped(FACTS) }));
            }
            self.events = read(&self.message, self.given).map_err(|detail| self.malformed(detail))?;
        }
    }
}

/// Copies the bytes that are read.
struct TeeReader<'a, R> {
    from: R,
    copy: &'a mut Vec<u8>,
}

impl<R: Read> Read for TeeReader<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.from.read(buffer)?;
        self.copy.extend_from_slice(&buffer[..count]);
        Ok(count)
    }
}
