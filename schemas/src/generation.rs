//! Generations: if a stream loses data, a new stream with the next generation in its name continues it.
//!
//! A process uses the generations that it is configured with ([`Generations`]), and no others.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::event::{CopiedRecords, LostMessages};
use crate::ids::TapeId;
use crate::offset::{Offset, digits};
use crate::record::Writer;
use crate::subject::{self, PARTITIONS_MAX};

/// Number of a generation of a stream, from 1. Printed `g1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Generation(NonZeroU32);

impl Generation {
    /// The first generation, to which nothing was copied.
    pub const FIRST: Generation = Generation(NonZeroU32::MIN);

    /// Returns the generation with this number; `None` for 0.
    pub const fn new(number: u32) -> Option<Self> {
        match NonZeroU32::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// Returns the number.
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "g{}", self.0)
    }
}

impl FromStr for Generation {
    type Err = InvalidGeneration;
    fn from_str(text: &str) -> Result<Self, InvalidGeneration> {
        let number = text.strip_prefix('g').and_then(digits);
        number.and_then(Self::new).ok_or_else(|| InvalidGeneration(text.chars().take(64).collect()))
    }
}

/// Error: a text that is not of the form `g<number>`. Holds the text, cut to 64 characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a generation (want g and a number from 1, such as g2)")]
pub struct InvalidGeneration(pub String);

/// A generation of a tape, and the earlier generations from which its records were copied. The identity of a tape for
/// its readers; also the scope of derived ids, so that an id names the generation in which its cause lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lineage {
    /// Identity of the tape, the same in every generation.
    pub tape: TapeId,
    /// The generation.
    pub generation: Generation,
    /// The records copied from earlier generations, in order.
    pub copied: Vec<CopiedRecords>,
    /// The messages that inboxes are known to have lost.
    pub lost: Vec<LostMessages>,
}

impl From<TapeId> for Lineage {
    /// The first generation of a tape.
    fn from(tape: TapeId) -> Self {
        Self { tape, generation: Generation::FIRST, copied: Vec::new(), lost: Vec::new() }
    }
}

impl Lineage {
    /// Returns the generation to which the record with the sequence `seq` was appended first. The first record of a
    /// tape is its own; copies follow it, at the sequences that they had.
    pub fn generation_of(&self, seq: u64) -> Generation {
        let copied = self.copied.iter().find(|copied| (2..=copied.last).contains(&seq));
        copied.map_or(self.generation, |copied| copied.generation)
    }

    /// Returns the sequence of the message that follows the message `seq` in the inbox of `reader`, without messages
    /// that are known to be lost.
    pub fn next_message(&self, reader: Writer, generation: Generation, seq: u64) -> u64 {
        let next = seq.saturating_add(1);
        let lost = self.lost.iter().filter(|lost| (lost.reader, lost.generation) == (reader, generation));
        lost.filter(|lost| lost.first <= next && next <= lost.last).map(|lost| lost.last + 1).max().unwrap_or(next)
    }

    /// Returns the number of messages of the inbox of `reader` that are known to be lost.
    pub fn lost_messages(&self, reader: Writer) -> u64 {
        self.lost.iter().filter(|lost| lost.reader == reader).map(|lost| lost.last - lost.first + 1).sum()
    }

    /// Whether the message `seq` of the inbox of `reader` is known to be lost. Readers skip it, also if it is restored:
    /// its publisher was told to publish it again.
    pub fn is_lost(&self, reader: Writer, generation: Generation, seq: u64) -> bool {
        let mut lost = self.lost.iter().filter(|lost| (lost.reader, lost.generation) == (reader, generation));
        lost.any(|lost| (lost.first..=lost.last).contains(&seq))
    }

    /// Whether the copied records are of ever later generations before this one, at ever greater sequences, and the
    /// lost messages of each inbox are ranges in order, with a message between two of them.
    pub fn is_valid(&self) -> bool {
        let mut ends = BTreeMap::new();
        let mut follows = |lost: &LostMessages| {
            let before = ends.insert((lost.reader, lost.generation), lost.last);
            let least = before.map_or(1, |last| last.saturating_add(2));
            (least..=lost.last).contains(&lost.first) && lost.last < u64::MAX
        };
        self.lost.iter().all(&mut follows) && self.are_copies_valid()
    }

    fn are_copies_valid(&self) -> bool {
        let mut before = (0, 1);
        self.copied.iter().all(|copied| {
            let (generation, last) = std::mem::replace(&mut before, (copied.generation.get(), copied.last));
            copied.generation.get() > generation && copied.last > last && copied.generation < self.generation
        })
    }

    /// Formats an offset on the tape of `partition`, as tools print it: `p0g1:1234.5`.
    pub fn print(&self, partition: u16, offset: Offset) -> String {
        format!("p{partition}{}:{offset}", self.generation_of(offset.seq))
    }

