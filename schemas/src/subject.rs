//! The subjects and stream names, in one place.

use crate::ids::{InstrumentId, SourceId};
use crate::names::names;
use crate::record::Writer;

names! {
    /// The last token of a market subject.
    MarketKind {
        /// Best bid and ask.
        Quote = 1 "quote",
        /// A printed trade.
        Trade = 2 "trade",
        /// An instrument's terms.
        Definition = 3 "definition",
        /// Nothing but the time.
        Heartbeat = 4 "heartbeat",
        /// An array whose maps each name their own kind.
        Batch = 5 "batch",
        /// Open, high, low, close and volume of a while.
        Bar = 6 "bar",
    }
}

/// What stands for `$JS.API` in the accounts of all roles but the keeper's.
pub const API_PREFIX: &str = "bus";

/// The stream that is partition `p`'s tape.
pub fn tape_stream(partition: u16) -> String {
    format!("TAPE_{partition}")
}
/// The stream where partition `p`'s market data waits.
pub fn inbox_stream(partition: u16) -> String {
    format!("INBOX_{partition}")
}
/// The stream where partition `p`'s commands wait.
pub fn command_stream(partition: u16) -> String {
    format!("COMMAND_{partition}")
}
/// The stream where partition `p`'s venue reports wait.
pub fn report_stream(partition: u16) -> String {
    format!("REPORT_{partition}")
}
/// The stream that keeps partition `p`'s refusals for their publishers.
pub fn rejects_stream(partition: u16) -> String {
    format!("REJECTS_{partition}")
}
/// Where a refusal is kept; it is republished on `md-rejects.<source>`. `~` stands for a source that could not be read.
pub fn rejects_subject(partition: u16, source: Option<SourceId>) -> String {
    match source {
        Some(source) => format!("rejects.{partition}.{source}"),
        None => format!("rejects.{partition}.~"),
    }
}
/// Where publishers ask what became of a source's events.
pub const STATUS_SUBJECTS: &str = "md-status.*";
/// The source that a publisher asks about.
pub fn parse_status_subject(subject: &str) -> Option<SourceId> {
    subject.strip_prefix("md-status.")?.parse().ok()
}
/// Where the owner of a writer is asked about its machine.
pub fn question_subject(partition: u16, writer: Writer) -> String {
    format!("ask.{partition}.{writer}")
}
/// Where a writer appends.
pub fn tape_subject(partition: u16, writer: Writer) -> String {
    format!("tape.{partition}.{writer}")
}
/// Where operators ask; the last token says what.
pub fn command_subject(partition: u16, verb: &str) -> String {
    format!("cmd.{partition}.{verb}")
}
/// Where a market event is published.
pub fn market_subject(instrument: &InstrumentId, kind: MarketKind) -> String {
    format!("md.{instrument}.{kind}")
}
/// All market subjects of an instrument: what an inbox stream is given to place it.
pub fn instrument_filter(instrument: &InstrumentId) -> String {
    format!("md.{instrument}.*")
}

/// The instrument and kind that a market subject names.
pub fn parse_market_subject(subject: &str) -> Option<(InstrumentId, MarketKind)> {
    let (instrument, kind) = subject.strip_prefix("md.")?.rsplit_once('.')?;
    Some((instrument.parse().ok()?, kind.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn market_subjects_round_trip_and_foreign_ones_are_refused() {
        let instrument = "binance.BTCUSDT".parse().unwrap();
        let subject = market_subject(&instrument, MarketKind::Quote);
        assert_eq!(subject, "md.binance.BTCUSDT.quote");
        assert_eq!(parse_market_subject(&subject), Some((instrument, MarketKind::Quote)));
        for foreign in ["md.binance.quote", "md.a.b.c.quote", "md.binance.BTCUSDT.nothing", "tape.0.risk"] {
            assert_eq!(parse_market_subject(foreign), None, "{foreign}");
        }
    }
}
