//! The synthetic market: quotes and trades of several instruments, and injected faults; no clock, no floating point.
//!
//! It is a pure function of the seed and the number of events, the same on every machine, so that a session can resume.

mod instrument;

use std::collections::VecDeque;

use tapedeck_schemas::event::RejectReason;
use tapedeck_schemas::ids::{InstrumentId, Token};
use tapedeck_schemas::market::{MarketBody, QuoteBody};

use crate::item::{Item, Numberer, Payload, Summary};
use crate::random::SplitMix64;
use crate::{Feed, FeedError, Setup, content};
use instrument::{InstrumentModel, LISTED};

/// When the market opens: 2026-01-05T00:00:00Z, ns.
pub const OPEN_NS: u64 = 1_767_571_200_000_000_000;
/// An instrument with events but without a definition, so that ingest must reject them.
pub const UNLISTED: &str = "sim.UNLISTED";

const SOURCE: &str = "synthetic";
/// Part of the session; raised when the market of a seed changes.
const GENERATION: u32 = 4;
/// Range of the time between two events, ns: on average 4,000 events a second.
const PAUSE_NS: (i64, i64) = (50_000, 450_000);
/// One valid event in this many has a fault injected.
const FAULT_ONE_IN: i64 = 500;
/// One event in this many is a trade, after the instrument's first quote.
const TRADE_ONE_IN: i64 = 4;

/// The session of the market with this seed and number of events.
pub fn session(seed: u64, events: u64) -> Token {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"tapedeck synthetic market");
    hasher.update(&GENERATION.to_be_bytes());
    hasher.update(&seed.to_be_bytes());
    hasher.update(&events.to_be_bytes());
    content::token('s', &hasher)
}

/// An error unless the setup defines this market's instruments with their own terms.
pub fn check(setup: &Setup) -> Result<(), FeedError> {
    for listed in &LISTED {
        let id = listed.id();
        let definition = setup.definition(&id).ok_or(FeedError::NoDefinition(vec![id]))?;
        if definition != listed.definition() {
            return Err(FeedError::ChangedTerms(id));
        }
    }
    Ok(())
}

/// The market as a feed.
pub struct Synthetic {
    generator: Generator,
    summary: Summary,
}

impl Synthetic {
    /// The market of a seed with `events` valid quotes and trades; definitions and faults come in addition.
    pub fn new(seed: u64, events: u64) -> Self {
        let mut summary = Summary { instruments: LISTED.iter().map(|one| one.id()).collect(), ..Summary::default() };
        let mut dry_run = Generator::new(seed, events);
        for item in dry_run.by_ref() {
            summary.items += 1;
            summary.totals.add(&item);
            match item.injected {
                Some(RejectReason::Duplicate) => summary.injected.duplicates += 1,
                Some(reason) => *summary.injected.bad.entry(reason).or_default() += 1,
                None => {}
            }
        }
        summary.injected.gaps = dry_run.gaps;
        Self { generator: Generator::new(seed, events), summary }
    }
}

impl Iterator for Synthetic {
    type Item = Result<Item, FeedError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.generator.next().map(Ok)
    }
}

impl Feed for Synthetic {
    fn summary(&self) -> &Summary {
        &self.summary
    }
}

struct Generator {
    random: SplitMix64,
    numberer: Numberer,
    instruments: Vec<InstrumentModel>,
    /// Receive time of the latest event, ns.
    now: u64,
    events_left: u64,
    gaps: u64,
    queue: VecDeque<Item>,
}

impl Generator {
    fn new(seed: u64, events: u64) -> Self {
        let mut numberer = Numberer::new(SOURCE.parse().expect("it is a token"), session(seed, events));
        let define =
            |listed: &instrument::SyntheticInstrument| numberer.item(listed.id(), OPEN_NS, None, listed.definition());
        let queue = LISTED.iter().map(define).collect();
        let instruments = LISTED.iter().map(InstrumentModel::new).collect();
        Self { random: SplitMix64(seed), numberer, instruments, now: OPEN_NS, events_left: events, gaps: 0, queue }
    }

    /// Queues one valid quote or trade of a random instrument, in some cases with a fault.
    fn queue_event(&mut self) {
        let pause = self.random.between(PAUSE_NS.0, PAUSE_NS.1);
        self.now = self.now.saturating_add(pause.unsigned_abs());
        let index = self.random.between(0, LISTED.len() as i64 - 1) as usize;
        let random = &mut self.random;
        let model = &mut self.instruments[index];
        let instrument = LISTED[index].id();
        let trade = if random.one_in(TRADE_ONE_IN) { model.trade(random) } else { None };
        let (ts_event, body) = match trade {
            // The venue's time is 0.3 to 1.5 ms earlier, the latency of a short line.
            Some(trade) => (Some(self.now - random.between(300_000, 1_500_000).unsigned_abs()), trade),
            None => (None, model.quote(random)),
        };
        let fault = if random.one_in(FAULT_ONE_IN) { random.between(1, 10) } else { 0 };
        if fault == 1 || fault == 2 {
            self.numberer.skip(instrument, random.between(1, 5).unsigned_abs());
            self.gaps += 1;
        }
        let item = self.numberer.item(instrument, self.now, ts_event, body);
        self.queue.push_back(item.clone());
        match fault {
            3..=6 => self.queue.push_back(Item { injected: Some(RejectReason::Duplicate), ..item }),
            7..=10 => self.queue_invalid(index),
            _ => {}
        }
    }

    /// Queues an event that violates exactly one rule.
    fn queue_invalid(&mut self, index: usize) {
        let model = &self.instruments[index];
        let instrument = LISTED[index].id();
        let valid = model.requote(&mut self.random);
        let (reason, instrument, body) = match self.random.between(1, 5) {
            1 => (RejectReason::NotPositive, instrument, model.negative()),
            2 => (RejectReason::OffGrid, instrument, model.off_grid(valid)),
            3 => (RejectReason::BadQuote, instrument, size_without_price(valid)),
            4 => (RejectReason::UnknownInstrument, unlisted(), valid),
            _ => {
                // 0xc1 is the one byte that MessagePack does not use.
                let bytes = std::iter::once(0xc1).chain(self.random.next().to_be_bytes()).collect();
                let injected = Some(RejectReason::Malformed);
                self.queue.push_back(Item { instrument, payload: Payload::Raw(bytes), injected });
                return;
            }
        };
        let item = self.numberer.item(instrument, self.now, None, body);
        self.queue.push_back(Item { injected: Some(reason), ..item });
    }
}

impl Iterator for Generator {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        if self.queue.is_empty() && self.events_left > 0 {
            self.events_left -= 1;
            self.queue_event();
        }
        self.queue.pop_front()
    }
}

fn unlisted() -> InstrumentId {
    UNLISTED.parse().expect("it is an instrument")
}

fn size_without_price(quote: MarketBody) -> MarketBody {
    match quote {
        MarketBody::Quote(quote) => QuoteBody { bid: None, ..quote }.into(),
        other => other,
    }
}
