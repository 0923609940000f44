//! The contract's own maps in a file, as `replay --to-file` writes them: lines of JSON, or MessagePack end to end.
//!
//! What a replay writes of other facts is counted and left out.

use std::collections::VecDeque;
use std::io::{BufRead, Read};
use std::path::PathBuf;

use serde::Deserialize as _;
use serde::de::IgnoredAny;
use tapedeck_schemas::ids::InstrumentId;
use tapedeck_schemas::market::{self, Malformed, Unnumbered};

use super::{Content, FormatReader, ParsedMarket, TextLine};
use crate::FeedError;
use crate::input::{InputFile, read_error_after};
use crate::lines::Lines;

/// A fact that is no market event begins with its offset.
const FACT_JSON: &[u8] = b"{\"offset\":";
const FACT_MESSAGEPACK: &[u8] = b"\xa8position";
const FACTS: &str = "facts";

pub(super) fn is_json(input: &InputFile) -> bool {
    let mut seen = input.head.iter().filter(|byte| !byte.is_ascii_whitespace());
    seen.next().is_none_or(|first| matches!(first, b'{' | b'['))
}

pub(super) fn is_messagepack(input: &InputFile) -> bool {
    // A map or an array; none of these bytes begins a text.
    input.head.first().is_some_and(|first| matches!(first, 0x80..=0x9f | 0xdc..=0xdf))
}

struct Json {
    lines: Lines,
    given: Option<InstrumentId>,
    waiting: VecDeque<ParsedMarket>,
}

pub(super) fn json(input: InputFile, given: Option<InstrumentId>) -> Result<Box<dyn FormatReader>, FeedError> {
    Ok(Box::new(Json { lines: Lines::of(input), given, waiting: VecDeque::new() }))
}

impl FormatReader for Json {
    fn next(&mut self) -> Result<Option<TextLine>, FeedError> {
        loop {
            if let Some(market) = self.waiting.pop_front() {
                return Ok(Some(market.into()));
            }
            let Some(line) = self.lines.next()? else { return Ok(None) };
            if line.trim_ascii().is_empty() {
                continue;
            }
            if line.starts_with(FACT_JSON) {
                return Ok(Some(TextLine { received: 0, content: Content::Skipped(FACTS) }));
            }
            let read: Result<_, String> = read(line, self.given);
            self.waiting = read.map_err(|detail| self.lines.malformed(detail))?;
        }
    }
}

/// The events of a message, if all are right.
pub(super) fn read(message: &[u8], given: Option<InstrumentId>) -> Result<VecDeque<ParsedMarket>, String> {
    let market = |one: Result<(Option<InstrumentId>, Unnumbered), Malformed>| {
        let (named, Unnumbered { ts_recv, ts_event, body }) = one.map_err(|malformed| malformed.detail)?;
        let instrument = named.or(given).ok_or("instrument is missing; add it to the maps, or give --instrument")?;
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
    waiting: VecDeque<ParsedMarket>,
}

pub(super) fn messagepack(input: InputFile, given: Option<InstrumentId>) -> Result<Box<dyn FormatReader>, FeedError> {
    let InputFile { path, reader, .. } = input;
    Ok(Box::new(MessagePack { path, reader, given, number: 0, message: Vec::new(), waiting: VecDeque::new() }))
}

impl MessagePack {
    /// Reads one whole value, or none at the end.
    fn read_value(&mut self) -> Result<bool, FeedError> {
        let failed = |path: &PathBuf, number, source| read_error_after(path, number, source);
        if self.reader.fill_buf().map_err(|source| failed(&self.path, self.number, source))?.is_empty() {
            return Ok(false);
        }
        self.number += 1;
        self.message.clear();
        let bounded = self.reader.by_ref().take(market::MESSAGE_BYTES_MAX as u64);
        let mut copied = Copied { from: bounded, to: &mut self.message };
        let whole = IgnoredAny::deserialize(&mut rmp_serde::Deserializer::new(&mut copied));
        whole.map(|_| true).map_err(|error| self.malformed(format!("no whole map of MessagePack: {error}")))
    }

    fn malformed(&self, detail: String) -> FeedError {
        FeedError::malformed(&self.path, self.number, detail, &self.message)
    }
}

impl FormatReader for MessagePack {
    fn next(&mut self) -> Result<Option<TextLine>, FeedError> {
        loop {
            if let Some(market) = self.waiting.pop_front() {
                return Ok(Some(market.into()));
            }
            if !self.read_value()? {
                return Ok(None);
            }
            if self.message[1..].starts_with(FACT_MESSAGEPACK) {
                return Ok(Some(TextLine { received: 0, content: Content::Skipped(FACTS) }));
            }
            self.waiting = read(&self.message, self.given).map_err(|detail| self.malformed(detail))?;
        }
    }
}

/// Keeps what was read.
struct Copied<'a, R> {
    from: R,
    to: &'a mut Vec<u8>,
}

impl<R: Read> Read for Copied<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.from.read(buffer)?;
        self.to.extend_from_slice(&buffer[..count]);
        Ok(count)
    }
}
