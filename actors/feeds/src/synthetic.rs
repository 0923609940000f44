//! The synthetic market: several instruments, quotes and trades, and faults injected on purpose; no clock, no float.
//!
//! A pure function of the seed and the count of events: the same on any machine, so that a session can be resumed.

mod instrument;

use std::collections::VecDeque;

use tapedeck_schemas::event::RejectReason;
use tapedeck_schemas::ids::{InstrumentId, Token};
use tapedeck_schemas::market::MarketBody;

use crate::item::{Item, Numberer, Payload, Summary};
use crate::random::SplitMix64;
use crate::{Feed, FeedError, Setup, content};
use instrument::{LISTED, Trading};

/// When the market opens: 2026-01-05T00:00:00Z, ns.
pub const OPEN_NS: u64 = 1_767_571_200_000_000_000;
/// An instrument that trades and is never defined, so that its events must be refused.
pub const UNLISTED: &str = "sim.UNLISTED";

/// Who numbers the events.
const SOURCE: &str = "synthetic";
/// Bumped when the same seed comes to mean another market, so that it is another session.
const GENERATION: u32 = 2;
/// Least and greatest time from one event to the next, ns: on average 4,000 a second.
const PAUSE_NS: (i64, i64) = (50_000, 450_000);
/// One good event in so many comes with a fault.
const FAULT_ONE_IN: i64 = 500;
/// One event in so many is a trade, once the instrument has a quote.
const TRADE_ONE_IN: i64 = 4;

/// The session of this market.
pub fn session(seed: u64, events: u64) -> Token {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"tapedeck synthetic market");
    hasher.update(&GENERATION.to_be_bytes());
    hasher.update(&seed.to_be_bytes());
    hasher.update(&events.to_be_bytes());
    content::token('s', &hasher)
}

/// Whether a setup names this market's instruments on their own terms.
pub fn check(setup: &Setup) -> Result<(), FeedError> {
    for listed in &LISTED {
        let id = listed.id();
        let definition = setup.definition(&id).ok_or(FeedError::NoDefinition(id))?;
        if definition != listed.definition() {
            return Err(FeedError::OtherTerms(id));
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
    /// The market of a seed, with so many good quotes and trades; definitions and faults come on top.
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
    trading: Vec<Trading>,
    now: u64,
    events_left: u64,
    gaps: u64,
    waiting: VecDeque<Item>,
}

impl Generator {
    fn new(seed: u64, events: u64) -> Self {
        let mut numberer = Numberer::new(SOURCE.parse().expect("it is a name"), session(seed, events));
        let define =
            |listed: &instrument::SyntheticInstrument| numberer.item(listed.id(), OPEN_NS, None, listed.definition());
        let waiting = LISTED.iter().map(define).collect();
        let trading = LISTED.iter().map(Trading::new).collect();
        Self { random: SplitMix64(seed), numberer, trading, now: OPEN_NS, events_left: events, gaps: 0, waiting }
    }

    /// One good quote or trade of any instrument, and in some cases a fault with it.
    fn trade_on(&mut self) {
        let pause = self.random.between(PAUSE_NS.0, PAUSE_NS.1);
        self.now = self.now.saturating_add(pause.unsigned_abs());
        let which = self.random.between(0, LISTED.len() as i64 - 1) as usize;
        let (random, trading) = (&mut self.random, &mut self.trading[which]);
        let instrument = LISTED[which].id();
        let trade = if random.one_in(TRADE_ONE_IN) { trading.trade(random) } else { None };
        let (ts_event, body) = match trade {
            // The venue's time is a little earlier, as over a short line.
            Some(trade) => (Some(self.now - random.between(300_000, 1_500_000).unsigned_abs()), trade),
            None => (None, trading.quote(random)),
        };
        let fault = if random.one_in(FAULT_ONE_IN) { random.between(1, 10) } else { 0 };
        if fault == 1 || fault == 2 {
            self.numberer.skip(instrument, random.between(1, 5).unsigned_abs());
            self.gaps += 1;
        }
        let item = self.numberer.item(instrument, self.now, ts_event, body);
        self.waiting.push_back(item.clone());
        match fault {
            3..=6 => self.waiting.push_back(Item { injected: Some(RejectReason::Duplicate), ..item }),
            7..=10 => self.bad(which),
            _ => {}
        }
    }

    /// An event that breaks exactly one rule.
    fn bad(&mut self, which: usize) {
        let trading = &self.trading[which];
        let (instrument, good) = (LISTED[which].id(), trading.again(&mut self.random));
        let (reason, instrument, body) = match self.random.between(1, 5) {
            1 => (RejectReason::NotPositive, instrument, trading.negative()),
            2 => (RejectReason::OffGrid, instrument, trading.off_grid(good)),
            3 => (RejectReason::Crossed, instrument, crossed(good)),
            4 => (RejectReason::UnknownInstrument, unlisted(), good),
            _ => {
                // 0xc1 is the one byte that MessagePack never uses.
                let bytes = std::iter::once(0xc1).chain(self.random.next().to_be_bytes()).collect();
                let injected = Some(RejectReason::Malformed);
                self.waiting.push_back(Item { instrument, payload: Payload::Raw(bytes), injected });
                return;
            }
        };
        let item = self.numberer.item(instrument, self.now, None, body);
        self.waiting.push_back(Item { injected: Some(reason), ..item });
    }
}

impl Iterator for Generator {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        if self.waiting.is_empty() && self.events_left > 0 {
            self.events_left -= 1;
            self.trade_on();
        }
        self.waiting.pop_front()
    }
}

fn unlisted() -> InstrumentId {
    UNLISTED.parse().expect("it is an instrument")
}

fn crossed(quote: MarketBody) -> MarketBody {
    match quote {
        MarketBody::Quote { bid, bid_size, ask, ask_size, update_id } => {
            MarketBody::Quote { bid: ask, bid_size, ask: bid, ask_size, update_id }
        }
        other => other,
    }
}
