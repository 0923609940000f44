//! The facts that must be on the tape, computed from the messages of the inbox and the items of the publishers.
//!
//! The computation does not use the rules of ingest, only its table of numbers that are missing, whose bounds are part
//! of the contract. Sessions are short enough that ingest keeps the venue's ids of all their events. A message of a
//! publisher must hold exactly the next items of its session. It may repeat items (of a publisher that was displaced),
//! and ingest must reject each repeated item; or hold earlier items again, which the inbox lost.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use async_nats::jetstream::Message;
use tapedeck_feeds::{Item, Payload};
use tapedeck_ingest::numbering::Arrival;
use tapedeck_ingest::sessions::Numberings;
use tapedeck_schemas::event::RejectReason;
use tapedeck_schemas::ids::InstrumentId;
use tapedeck_schemas::market::{self, MarketBody, MarketEvent, MarketKind};
use tapedeck_schemas::offset::TapeTime;

use crate::hostile;
use crate::load::Load;
use crate::streams::{MARK, header};

/// The accepted events of one instrument.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InstrumentTally {
    /// Number of quotes.
    pub quotes: u64,
    /// Number of trades.
    pub trades: u64,
    /// Σ quantity of the trades, an exact decimal.
    pub quantity: String,
    /// Bid and ask of the last quote.
    pub last: Option<(String, String)>,
}

/// The result of all market events, for comparison.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Accepted events by instrument.
    pub markets: BTreeMap<String, InstrumentTally>,
    /// Rejected events by reason.
    pub rejects: BTreeMap<String, u64>,
    /// Number of gaps.
    pub gaps: u64,
    /// Number of accepted definitions.
    pub definitions: u64,
}

/// Accumulates a [`Tally`] with exact numbers.
#[derive(Debug, Default)]
pub struct Counter {
    totals: tapedeck_feeds::Totals,
    /// Rejected events by reason.
    pub rejects: BTreeMap<RejectReason, u64>,
    /// Number of gaps.
    pub gaps: u64,
    /// Number of accepted definitions.
    pub definitions: u64,
}

impl Counter {
    /// Counts a market event that is or must be accepted.
    pub fn accept(&mut self, instrument: InstrumentId, body: &MarketBody) {
        self.totals.add_body(instrument, body);
        self.definitions += u64::from(matches!(body, MarketBody::Definition(_)));
    }

    /// Counts a market event that is or must be rejected.
    pub fn reject(&mut self, reason: RejectReason) {
        self.reject_many(reason, 1);
    }

    /// Counts market events that are rejected.
    pub fn reject_many(&mut self, reason: RejectReason, count: u64) {
        *self.rejects.entry(reason).or_default() += count;
    }

    /// The totals so far.
    pub fn tally(&self) -> Tally {
        let markets = self.totals.by_instrument.iter().map(|(instrument, totals)| {
            let last = totals.last_bid.zip(totals.last_ask).map(|(bid, ask)| (bid.to_string(), ask.to_string()));
            let quantity = totals.quantity.to_string();
            (instrument.to_string(), InstrumentTally { quotes: totals.quotes, trades: totals.trades, quantity, last })
        });
        let rejects = self.rejects.iter().map(|(reason, count)| (reason.to_string(), *count)).collect();
        Tally { markets: markets.collect(), rejects, gaps: self.gaps, definitions: self.definitions }
    }
}

/// The counts of the market inbox up to a sequence.
#[derive(Default)]
pub struct InboxTally {
    /// Last sequence read.
    pub read: u64,
    /// The facts that ingest must append.
    pub counter: Counter,
    /// Number of stored items by session and instrument.
    through: BTreeMap<(String, InstrumentId), usize>,
    /// The numbers of each session and instrument.
    numbers: Numberings,
    /// The instrument and body of every accepted event with an id of the venue.
    identified: BTreeSet<(InstrumentId, String)>,
    /// Items that were stored more than once.
    pub repeated: u64,
    /// Messages that no publisher sent.
    pub foreign: u64,
    /// Whether items may be missing: a stream lost them, and its publishers did not send them again.
    pub may_miss: bool,
    /// Items that are missing, with later ones stored.
    pub missing: u64,
    /// The instruments whose definition was accepted.
    defined: BTreeSet<InstrumentId>,
    /// Tape time, ns.
    now: TapeTime,
}

