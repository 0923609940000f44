//! The names of subjects and streams on the broker.

use crate::generation::{Generation, StreamFamily};
use crate::ids::{InstrumentId, SourceId};
use crate::names::names;
use crate::offset::digits;
use crate::record::Writer;

names! {
    /// Kind of a market event: the last token of its subject.
    MarketKind {
        /// Best bid and ask of an instrument.
        Quote = 1 "quote",
        /// A trade that the venue printed.
        Trade = 2 "trade",
        /// Terms of an instrument.
        Definition = 3 "definition",
        /// Market heartbeat: a time, and nothing else.
        Heartbeat = 4 "heartbeat",
        /// An array of maps that each name their kind.
        Batch = 5 "batch",
        /// A finished bar: open, high, low, close, volume and count.
        Bar = 6 "bar",
    }
}

/// Prefix of the JetStream API in the NATS accounts of all roles but the keeper, instead of `$JS.API`.
pub const API_PREFIX: &str = "bus";

/// Greatest number of partitions of a system: the NATS accounts grant the streams of as many.
pub const PARTITIONS_MAX: u16 = 64;

/// Name of a generation of the tape of a partition.
pub fn tape_stream(partition: u16, generation: Generation) -> String {
    StreamFamily::Tape.stream(partition, generation)
}
/// Name of a generation of the inbox of market events of a partition.
pub fn inbox_stream(partition: u16, generation: Generation) -> String {
    StreamFamily::Inbox.stream(partition, generation)
}
/// Name of a generation of the inbox of commands to a partition.
pub fn command_stream(partition: u16, generation: Generation) -> String {
    StreamFamily::Command.stream(partition, generation)
}
/// Name of the stream that stores the rejections of a partition for the publishers.
pub fn rejects_stream(partition: u16) -> String {
    format!("REJECTS_{partition}")
}
/// Subject of a stored rejection, republished on `md-rejects.<source>`. A source that could not be read becomes `~`.
pub fn rejects_subject(partition: u16, source: Option<SourceId>) -> String {
    match source {
        Some(source) => format!("rejects.{partition}.{source}"),
        None => format!("rejects.{partition}.~"),
    }
}
/// Subjects of requests for the status of a source, `md-status.<source>`.
pub const STATUS_SUBJECTS: &str = "md-status.*";
/// Returns the source of a status request; `None` for any other subject.
pub fn parse_status_subject(subject: &str) -> Option<SourceId> {
    subject.strip_prefix("md-status.")?.parse().ok()
}
/// Subject of requests to the owner of a writer: whether it is there ([`OWNER_QUESTION`]), or about its machine.
pub fn question_subject(partition: u16, generation: Generation, writer: Writer) -> String {
    format!("ask.{partition}.{generation}.{writer}")
}
/// The payload of a request by a standby, to which the owner replies with its epoch. It is the name of no source.
pub const OWNER_QUESTION: &[u8] = b"?";
/// Subject on which a writer appends to a generation of the tape.
pub fn tape_subject(partition: u16, generation: Generation, writer: Writer) -> String {
    format!("tape.{partition}.{generation}.{writer}")
}
/// The last token of a subject of a tape stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TapeSubject<'a> {
    /// The subject of this writer.
    Writer(Writer),
    /// A name that is no writer's of this build. A later build may have a writer of this name.
    Unknown(&'a str),
    /// No name: the subject is not of the form `tape.<partition>.g<generation>.<name>`.
    Foreign,
}

impl<'a> TapeSubject<'a> {
    /// Parses a subject of a generation of the tape of `partition`.
    pub fn parse(partition: u16, generation: Generation, subject: &'a str) -> Self {
        let mut parts = subject.split('.');
        let mut next = || parts.next().unwrap_or_default();
        let (prefix, of_partition, of_generation, name) = (next(), next(), next(), next());
        let is_own = prefix == "tape"
            && digits(of_partition) == Some(partition)
            && of_generation.parse() == Ok(generation)
            && parts.next().is_none();
        match name {
            name if is_own && !name.is_empty() => name.parse().map_or(TapeSubject::Unknown(name), TapeSubject::Writer),
            _ => TapeSubject::Foreign,
        }
    }

    /// Returns the writer, if this build knows it.
    pub const fn writer(self) -> Option<Writer> {
        match self {
            TapeSubject::Writer(writer) => Some(writer),
            TapeSubject::Unknown(_) | TapeSubject::Foreign => None,
        }
    }
}

/// Subject of commands to a partition; `verb` as from [`crate::command::Request::verb`].
pub fn command_subject(partition: u16, verb: &str) -> String {
    format!("cmd.{partition}.{verb}")
}
/// Subject of market events of an instrument.
pub fn market_subject(instrument: &InstrumentId, kind: MarketKind) -> String {
    format!("md.{instrument}.{kind}")
}
/// Filter for all market subjects of an instrument, for the placement on a partition.
pub fn instrument_filter(instrument: &InstrumentId) -> String {
    format!("md.{instrument}.*")
}

/// Returns the instrument and the kind of a market subject; `None` for any other subject.
pub fn parse_market_subject(subject: &str) -> Option<(InstrumentId, MarketKind)> {
    let (instrument, kind) = subject.strip_prefix("md.")?.rsplit_once('.')?;
    Some((instrument.parse().ok()?, kind.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_of_a_tape_names_a_writer_of_this_build_or_of_a_later_one() {
        let second = Generation::new(2).unwrap();
        let own = tape_subject(3, second, Writer::Risk);
        assert_eq!(own, "tape.3.g2.risk");
        assert_eq!(TapeSubject::parse(3, second, &own), TapeSubject::Writer(Writer::Risk));
        assert_eq!(TapeSubject::parse(3, second, "tape.3.g2.venue"), TapeSubject::Unknown("venue"));
        for foreign in [
            "tape.4.g2.risk",
            "tape.3.g1.risk",
            "tape.3.g2.risk.x",
            "tape.3.risk",
            "tape.3.2.risk",
            "tape.3.g2.",
            "tape.3.g2",
            "tape.+3.g2.risk",
            "md.3.g2.risk",
            "",
        ] {
            assert_eq!(TapeSubject::parse(3, second, foreign), TapeSubject::Foreign, "{foreign}");
        }
    }

    #[test]
    fn market_subjects_round_trip_and_foreign_ones_are_refused() {
        let instrument = "binance.BTCUSDT".parse().unwrap();
        let subject = market_subject(&instrument, MarketKind::Quote);
        assert_eq!(subject, "md.binance.BTCUSDT.quote");
        assert_eq!(parse_market_subject(&subject), Some((instrument, MarketKind::Quote)));
        for foreign in ["md.binance.quote", "md.a.b.c.quote", "md.binance.BTCUSDT.nothing", "tape.0.g1.risk"] {
            assert_eq!(parse_market_subject(foreign), None, "{foreign}");
        }
    }
}