    /// Formats the place of a record on the tape of `partition`: `p0g1:1234`.
    pub fn print_record(&self, partition: u16, seq: u64) -> String {
        format!("p{partition}{}:{seq}", self.generation_of(seq))
    }
}

/// A tape, as the first part of a printed offset names it: `p0g1`, or without the generation `p0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TapeName {
    /// Number of the partition.
    pub partition: u16,
    /// The generation in which the record was appended first. `None`: that of the record at that place now.
    pub generation: Option<Generation>,
}

impl TapeName {
    /// Parses `p0g1` or `p0`; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix('p')?;
        let (partition, generation) = match rest.find('g') {
            Some(at) => (&rest[..at], Some(rest[at..].parse().ok()?)),
            None => (rest, None),
        };
        Some(Self { partition: digits(partition)?, generation })
    }
}

impl fmt::Display for TapeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p{}", self.partition)?;
        self.generation.map_or(Ok(()), |generation| write!(f, "{generation}"))
    }
}

/// The streams of a partition whose names carry a generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StreamFamily {
    /// The tape.
    Tape,
    /// The inbox of market events.
    Inbox,
    /// The inbox of commands.
    Command,
    /// The inbox of reports of venues.
    Report,
}

impl StreamFamily {
    /// Every family.
    pub const ALL: [StreamFamily; 4] =
        [StreamFamily::Tape, StreamFamily::Inbox, StreamFamily::Command, StreamFamily::Report];

    /// Returns the name of the stream of a partition: `TAPE_0_G1`.
    pub fn stream(self, partition: u16, generation: Generation) -> String {
        let family = match self {
            StreamFamily::Tape => "TAPE",
            StreamFamily::Inbox => "INBOX",
            StreamFamily::Command => "COMMAND",
            StreamFamily::Report => "REPORT",
        };
        format!("{family}_{partition}_G{}", generation.get())
    }

    /// Parses the name of a stream; `None` if it is not exactly as [`StreamFamily::stream`] returns it.
    fn parse(name: &str) -> Option<(Self, u16, Generation)> {
        let (head, generation) = name.rsplit_once("_G")?;
        let partition = digits(head.rsplit_once('_')?.1).filter(|partition| *partition < PARTITIONS_MAX)?;
        let generation = Generation::new(digits(generation)?)?;
        let family = Self::ALL.into_iter().find(|family| family.stream(partition, generation) == name)?;
        Some((family, partition, generation))
    }
}

/// The generations that a process is configured with: those of the streams listed, and 1 for every other stream.
/// Written as the names of the streams, with commas between them: `TAPE_0_G2,INBOX_0_G2`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Generations(BTreeMap<(StreamFamily, u16), Generation>);

/// Error: a list of streams that is not valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidGenerations {
    /// A name is not that of a stream with a generation. Holds the name, cut to 64 characters.
    #[error("{0:?} is not a stream with a generation (want TAPE_0_G2, INBOX_0_G2, COMMAND_0_G2 or REPORT_0_G2)")]
    Name(String),
    /// Two names are of generations of the same stream. Holds the second.
    #[error("{0} is the second generation in the list for this stream; a process uses exactly one")]
    Twice(String),
}

impl FromStr for Generations {
    type Err = InvalidGenerations;
    fn from_str(text: &str) -> Result<Self, InvalidGenerations> {
        let mut generations = BTreeMap::new();
        for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let cut = || name.chars().take(64).collect();
            let parsed = StreamFamily::parse(name);
            let (family, partition, generation) = parsed.ok_or_else(|| InvalidGenerations::Name(cut()))?;
            if generations.insert((family, partition), generation).is_some() {
                return Err(InvalidGenerations::Twice(cut()));
            }
        }
        Ok(Self(generations))
    }
}

impl fmt::Display for Generations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.0.iter().map(|((family, partition), generation)| family.stream(*partition, *generation));
        f.write_str(&names.collect::<Vec<_>>().join(","))
    }
}

impl Generations {
    /// Returns the generation of a stream.
    pub fn of(&self, family: StreamFamily, partition: u16) -> Generation {
        self.0.get(&(family, partition)).copied().unwrap_or(Generation::FIRST)
    }

    /// Sets the generation of a stream.
    pub fn set(&mut self, family: StreamFamily, partition: u16, generation: Generation) {
        self.0.insert((family, partition), generation);
    }

    /// Returns the generation of the tape.
    pub fn tape(&self, partition: u16) -> Generation {
        self.of(StreamFamily::Tape, partition)
    }

    /// Returns the name of the stream of a partition.
    pub fn stream(&self, family: StreamFamily, partition: u16) -> String {
        family.stream(partition, self.of(family, partition))
    }

