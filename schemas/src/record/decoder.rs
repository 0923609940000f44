//! Decodes the parts of a record: MessagePack in its shortest form, and the shared values and differences of a record.

use std::fmt;

use super::change::Changes;
use super::field::FieldError;
use super::small_map::SmallMap;
use super::step::{Previous, Step, kind_and_version};
use super::{Entry, OUTER_PARTS, OuterHeader, RECORD_EVENTS_MAX, RecordHash};
use crate::event::Event;
use crate::ids::InstrumentId;
use crate::offset::Offset;

/// A value of MessagePack that holds no others, or the beginning of one that does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    Nil,
    Int(i64),
    /// An integer beyond signed 64 bits.
    Large(u64),
    Text(&'a str),
    Bytes(&'a [u8]),
    Array(usize),
    Map(usize),
}

impl fmt::Display for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Token::Nil => f.write_str("nil"),
            Token::Int(n) => write!(f, "the integer {n}"),
            Token::Large(n) => write!(f, "the integer {n}"),
            Token::Text(_) => f.write_str("a text"),
            Token::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
            Token::Array(length) => write!(f, "an array of {length}"),
            Token::Map(length) => write!(f, "a map of {length}"),
        }
    }
}

/// The rest of the bytes of a record, the values that its events share, and the event that is read.
#[derive(Debug)]
pub(crate) struct RecordDecoder<'a> {
    rest: &'a [u8],
    shared: Vec<Shared<'a>>,
    /// Number of shared values that events have referred to: for the first time in their order.
    used: usize,
    /// The last event; while the body of one is read, that event.
    last: Previous,
    changes: Changes,
    /// Instruments of texts, which need not be parsed again.
    instruments: SmallMap<u64, InstrumentId>,
}

