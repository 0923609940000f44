//! `bench ingest`: the rate of the machine of ingest with 10,000 instruments of one source beside that with 10, and the
//! memory of its state. No broker takes part.

use std::time::Instant;

use anyhow::{Context as _, Result};
use tapedeck_ingest::Ingest;
use tapedeck_ingest::calendars::CALENDARS_MAX;
use tapedeck_ingest::instruments::INSTRUMENTS_MAX;
use tapedeck_ingest::numbering::MISSING_RANGES_MAX;
use tapedeck_ingest::sessions::{FURTHER_SESSIONS_MAX, SOURCE_RANGES_MAX, SOURCES_MAX, UNDEFINED_INSTRUMENTS_MAX};
use tapedeck_ingest::venue_ids::{HOLES_MAX, VENUE_IDS_MAX};
use tapedeck_kernel::{Cause, Machine as _, MarketEntry, step};
use tapedeck_schemas::bar;
use tapedeck_schemas::calendar::{CALENDAR_SESSIONS_MAX, Calendar, TradingSession};
use tapedeck_schemas::event::Aggressor;
use tapedeck_schemas::ids::InstrumentId;
use tapedeck_schemas::market::{
    DefinitionBody, MarketBody, MarketEvent, PriceDomain, QuoteBody, TradeBody, TradeIdOrder,
};
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::subject::market_subject;

use crate::table::Rates;

/// Tape time of all events, ns.
const TIME: u64 = 1_723_161_254_000_000_000;
/// The bars of each instrument in the fullest state.
const BARS: &str = "1m,5m,1h,100t,1000t,100v,1000v,1s-quote";
const FEW_INSTRUMENTS: usize = 10;

/// Measures `rounds` times over this number of trades.
pub(crate) fn run(events: u64, rounds: usize) -> Result<()> {
    println!("{:<44} {:>12} {:>14}", "state", "memory, MiB", "saved, MiB");
    memory(&format!("{INSTRUMENTS_MAX} instruments of one source"), || {
        let mut feed = IngestFeed::new(INSTRUMENTS_MAX, "");
        feed.define("feed", "s");
        feed
    })?;
    memory("all bounds used", fullest)?;
    let mut rates = Rates::default();
    let few = format!("{FEW_INSTRUMENTS} instruments");
    for _ in 0..rounds {
        for (name, count) in
            [(few.clone(), FEW_INSTRUMENTS), (format!("{INSTRUMENTS_MAX} instruments"), INSTRUMENTS_MAX)]
        {
            let mut feed = IngestFeed::new(count, "");
            let instruments = feed.instruments.clone();
            let trades: Vec<MarketEntry> = (0..events)
                .map(|n| {
                    let at = n as usize % instruments.len();
                    entry(instruments[at], "feed", "s", 2 + n / instruments.len() as u64, trade(n + 1))
                })
                .collect();
            feed.define("feed", "s");
            let begun = Instant::now();
            trades.iter().for_each(|trade| feed.feed(trade));
            rates.add(name, events, begun.elapsed().as_secs_f64());
        }
    }
    println!();
    rates.print(&few);
    Ok(())
}

/// Sessions of the first instruments of a source, if it has as many as it can of as many instruments as there can be.
const SESSIONS: usize = 1 + FURTHER_SESSIONS_MAX.div_ceil(INSTRUMENTS_MAX);

/// Whether the instrument has a session of this number in the fullest state.
fn has(instrument: usize, session: usize) -> bool {
    (session * INSTRUMENTS_MAX + instrument).checked_sub(INSTRUMENTS_MAX).is_none_or(|at| at < FURTHER_SESSIONS_MAX)
}

/// The state with every bound of [`tapedeck_ingest`] used.
fn fullest() -> IngestFeed {
    let mut feed = IngestFeed::new(INSTRUMENTS_MAX, BARS);
    let instruments = feed.instruments.clone();
    feed.calendars = CALENDARS_MAX;
    feed.define("feed0", "s0");
    for (source, number) in (0..SOURCES_MAX).flat_map(|source| (0..SESSIONS).map(move |session| (source, session))) {
        let (source, session) = (format!("feed{source}"), format!("s{number}"));
        for (n, instrument) in instruments.iter().enumerate().filter(|(n, _)| has(*n, number)) {
            let ranges = if n < SOURCE_RANGES_MAX / MISSING_RANGES_MAX / SESSIONS { MISSING_RANGES_MAX } else { 0 };
            for range in 0..=ranges as u64 {
                let body = if range == 0 { trade(u64::from(source == "feed0")) } else { MarketBody::HEARTBEAT };
                feed.feed(&entry(*instrument, &source, &session, 2 + 2 * range, body));
            }
        }
        for n in 0..UNDEFINED_INSTRUMENTS_MAX / SESSIONS {
            let undefined = format!("venue.UNDEFINED-{session}-{n}").parse().expect("an instrument");
            feed.feed(&entry(undefined, &source, &session, 1, MarketBody::HEARTBEAT));
        }
    }
    // Ids of the venue: as many as are kept, half of them of trades, the first of those with holes between them.
    for id in 0..(VENUE_IDS_MAX / 2 / INSTRUMENTS_MAX) as u64 {
        let number = id + id.min(HOLES_MAX as u64 + 1);
        for instrument in &instruments {
            let seq = 1000 + 2 * id;
            feed.feed(&entry(*instrument, "feed0", "s0", seq, trade(number + 2)));
            feed.feed(&entry(*instrument, "feed0", "s0", seq + 1, quote(id + 1)));
        }
    }
    feed
}