impl InboxTally {
    /// Counts the next message of the inbox.
    pub fn take(&mut self, seq: u64, message: &Message, loads: &[Load]) -> Result<()> {
        self.read = seq;
        if let Some(mark) = header(message, MARK) {
            self.foreign += 1;
            let reason = hostile::reason(mark).with_context(|| format!("inbox {seq}: unexpected mark {mark}"))?;
            self.counter.reject(reason);
            return Ok(());
        }
        let stamp = message.info().map_err(|error| anyhow!("inbox {seq}: {error}"))?.published.unix_timestamp_nanos();
        let stamp = u64::try_from(stamp)?;
        let session =
            header(message, "Tapedeck-Session").with_context(|| format!("inbox {seq}: no header Tapedeck-Session"))?;
        let through = header(message, "Tapedeck-Through").and_then(|text| text.parse::<usize>().ok());
        let through = through.with_context(|| format!("inbox {seq}: no header Tapedeck-Through"))?;
        let load = loads.iter().find(|load| load.session == session);
        let load = load.with_context(|| format!("inbox {seq}: unknown session {session}"))?;
        let (instrument, _) = tapedeck_schemas::subject::parse_market_subject(&message.subject)
            .ok()
            .with_context(|| format!("inbox {seq}: subject {}", message.subject))?;
        let items = load.items.get(&instrument).context("the session does not publish the instrument")?;
        let before = &items[..through.min(items.len())];
        let key = (session.to_string(), instrument);
        let stored = self.through.entry(key).or_default();
        let counted = count_items(before, &message.payload);
        if counted.is_err() && through == *stored {
            let again = items_again(before, &message.payload).with_context(|| {
                format!("inbox {seq}: items of {instrument} of {session} that were not sent before")
            })?;
            again.into_iter().for_each(|item| self.count_item(stamp, item));
            return Ok(());
        }
        let count = counted.with_context(|| {
            format!("inbox {seq}: other content than the items up to {through} of {instrument} of {session}")
        })?;
        let from = through - count;
        let missing = from.saturating_sub(*stored) as u64;
        self.missing += missing;
        let is_complete = missing == 0 || self.may_miss;
        ensure!(is_complete, "inbox {seq}: items {stored} to {from} of {instrument} of {session} are missing");
        self.repeated += stored.saturating_sub(from).min(count) as u64;
        *stored = through.max(*stored);
        for item in &items[from..through] {
            self.count_item(stamp, item);
        }
        Ok(())
    }

    /// The sessions whose publishers have reported success although items are not stored.
    pub fn unfinished(&self, loads: &[Load]) -> Vec<String> {
        let mut missing = Vec::new();
        for load in loads.iter().filter(|load| load.done) {
            for (instrument, items) in &load.items {
                let stored = self.through.get(&(load.session.clone(), *instrument)).copied().unwrap_or(0);
                if stored != items.len() {
                    let (session, count) = (&load.session, items.len());
                    missing.push(format!(
                        "inbox: {stored} of {count} items of {instrument} of session {session}, which is done"
                    ));
                }
            }
        }
        missing
    }

    fn count_item(&mut self, stamp: u64, item: &Item) {
        let event = match &item.payload {
            Payload::Raw(_) => return self.counter.reject(RejectReason::Malformed),
            Payload::Event(event) => event,
        };
        let instrument = item.instrument;
        let of_session = (event.source, event.session, instrument);
        let arrival = Arrival { now: self.now, stamp };
        let number = match self.numbers.record(of_session, event.seq, arrival, self.defined.contains(&instrument)) {
            Ok(number) => number,
            Err(rejection) => return self.counter.reject(rejection.reason),
        };
        if event.seq <= number.last_seq && !number.was_missing {
            return self.counter.reject(RejectReason::Duplicate);
        }
        if event.seq > number.last_seq + 1 {
            self.counter.gaps += 1;
        }
        let is_definition = matches!(event.body, MarketBody::Definition(_));
        match item.injected {
            // The definition is among the missing items.
            _ if self.may_miss && !is_definition && !self.defined.contains(&item.instrument) => {
                self.counter.reject(RejectReason::UnknownInstrument)
            }
            Some(reason) => self.counter.reject(reason),
            None => {
                let has_id = match &event.body {
                    MarketBody::Trade(trade) => trade.trade_id.is_some(),
                    MarketBody::Quote(quote) => quote.update_id.is_some(),
                    _ => false,
                };
                // The aggressor is not compared, but equal items have an equal one.
                if has_id && !self.identified.insert((instrument, format!("{:?}", event.body))) {
                    return self.counter.reject(RejectReason::Duplicate);
                }
                self.counter.accept(item.instrument, &event.body);
                self.now = self.now.max(event.ts_recv);
                if is_definition {
                    self.defined.insert(item.instrument);
                    self.numbers.define(&item.instrument);
                }
            }
        }
    }
}

/// The items that a message holds again, in order; an error if one of its events is not among `items`.
fn items_again<'a>(items: &'a [Item], payload: &[u8]) -> Result<Vec<&'a Item>> {
    let mut items = items.iter();
    let events = market::decode(MarketKind::Batch, payload).into_iter();
    events
        .map(|event| {
            let event = event.map_err(|_| anyhow!("a malformed event"))?;
            let is_event = |item: &&Item| matches!(&item.payload, Payload::Event(own) if *own == event);
            items.find(is_event).with_context(|| format!("event {} of the source {}", event.seq, event.source))
        })
        .collect()
}

/// How many of the last `items` a message holds; an error if its bytes differ from theirs.
fn count_items(items: &[Item], payload: &[u8]) -> Result<usize> {
    if let Some(Item { payload: Payload::Raw(bytes), .. }) = items.last()
        && payload == bytes
    {
        return Ok(1);
    }
    let count = match payload {
        [first, ..] if first & 0xf0 == 0x90 => usize::from(first & 0x0f),
        [0xdc, high, low, ..] => usize::from(u16::from_be_bytes([*high, *low])),
        _ => bail!("not an array"),
    };
    ensure!(count <= items.len(), "{count} items, more than the {} up to there", items.len());
    let events: Option<Vec<MarketEvent>> = items[items.len() - count..]
        .iter()
        .map(|item| match &item.payload {
            Payload::Event(event) => Some(event.clone()),
            Payload::Raw(_) => None,
        })
        .collect();
    let is_equal = events.is_some_and(|events| market::encode_batch(&events) == payload);
    ensure!(is_equal, "different bytes");
    Ok(count)
}