/// A value that the events share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Shared<'a> {
    Text(&'a str),
    Id(&'a [u8]),
}

impl<'a> RecordDecoder<'a> {
    pub(crate) fn new(rest: &'a [u8]) -> Self {
        let (shared, instruments) = (Vec::new(), SmallMap::default());
        Self { rest, shared, used: 0, last: Previous::default(), changes: Changes::default(), instruments }
    }

    /// Reads the outer header in its shortest form; also the number of elements of the record.
    pub(super) fn outer(&mut self) -> Result<(usize, OuterHeader), FieldError> {
        let parts = self.array()?;
        let (format, writer, epoch) = (self.uint()?, self.uint()?, self.uint()?);
        let outer = OuterHeader { format, writer, epoch, prev_hash: RecordHash(self.bytes()?) };
        if parts < OUTER_PARTS { Err(FieldError::new("no outer header")) } else { Ok((parts, outer)) }
    }

    /// Reads the texts and ids that the events share.
    pub(super) fn shared(&mut self) -> Result<(), FieldError> {
        let count = self.array()?;
        // A value takes at least a byte, so that the bytes bound what an announced count reserves.
        self.shared.reserve(count.min(self.rest.len()).min(RECORD_EVENTS_MAX));
        for _ in 0..count {
            let value = match self.token()? {
                Token::Text(text) => Shared::Text(text),
                Token::Bytes(id) if id.len() == 16 => Shared::Id(id),
                other => return Err(unexpected("a text or 16 bytes", other)),
            };
            self.shared.push(value);
        }
        match is_distinct(&self.shared) {
            true => Ok(()),
            false => Err(FieldError::new("a shared value that stands twice")),
        }
    }

    /// The shared value of the number that is next.
    fn shared_value(&mut self) -> Result<(u64, Shared<'a>), FieldError> {
        let number = self.uint()?;
        let at = usize::try_from(number).ok().filter(|at| *at < self.shared.len());
        let at = at.ok_or_else(|| FieldError::new(format!("value {number} of {} shared ones", self.shared.len())))?;
        if at > self.used {
            return Err(FieldError::new(format!("shared value {number} before {}", self.used)));
        }
        self.used = self.used.max(at + 1);
        Ok((number, self.shared[at]))
    }

    /// Checks that nothing follows the last event, and that the events refer to every shared value.
    pub(super) fn end(&self) -> Result<(), FieldError> {
        if !self.rest.is_empty() {
            return Err(FieldError::new(format!("{} bytes after the end", self.rest.len())));
        }
        match self.used == self.shared.len() {
            true => Ok(()),
            false => Err(FieldError::new("a shared value that no event refers to")),
        }
    }

    /// Reads the next event.
    pub(super) fn entry(&mut self) -> Result<Entry, FieldError> {
        let elements = self.array()?;
        let head = self.uint()?;
        let (step, (kind, version)) = (Step::of(head), kind_and_version(head));
        let last = self.last;
        let (cause, index) = match step {
            Step::Other => {
                let seq = last.cause.seq.wrapping_add(self.int()? as u64);
                (Offset::new(seq, self.narrow()?), self.narrow()?)
            }
            _ => step.after(&last).ok_or_else(|| FieldError::new("a cause beyond the greatest offset"))?,
        };
        let at = last.at.wrapping_add(self.int()? as u64);
        self.last = Previous { cause, index, at };
        let Some(fields) = elements.checked_sub(2 + step.elements()) else {
            return Err(FieldError::new(format!("an event of {elements} elements")));
        };
        self.changes.begin(kind);
        let event = Event::read_fields(kind, version, fields, self)?;
        let entry = Entry { cause, index, at, event };
        match Step::between(&last, &entry) == step {
            true => Ok(entry),
            false => Err(FieldError::new("a cause that is not in its shortest form")),
        }
    }

    /// Tape time of the event that is read.
    pub(crate) fn at(&self) -> u64 {
        self.last.at
    }

    /// Sequence of the cause of the event that is read.
    pub(crate) fn cause_seq(&self) -> u64 {
        self.last.cause.seq
    }

    /// Reads the number of a text; the number and the text.
    fn numbered_text(&mut self) -> Result<(u64, &'a str), FieldError> {
        match self.shared_value()? {
            (number, Shared::Text(text)) => {
                self.changes.text(number);
                Ok((number, text))
            }
            (number, Shared::Id(_)) => Err(FieldError::new(format!("shared value {number} is an id, not a text"))),
        }
    }

    /// Reads the number of a text; the text.
    pub(crate) fn text(&mut self) -> Result<&'a str, FieldError> {
        self.numbered_text().map(|(_, text)| text)
    }

    /// Reads the number of the text of an instrument; the instrument.
    pub(crate) fn instrument(&mut self) -> Result<InstrumentId, FieldError> {
        let (number, text) = self.numbered_text()?;
        if let Some(instrument) = self.instruments.get(&number) {
            return Ok(instrument);
        }
        let instrument = text.parse().map_err(|error| FieldError::new(format!("{error}")))?;
        self.instruments.insert(number, instrument);
        Ok(instrument)
    }

    /// Reads the number of an id; the id.
    pub(crate) fn id(&mut self) -> Result<[u8; 16], FieldError> {
        match self.shared_value()? {
            (_, Shared::Id(id)) => Ok(id.try_into().expect("the length is checked")),
            (number, Shared::Text(_)) => Err(FieldError::new(format!("shared value {number} is a text, not an id"))),
        }
    }

    /// The last values of the fields that stand as changes.
    pub(crate) fn changes(&mut self) -> &mut Changes {
        &mut self.changes
    }

    /// Reads nil, if the next value is nil.
    pub(crate) fn nil(&mut self) -> bool {
        let is_nil = self.rest.first() == Some(&0xc0);
        self.rest = &self.rest[usize::from(is_nil)..];
        is_nil
    }

    pub(crate) fn uint(&mut self) -> Result<u64, FieldError> {
        match self.token()? {
            Token::Int(n) if n >= 0 => Ok(n as u64),
            Token::Large(n) => Ok(n),
            other => Err(unexpected("an unsigned integer", other)),
        }
    }

    /// Reads an unsigned integer of a type that holds fewer.
    pub(crate) fn narrow<T: TryFrom<u64>>(&mut self) -> Result<T, FieldError> {
        let n = self.uint()?;
        T::try_from(n).map_err(|_| FieldError::new(format!("{n} is more than {} bits", 8 * size_of::<T>())))
    }

    pub(crate) fn int(&mut self) -> Result<i64, FieldError> {
        match self.token()? {
            Token::Int(n) => Ok(n),
            other => Err(unexpected("a signed integer", other)),
        }
    }

    /// Reads the head of an array; the number of elements, which need not be there.
    pub(crate) fn array(&mut self) -> Result<usize, FieldError> {
        match self.token()? {
            Token::Array(length) => Ok(length),
            other => Err(unexpected("an array", other)),
        }
    }

    /// Reads the head of an array with this number of elements.
    pub(crate) fn array_of(&mut self, length: usize) -> Result<(), FieldError> {
        match self.array()? {
            found if found == length => Ok(()),
            found => Err(FieldError::new(format!("an array of {found} where one of {length} is due"))),
        }
    }

    /// Reads a text that stands in place.
    pub(crate) fn text_in_place(&mut self) -> Result<&'a str, FieldError> {
        match self.token()? {
            Token::Text(text) => Ok(text),
            other => Err(unexpected("a text", other)),
        }
    }

    /// Reads binary data of a fixed length.
    pub(crate) fn bytes<const N: usize>(&mut self) -> Result<[u8; N], FieldError> {
        match self.token()? {
            Token::Bytes(bytes) if bytes.len() == N => Ok(bytes.try_into().expect("the length is checked")),
            other => Err(unexpected(&format!("{N} bytes"), other)),
        }
    }

    /// Reads the next token. Each has one form, the shortest.
    pub(crate) fn token(&mut self) -> Result<Token<'a>, FieldError> {
        let first = self.take::<1>()?[0];
        // The forms with a length or value in the following bytes have a least one, below which a shorter form is due.
        let (token, least, found) = match first {
            0x00..=0x7f => return Ok(Token::Int(first.into())),
            0xe0..=0xff => return Ok(Token::Int(i64::from(first as i8))),
            0x80..=0x8f => return Ok(Token::Map((first & 0x0f).into())),
            0x90..=0x9f => return Ok(Token::Array((first & 0x0f).into())),
            0xa0..=0xbf => return self.text_of((first & 0x1f).into()),
            0xc0 => return Ok(Token::Nil),
            0xcc => self.unsigned::<1>(0x80)?,
            0xcd => self.unsigned::<2>(0x100)?,
            0xce => self.unsigned::<4>(0x1_0000)?,
            0xcf => self.unsigned::<8>(0x1_0000_0000)?,
            0xd0 => negative(i8::from_be_bytes(self.take()?).into(), -0x20),
            0xd1 => negative(i16::from_be_bytes(self.take()?).into(), -0x80),
            0xd2 => negative(i32::from_be_bytes(self.take()?).into(), -0x8000),
            0xd3 => negative(i64::from_be_bytes(self.take()?), -0x8000_0000),
            0xc4 => self.bytes_of::<1>(0)?,
            0xc5 => self.bytes_of::<2>(0x100)?,
            0xc6 => self.bytes_of::<4>(0x1_0000)?,
            0xd9 => self.long_text::<1>(0x20)?,
            0xda => self.long_text::<2>(0x100)?,
            0xdb => self.long_text::<4>(0x1_0000)?,
            0xdc => self.long_array::<2>(0x10)?,
            0xdd => self.long_array::<4>(0x1_0000)?,
            _ => return Err(FieldError::new(format!("a value of a type that no record has (0x{first:02x})"))),
        };
        match found >= least {
            true => Ok(token),
            false => Err(FieldError::new(format!("{token} in a form that is not the shortest"))),
        }
    }

    fn unsigned<const N: usize>(&mut self, least: u64) -> Result<(Token<'a>, u64, u64), FieldError> {
        let n = self.length::<N>()?;
        Ok((i64::try_from(n).map_or(Token::Large(n), Token::Int), least, n))
    }

    fn bytes_of<const N: usize>(&mut self, least: u64) -> Result<(Token<'a>, u64, u64), FieldError> {
        let length = self.length::<N>()?;
        Ok((Token::Bytes(self.slice(length)?), least, length))
    }

    fn long_text<const N: usize>(&mut self, least: u64) -> Result<(Token<'a>, u64, u64), FieldError> {
        let length = self.length::<N>()?;
        Ok((self.text_of(length)?, least, length))
    }

    fn long_array<const N: usize>(&mut self, least: u64) -> Result<(Token<'a>, u64, u64), FieldError> {
        let length = self.length::<N>()?;
        let count = usize::try_from(length).map_err(|_| FieldError::new("an array without end"))?;
        Ok((Token::Array(count), least, length))
    }

    fn text_of(&mut self, length: u64) -> Result<Token<'a>, FieldError> {
        let text = std::str::from_utf8(self.slice(length)?);
        text.map(Token::Text).map_err(|_| FieldError::new("a text that is not UTF-8"))
    }

    /// Reads an unsigned integer of `N` bytes.
    fn length<const N: usize>(&mut self) -> Result<u64, FieldError> {
        let taken = self.take::<N>()?;
        let mut bytes = [0; 8];
        bytes[8 - N..].copy_from_slice(&taken);
        Ok(u64::from_be_bytes(bytes))
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], FieldError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or_else(cut_off)?;
        self.rest = rest;
        Ok(*taken)
    }

    fn slice(&mut self, length: u64) -> Result<&'a [u8], FieldError> {
        let length = usize::try_from(length).ok().filter(|length| *length <= self.rest.len()).ok_or_else(cut_off)?;
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        Ok(taken)
    }
}

/// A negative integer in a form that is the shortest below `above`.
fn negative<'a>(n: i64, above: i64) -> (Token<'a>, u64, u64) {
    (Token::Int(n), 1, u64::from(n < above))
}

fn is_distinct(values: &[Shared<'_>]) -> bool {
    /// Number of values that are compared each with each, without an allocation.
    const FEW: usize = 8;
    if values.len() <= FEW {
        return (1..values.len()).all(|at| !values[..at].contains(&values[at]));
    }
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.windows(2).all(|pair| pair[0] != pair[1])
}

fn cut_off() -> FieldError {
    FieldError::new("the record is cut off")
}

fn unexpected(due: &str, found: Token<'_>) -> FieldError {
    FieldError::new(format!("{found} where {due} is due"))
}