struct IngestFeed {
    machine: Ingest,
    instruments: Vec<InstrumentId>,
    bars: &'static str,
    /// Number of calendars that the instruments share, each of as many sessions as it can have.
    calendars: usize,
    now: u64,
    fed: u64,
}

impl IngestFeed {
    fn new(instruments: usize, bars: &'static str) -> Self {
        let named = |n| format!("venue.SYMBOL{n}").parse().expect("an instrument");
        Self {
            machine: Ingest::new(),
            instruments: (0..instruments).map(named).collect(),
            bars,
            calendars: 0,
            now: 0,
            fed: 0,
        }
    }

    /// Defines every instrument.
    fn define(&mut self, source: &str, session: &str) {
        let calendars: Vec<Calendar> = (0..self.calendars as u64).map(calendar).collect();
        for (n, instrument) in self.instruments.clone().into_iter().enumerate() {
            let calendar = (!calendars.is_empty()).then(|| calendars[n % calendars.len()].clone());
            let body = MarketBody::Definition(DefinitionBody {
                base: "BASE".parse().expect("a currency"),
                quote: "USD".parse().expect("a currency"),
                tick_size: "0.01".parse().expect("a price"),
                lot_size: "1".parse().expect("a quantity"),
                min_notional: "0".parse().expect("money"),
                bars: if self.bars.is_empty() { Vec::new() } else { bar::parse_list(self.bars).expect("bars") },
                prices: PriceDomain::Positive,
                trade_ids: if calendar.is_some() { TradeIdOrder::Consecutive } else { TradeIdOrder::Any },
                sources: Vec::new(),
                calendar,
            });
            self.feed(&entry(instrument, source, session, 1, body));
        }
    }

    fn feed(&mut self, entry: &MarketEntry) {
        self.fed += 1;
        let cause = Cause { offset: Offset::new(self.fed, 0), now: self.now };
        self.now = self.now.max(step(&mut self.machine, cause, entry).at());
    }
}

fn trade(id: u64) -> MarketBody {
    let (price, quantity) = ("10.05".parse().expect("a price"), "3".parse().expect("a quantity"));
    MarketBody::Trade(TradeBody {
        price,
        quantity,
        aggressor: Aggressor::Unknown,
        trade_id: (id > 0).then(|| id.into()),
    })
}

fn quote(id: u64) -> MarketBody {
    let side = |price: &str| Some(price.parse().expect("a price"));
    let size = "3".parse().expect("a quantity");
    MarketBody::Quote(QuoteBody {
        bid: side("10.04"),
        bid_size: size,
        ask: side("10.06"),
        ask_size: size,
        update_id: Some(id.into()),
    })
}

/// A calendar that opens `n` s after midnight of each day, from 2024 on.
fn calendar(n: u64) -> Calendar {
    const FIRST_DAY: u64 = 19_723;
    let sessions = (FIRST_DAY..FIRST_DAY + CALENDAR_SESSIONS_MAX as u64).map(|day| {
        let open = (day * 86_400 + n) * 1_000_000_000;
        TradingSession { open, close: open + 80_000 * 1_000_000_000, date: day as u32 }
    });
    Calendar::new(sessions.collect()).expect("a calendar")
}

fn entry(instrument: InstrumentId, source: &str, session: &str, seq: u64, body: MarketBody) -> MarketEntry {
    let subject = market_subject(&instrument, body.kind()).as_str().into();
    let (source, session) = (source.parse().expect("a source"), session.parse().expect("a session"));
    let event = MarketEvent { source, session, seq, ts_recv: TIME, ts_event: None, body };
    MarketEntry { subject, instrument: Some(instrument), stamp: TIME, event: Ok(event) }
}

/// Prints what a state adds to the memory of this process, and its bytes when saved.
fn memory(name: &str, build: impl FnOnce() -> IngestFeed) -> Result<()> {
    let before = resident()?;
    let feed = build();
    let used = resident()?.saturating_sub(before);
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    println!("{name:<44} {:>12.1} {:>14.1}", mib(used), mib(feed.machine.save().len() as u64));
    Ok(())
}

/// The resident memory of this process, in bytes.
fn resident() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status").context("cannot read /proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no line VmRSS")?;
    let kib: u64 = line.trim().trim_end_matches(" kB").trim().parse()?;
    Ok(kib << 10)
}