    /// Returns the name of the tape.
    pub fn tape_stream(&self, partition: u16) -> String {
        self.stream(StreamFamily::Tape, partition)
    }

    /// Returns the name of the inbox of market events.
    pub fn inbox_stream(&self, partition: u16) -> String {
        self.stream(StreamFamily::Inbox, partition)
    }

    /// Returns the name of the inbox of commands.
    pub fn command_stream(&self, partition: u16) -> String {
        self.stream(StreamFamily::Command, partition)
    }

    /// Returns the subject on which a writer appends to the tape.
    pub fn tape_subject(&self, partition: u16, writer: Writer) -> String {
        subject::tape_subject(partition, self.tape(partition), writer)
    }

    /// Returns the subject of requests to the owner of a writer.
    pub fn question_subject(&self, partition: u16, writer: Writer) -> String {
        subject::question_subject(partition, self.tape(partition), writer)
    }

    /// Returns the subject of requests for the state of a group.
    pub fn state_subject(&self, partition: u16, group: &str) -> String {
        subject::state_subject(partition, self.tape(partition), group)
    }

    /// Returns the subject of requests about the sources of a partition.
    pub fn answers_subject(&self, partition: u16) -> String {
        subject::answers_subject(partition, self.tape(partition))
    }

    /// Returns the subject of requests to the witness of a tape.
    pub fn witness_subject(&self, partition: u16) -> String {
        subject::witness_subject(partition, self.tape(partition))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::RecordHash;

    fn generation(number: u32) -> Generation {
        Generation::new(number).unwrap()
    }

    #[test]
    fn the_list_of_streams_is_read_as_it_is_printed_and_every_other_stream_has_generation_1() {
        let told: Generations = "TAPE_0_G2,INBOX_63_G10".parse().unwrap();
        assert_eq!(told.to_string(), "TAPE_0_G2,INBOX_63_G10");
        assert_eq!((told.tape_stream(0), told.tape_stream(1)), ("TAPE_0_G2".into(), "TAPE_1_G1".into()));
        assert_eq!((told.inbox_stream(63), told.command_stream(0)), ("INBOX_63_G10".into(), "COMMAND_0_G1".into()));
        assert_eq!(told.tape_subject(0, Writer::Risk), "tape.0.g2.risk");
        assert_eq!(told.question_subject(1, Writer::Risk), "ask.1.g1.risk");
        assert_eq!("".parse(), Ok(Generations::default()));
        assert_eq!(" REPORT_1_G2, ".parse::<Generations>().unwrap().to_string(), "REPORT_1_G2");
        for bad in ["TAPE_0", "TAPE_0_G0", "TAPE_0_G02", "TAPE_64_G2", "TAPE_0_g2", "TAPES_0_G2", "_0_G2", "G2"] {
            assert_eq!(bad.parse::<Generations>(), Err(InvalidGenerations::Name(bad.into())), "{bad}");
        }
        let twice = "TAPE_0_G2,TAPE_0_G3".parse::<Generations>();
        assert_eq!(twice, Err(InvalidGenerations::Twice("TAPE_0_G3".into())));
    }

    #[test]
    fn a_record_belongs_to_the_generation_to_which_it_was_appended_first() {
        let copied = |number, last| CopiedRecords { generation: generation(number), last, hash: RecordHash::default() };
        let lineage = |copied| Lineage { copied, generation: generation(4), ..Lineage::from(TapeId([1; 16])) };
        let fourth = lineage(vec![copied(1, 10), copied(3, 20)]);
        assert!(fourth.is_valid() && lineage(Vec::new()).is_valid());
        let of: Vec<u32> = [1, 2, 10, 11, 20, 21].map(|seq| fourth.generation_of(seq).get()).into();
        assert_eq!(of, [4, 1, 1, 3, 3, 4], "the first record is that of generation 4");
        assert_eq!(fourth.print(0, Offset::new(11, 2)), "p0g3:11.2");
        assert_eq!(fourth.print_record(0, 21), "p0g4:21");
        for disordered in [
            vec![copied(1, 1)],
            vec![copied(4, 10)],
            vec![copied(2, 10), copied(2, 20)],
            vec![copied(1, 10), copied(3, 10)],
        ] {
            assert!(!lineage(disordered.clone()).is_valid(), "{disordered:?}");
        }
    }

    #[test]
    fn a_tape_is_named_with_or_without_its_generation() {
        for text in ["p0", "p0g1", "p63g12"] {
            assert_eq!(TapeName::parse(text).unwrap().to_string(), text);
        }
        for bad in ["", "p", "0", "pg1", "p0g", "p0g0", "p+0", "p0gg1", "q0", "p0G1"] {
            assert_eq!(TapeName::parse(bad), None, "{bad}");
        }
    }
}
