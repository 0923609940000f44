//! The items of a feed and their numbers.

use std::collections::BTreeMap;

use tapedeck_schemas::event::RejectReason;
use tapedeck_schemas::ids::{InstrumentId, SourceId, Token};
use tapedeck_schemas::market::{MarketBody, MarketEvent};

use crate::{FeedError, Setup, Totals, UnreadableCounts};

/// One message to publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Determines the subject.
    pub instrument: InstrumentId,
    /// The message.
    pub payload: Payload,
    /// The reason for which ingest must reject it; set on injected faults.
    pub injected: Option<RejectReason>,
}

/// The content of a message.
#[allow(clippy::large_enum_variant)] // nearly all are events: a box each would cost more than it saves
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// A numbered event.
    Event(MarketEvent),
    /// Bytes that do not decode; they have no number.
    Raw(Vec<u8>),
}

/// Number of entries of the files that were not published, by kind.
pub type SkippedCounts = BTreeMap<&'static str, u64>;

/// Counts of the faults that the synthetic market injects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Injected {
    /// Events published a second time with the same number.
    pub duplicates: u64,
    /// Gaps in the numbers; the event after a gap is valid.
    pub gaps: u64,
    /// Other events that ingest must reject, by reason.
    pub bad: BTreeMap<RejectReason, u64>,
}

/// Counts and totals of a whole feed, known before its first item.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// The instruments that it defines, sorted by name.
    pub instruments: Vec<InstrumentId>,
    /// Number of items, definitions included.
    pub items: u64,
    /// Totals of its quotes and trades without injected faults.
    pub totals: Totals,
    /// Entries of the input that are not published.
    pub skipped: SkippedCounts,
    /// Entries of the files that cannot be read, and are not published.
    pub unreadable: UnreadableCounts,
    /// Number of entries of each instrument without a definition; they are not published.
    pub undefined: BTreeMap<InstrumentId, u64>,
    /// What was taken as given or assumed about the files, in words.
    pub assumed: Vec<String>,
    /// Injected faults; none in files.
    pub injected: Injected,
}

/// Numbers the events of one source and session, per instrument from 1.
#[derive(Debug, Clone)]
pub struct Numberer {
    source: SourceId,
    session: Token,
    last: BTreeMap<InstrumentId, u64>,
}

impl Numberer {
    /// A session without events.
    pub fn new(source: SourceId, session: Token) -> Self {
        Self { source, session, last: BTreeMap::new() }
    }

    /// Skips the next `count` numbers of an instrument; the last of them.
    pub fn skip(&mut self, instrument: InstrumentId, count: u64) -> u64 {
        let last = self.last.entry(instrument).or_default();
        *last = last.saturating_add(count);
        *last
    }

    /// The item of an event, with the instrument's next number.
    pub fn item(&mut self, instrument: InstrumentId, ts_recv: u64, ts_event: Option<u64>, body: MarketBody) -> Item {
        let seq = self.skip(instrument, 1);
        let event = MarketEvent { source: self.source, session: self.session, seq, ts_recv, ts_event, body };
        Item { instrument, payload: Payload::Event(event), injected: None }
    }
}

/// The definitions of instruments as numbered events; `ts_recv` is that of the first market event, which follows them.
pub fn definitions(
    setup: &Setup,
    instruments: impl IntoIterator<Item = InstrumentId>,
    numberer: &mut Numberer,
    ts_recv: u64,
) -> Result<Vec<Item>, FeedError> {
    let define = |instrument| {
        let body = setup.definition(&instrument).ok_or(FeedError::NoDefinition(vec![instrument]))?;
        Ok(numberer.item(instrument, ts_recv, None, body))
    };
    instruments.into_iter().map(define).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seq(item: Item) -> u64 {
        match item.payload {
            Payload::Event(event) => event.seq,
            Payload::Raw(_) => panic!("raw bytes have no number"),
        }
    }

    #[test]
    fn each_instrument_is_numbered_from_1_and_skip_leaves_a_gap() {
        let mut numberer = Numberer::new("test".parse().unwrap(), "s".parse().unwrap());
        let [a, b]: [InstrumentId; 2] = ["x.A", "x.B"].map(|id| id.parse().unwrap());
        let mut next = |instrument, skip| {
            numberer.skip(instrument, skip);
            seq(numberer.item(instrument, 1, None, MarketBody::HEARTBEAT))
        };
        assert_eq!([next(a, 0), next(b, 0), next(a, 0), next(a, 3), next(b, 0)], [1, 1, 2, 6, 2]);
    }

    #[test]
    fn definitions_have_number_1_and_the_time_of_the_first_event() {
        let setup = Setup::built_in();
        let mut numberer = Numberer::new("test".parse().unwrap(), "s".parse().unwrap());
        let ids = ["binance.BTCUSDT", "binance.ETHUSDT"].map(|id| id.parse().unwrap());
        let items = definitions(&setup, ids, &mut numberer, 77).unwrap();
        for (item, id) in items.into_iter().zip(ids) {
            let Payload::Event(event) = item.payload else { panic!("raw") };
            assert_eq!((item.instrument, event.seq, event.ts_recv), (id, 1, 77));
            assert_eq!(Some(event.body), setup.definition(&id));
        }
    }

    #[test]
    fn the_error_of_an_undefined_instrument_says_what_to_add() {
        let mut numberer = Numberer::new("test".parse().unwrap(), "s".parse().unwrap());
        let unknown = ["binance.SOLUSDT".parse().unwrap()];
        let error = definitions(&Setup::built_in(), unknown, &mut numberer, 1).unwrap_err().to_string();
        assert_eq!(
            error,
            "no definition for binance.SOLUSDT: add an [[instrument]] with id, base, quote, tick_size, lot_size and \
             min_notional for each to the setup file and give it with --setup"
        );
    }
}
