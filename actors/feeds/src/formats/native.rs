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

use super::{Content, FileEntry, FormatReader, ParsedMarket, RECEIVED_AT_EVENT, named_or_given};
use crate::FeedError;
use crate::defect::Defect;
use crate::input::{InputFile, read_error_after};
use crate::lines::Lines;

/// The first key of a fact that is not a market event: its offset.
const FACT_JSON: &[u8] = b"{\"offset\":";
const FACT_MESSAGEPACK: &[u8] = b"\xa6offset";
const FACTS: &str = "facts";
/// The field for which `ts_event` stands in, if a map lacks it.
const RECEIVED: &[u8] = b"ts_recv";

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
    events: ParsedMaps,
}

/// The maps of a message that are not returned yet.
#[derive(Default)]
struct ParsedMaps {
    maps: VecDeque<Result<ParsedMarket, Defect>>,
    /// Whether a message so far had an event without a receive time.
    lack_received: bool,
}

impl ParsedMaps {
    fn read(&mut self, message: &[u8], given: Option<InstrumentId>) {
        self.maps = read(message, given);
        let stands_in = |one: &Result<ParsedMarket, _>| matches!(one, Ok(m) if m.ts_event == Some(m.received));
        self.lack_received |=
            self.maps.iter().any(stands_in) && !message.windows(RECEIVED.len()).any(|bytes| bytes == RECEIVED);
    }

    fn assumed(&self) -> Vec<String> {
        self.lack_received.then(|| format!("{RECEIVED_AT_EVENT} (maps without ts_recv)")).into_iter().collect()
    }
}

pub(super) fn json(input: InputFile, given: Option<InstrumentId>) -> Result<Box<dyn FormatReader>, FeedError> {
    Ok(Box::new(Json { lines: Lines::new(input), given, events: ParsedMaps::default() }))
}

impl FormatReader for Json {
    fn next(&mut self) -> Result<Option<FileEntry>, FeedError> {
        loop {
            if let Some(market) = self.events.maps.pop_front() {
                return market.map(|market| Some(market.into())).map_err(|defect| self.lines.malformed(defect));
            }
            let Some(line) = self.lines.next()? else { return Ok(None) };
            if line.starts_with(FACT_JSON) {
                return Ok(Some(FileEntry { received: 0, content: Content::Skipped(FACTS) }));
            }
            self.events.read(line, self.given);
        }
    }

    fn assumed(&self) -> Vec<String> {
        self.events.assumed()
    }
}

/// The events of a message.
pub(super) fn read(message: &[u8], given: Option<InstrumentId>) -> VecDeque<Result<ParsedMarket, Defect>> {
    let market = |one: Result<(Option<InstrumentId>, Unnumbered), Malformed>| {
        let defect = |malformed: Malformed| Defect::new(malformed.detail.code(), malformed.detail.words());
        let (named, Unnumbered { ts_recv, ts_event, body }) = one.map_err(defect)?;
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
    events: ParsedMaps,
}

pub(super) fn messagepack(input: InputFile, given: Option<InstrumentId>) -> Result<Box<dyn FormatReader>, FeedError> {
    let InputFile { path, reader, .. } = input;
    Ok(Box::new(MessagePack { path, reader, given, number: 0, message: Vec::new(), events: ParsedMaps::default() }))
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
        value.map(|_| true).map_err(|error| {
            let detail = format!("not a complete map of MessagePack: {error}");
            FeedError::unbounded(&self.path, self.number, detail, &self.message)
        })
    }
}

impl FormatReader for MessagePack {
    fn next(&mut self) -> Result<Option<FileEntry>, FeedError> {
        loop {
            if let Some(market) = self.events.maps.pop_front() {
                let malformed = |defect| FeedError::malformed(&self.path, self.number, defect, &self.message);
                return market.map(|market| Some(market.into())).map_err(malformed);
            }
            if !self.read_value()? {
                return Ok(None);
            }
            if self.message[1..].starts_with(FACT_MESSAGEPACK) {
                return Ok(Some(FileEntry { received: 0, content: Content::Skipped(FACTS) }));
            }
            self.events.read(&self.message, self.given);
        }
    }

    fn assumed(&self) -> Vec<String> {
        self.events.assumed()
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
