//! The names of subjects and streams on the broker.

use crate::event::MalformedDetail;
use crate::generation::{Generation, StreamFamily};
use crate::ids::{InstrumentId, SourceId, Symbol};
use crate::offset::digits;
use crate::record::Writer;
use crate::symbol::BadSubjectToken;

pub use crate::market::kinds::MarketKind;

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
/// Subject on which the server republishes the stored rejections of a source.
pub fn source_rejects_subject(source: &str) -> String {
    format!("md-rejects.{source}")
}
/// Subject of requests for the status of one source.
pub fn status_subject(source: &str) -> String {
    format!("md-status.{source}")
}
/// Subjects of requests for the status of a source, `md-status.<source>`.
pub const STATUS_SUBJECTS: &str = "md-status.*";
/// Returns the source of a status request; `None` for any other subject.
pub fn parse_status_subject(subject: &str) -> Option<SourceId> {
    subject.strip_prefix("md-status.")?.parse().ok()
}
/// Subject of requests to the owner of a writer whether it is there ([`OWNER_QUESTION`]).
pub fn question_subject(partition: u16, generation: Generation, writer: Writer) -> String {
    format!("ask.{partition}.{generation}.{writer}")
}
/// Subject of requests for the state of a group, to which each of its processes replies.
pub fn state_subject(partition: u16, generation: Generation, group: &str) -> String {
    format!("state.{partition}.{generation}.{group}")
}
/// Subject of requests to the witness of a tape: the projector, which answers from the database.
pub fn witness_subject(partition: u16, generation: Generation) -> String {
    format!("ask.{partition}.{generation}.projector")
}
/// Subject of requests to the group `answers` about the sources of a partition.
pub fn answers_subject(partition: u16, generation: Generation) -> String {
    format!("ask.{partition}.{generation}.answers")
}
/// The payload of a request by a standby, to which the owner replies with its epoch.
pub const OWNER_QUESTION: &[u8] = b"?";
/// Subject on which a writer appends to a generation of the tape.
pub fn tape_subject(partition: u16, generation: Generation, writer: Writer) -> String {
    tape_subject_of(partition, generation, writer.as_str())
}
/// Subject with any last token in a generation of the tape; `*` for the filter of them all.
pub fn tape_subject_of(partition: u16, generation: Generation, name: &str) -> String {
    format!("tape.{partition}.{generation}.{name}")
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
/// First token of the subjects of market events that name no source.
const MARKET: &str = "md";
/// First token of the subjects of market events that name their source. With keys, the broker writes that name.
const SOURCED: &str = "in";
/// The source of the definitions that operators set. Its events are accepted on its own subjects only.
pub const OPERATOR_SOURCE: &str = "operator";

/// Subject of market events of an instrument. The symbol in it is escaped: [`Symbol::subject_token`].
pub fn market_subject(instrument: &InstrumentId, kind: MarketKind) -> String {
    subject_under(MARKET, instrument, kind.as_str())
}
/// Subject of market events of an instrument that names their source.
pub fn sourced_subject(source: SourceId, instrument: &InstrumentId, kind: MarketKind) -> String {
    subject_under(&format!("{SOURCED}.{source}"), instrument, kind.as_str())
}
/// Subjects with a source of every market event that a filter as `md.kraken.>` matches: `in.*.kraken.>`.
pub fn sourced_filter(filter: &str) -> Option<String> {
    market_rest(filter).map(|rest| format!("{SOURCED}.*.{rest}"))
}
/// Subject of replayed market events of an instrument, under a prefix in place of `md`.
pub fn replay_subject(prefix: &str, instrument: &InstrumentId, kind: MarketKind) -> String {
    subject_under(prefix, instrument, kind.as_str())
}
/// Filter for all market subjects of an instrument without a source, for the placement on a partition.
pub fn instrument_filter(instrument: &InstrumentId) -> String {
    subject_under(MARKET, instrument, "*")
}

fn subject_under(prefix: &str, InstrumentId { venue, symbol }: &InstrumentId, last: &str) -> String {
    format!("{prefix}.{venue}.{}.{last}", symbol.subject_token())
}

/// Returns the source that a subject of market events names; `None` if it names none.
pub fn subject_source(subject: &str) -> Option<SourceId> {
    Some(sourced_rest(subject)?.0)
}

/// Returns the instrument and the kind of a market subject, with a source or without, or why `subject` is none. Does
/// not allocate, except for an error.
pub fn parse_market_subject(subject: &str) -> Result<(InstrumentId, MarketKind), MalformedDetail> {
    let parts = || {
        let rest = market_rest(subject).or_else(|| Some(sourced_rest(subject)?.1));
        let (venue, rest) = rest?.split_once('.')?;
        let (token, kind) = rest.rsplit_once('.')?;
        Some((venue.parse().ok()?, token, kind.parse().ok()?))
    };
    let (venue, token, kind) = parts().ok_or(MalformedDetail::NotAMarketSubject)?;
    match Symbol::from_subject_token(token) {
        Ok(symbol) => Ok((InstrumentId { venue, symbol }, kind)),
        Err(BadSubjectToken::NotASymbol) => Err(MalformedDetail::NotAMarketSubject),
        Err(BadSubjectToken::OtherForm(symbol)) => {
            Err(MalformedDetail::WrongEscape { instrument: Box::new(InstrumentId { venue, symbol }), kind })
        }
    }
}

/// Returns why a filter of market subjects would match no market event, or `None` if it is a filter as `md.>`,
/// `md.kraken.>` and `md.nyse.BRK%2EB.*`.
pub fn market_filter_fault(filter: &str) -> Option<String> {
    const WANTED: &str = "want md.>, md.<venue>.> or md.<venue>.<symbol>.*";
    let Some(rest) = market_rest(filter) else { return Some(format!("not a market subject ({WANTED})")) };
    if rest.split('.').any(str::is_empty) || rest.bytes().any(|byte| byte.is_ascii_whitespace()) {
        return Some(format!("not a subject ({WANTED})"));
    }
    let (venue, rest) = rest.split_once('.')?;
    let token = rest.rsplit_once('.').map_or(rest, |(token, _)| token);
    if matches!(token, "*" | ">") {
        return None;
    }
    match Symbol::from_subject_token(token) {
        Ok(_) => None,
        Err(BadSubjectToken::NotASymbol) => Some(format!("{token:?} is not a symbol ({WANTED})")),
        Err(BadSubjectToken::OtherForm(symbol)) => Some(format!(
            "the symbol {:?} is escaped in another way (want md.{venue}.{}.*)",
            symbol.as_str(),
            symbol.subject_token()
        )),
    }
}

/// The tokens after `md.`.
fn market_rest(subject: &str) -> Option<&str> {
    subject.strip_prefix(MARKET)?.strip_prefix('.')
}

/// The source after `in.`, and the tokens after it.
fn sourced_rest(subject: &str) -> Option<(SourceId, &str)> {
    let (source, rest) = subject.strip_prefix(SOURCED)?.strip_prefix('.')?.split_once('.')?;
    Some((source.parse().ok()?, rest))
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
        assert_eq!(parse_market_subject(&subject), Ok((instrument, MarketKind::Quote)));
        for foreign in
            ["md.binance.quote", "md.a. b.quote", "md.binance.BTCUSDT.nothing", "tape.0.g1.risk", "mdx.a.b.quote"]
        {
            assert_eq!(parse_market_subject(foreign), Err(MalformedDetail::NotAMarketSubject), "{foreign}");
        }
    }

    #[test]
    fn a_subject_names_its_source_only_under_the_prefix_of_sources() {
        let (source, instrument) = ("feed-1".parse().unwrap(), "nyse.BRK.B".parse().unwrap());
        let subject = sourced_subject(source, &instrument, MarketKind::Trade);
        assert_eq!(subject, "in.feed-1.nyse.BRK%2EB.trade");
        assert_eq!(subject_source(&subject), Some(source));
        assert_eq!(parse_market_subject(&subject), Ok((instrument, MarketKind::Trade)));
        assert_eq!(subject_source("md.nyse.BRK%2EB.trade"), None);
        for foreign in
            ["in.nyse.BRK.trade", "in.a b.nyse.BRK.trade", "in..nyse.BRK.trade", "in.feed", "inn.a.b.c.quote"]
        {
            assert_eq!(parse_market_subject(foreign), Err(MalformedDetail::NotAMarketSubject), "{foreign}");
        }
        for (filter, sourced) in [("md.>", "in.*.>"), ("md.kraken.>", "in.*.kraken.>"), ("md.a.B.*", "in.*.a.B.*")] {
            assert_eq!(sourced_filter(filter).as_deref(), Some(sourced));
        }
    }

    #[test]
    fn a_subject_with_another_escape_is_refused_with_the_right_subject() {
        let instrument: InstrumentId = "nyse.BRK.B".parse().unwrap();
        let right = market_subject(&instrument, MarketKind::Trade);
        assert_eq!(right, "md.nyse.BRK%2EB.trade");
        assert_eq!(parse_market_subject(&right), Ok((instrument, MarketKind::Trade)));
        assert_eq!(instrument_filter(&instrument), "md.nyse.BRK%2EB.*");
        for other in ["md.nyse.BRK.B.trade", "md.nyse.BRK%2eB.trade", "md.nyse.BR%4B%2EB.trade"] {
            let fault = parse_market_subject(other).unwrap_err();
            assert_eq!(
                fault,
                MalformedDetail::WrongEscape { instrument: instrument.into(), kind: MarketKind::Trade },
                "{other}"
            );
            assert!(fault.words().ends_with("publish on md.nyse.BRK%2EB.trade"), "{}", fault.words());
        }
    }

    #[test]
    fn every_market_subject_fits_the_bound_of_a_repeated_subject() {
        let longest = [&"v".repeat(24), ".", &"币".repeat(16)].concat().parse().unwrap();
        for kind in MarketKind::ALL {
            let source = "s".repeat(24).parse().unwrap();
            assert!(sourced_subject(source, &longest, *kind).len() <= crate::text::SUBJECT_BYTES_MAX);
        }
    }

    #[test]
    fn a_filter_that_matches_no_market_event_is_refused() {
        for good in
            ["md.>", "md.kraken.>", "md.kraken.*.*", "md.binance.BTCUSDT.*", "md.nyse.BRK%2EB.*", "md.*.BTC.quote"]
        {
            assert_eq!(market_filter_fault(good), None);
        }
        for (bad, why) in [
            ("cmd.>", "not a market subject"),
            ("md.nyse.BRK.B.*", "want md.nyse.BRK%2EB.*"),
            ("md.nyse.BRK%2eB.*", "want md.nyse.BRK%2EB.*"),
            ("md.binance.币安人生USDT.*", "want md.binance.%E5%B8%81%E5%AE%89%E4%BA%BA%E7%94%9FUSDT.*"),
            ("md.a.%20.*", "is not a symbol"),
            ("md..BTC.*", "not a subject"),
            ("md.a b.>", "not a subject"),
        ] {
            let fault = market_filter_fault(bad).unwrap();
            assert!(fault.contains(why), "{bad}: {fault}");
        }
    }
}
