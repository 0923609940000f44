//! Builders of market entries for ingest's tests; no assertions live here.
#![allow(dead_code)] // each test binary uses its own part

use tapedeck_ingest::Ingest;
use tapedeck_kernel::MarketEntry;
use tapedeck_kernel::testing::Stepper;
use tapedeck_schemas::event::{Aggressor, Event, RejectReason};
use tapedeck_schemas::market::{
    DefinitionBody, MarketBody, MarketEvent, PriceDomain, QuoteBody, TradeBody, TradeIdOrder,
};
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::subject::market_subject;

pub(crate) const SYMBOL: &str = "v.AB";
/// A second, ns.
pub(crate) const SECOND: u64 = 1_000_000_000;
/// Default `ts_recv` and stamp of events, ns: a boundary of the clock interval.
pub(crate) const START: u64 = 1_700_000_000 * SECOND;

pub(crate) fn entry(instrument: &str, event: MarketEvent) -> MarketEntry {
    let instrument = instrument.parse().unwrap();
    let subject = market_subject(&instrument, event.body.kind()).as_str().into();
    MarketEntry { subject, instrument: Some(instrument), stamp: event.ts_recv, event: Ok(event) }
}

pub(crate) fn event(seq: u64, body: MarketBody) -> MarketEvent {
    let (source, session) = ("feed".parse().unwrap(), "s1".parse().unwrap());
    MarketEvent { source, session, seq, ts_recv: START, ts_event: Some(START - 5), body }
}

pub(crate) fn definition(base: &str, quote: &str, tick: &str, lot: &str, min_notional: &str) -> MarketBody {
    MarketBody::Definition(DefinitionBody {
        base: base.parse().unwrap(),
        quote: quote.parse().unwrap(),
        tick_size: tick.parse().unwrap(),
        lot_size: lot.parse().unwrap(),
        min_notional: min_notional.parse().unwrap(),
        bars: Vec::new(),
        prices: PriceDomain::Positive,
        trade_ids: TradeIdOrder::Any,
        sources: Vec::new(),
        calendar: None,
    })
}

/// The definition with these bars.
pub(crate) fn with_bars(mut definition: MarketBody, specs: &str) -> MarketBody {
    if let MarketBody::Definition(DefinitionBody { bars, .. }) = &mut definition {
        *bars = tapedeck_schemas::bar::parse_list(specs).unwrap();
    }
    definition
}

/// A quote; an empty price is an absent side.
pub(crate) fn quote(bid: &str, bid_size: &str, ask: &str, ask_size: &str, update_id: Option<u64>) -> MarketBody {
    let price = |text: &str| (!text.is_empty()).then(|| text.parse().unwrap());
    MarketBody::Quote(QuoteBody {
        bid: price(bid),
        bid_size: bid_size.parse().unwrap(),
        ask: price(ask),
        ask_size: ask_size.parse().unwrap(),
        update_id: update_id.map(Into::into),
    })
}

pub(crate) fn trade(price: &str, quantity: &str, trade_id: Option<u64>) -> MarketBody {
    let (price, quantity) = (price.parse().unwrap(), quantity.parse().unwrap());
    let trade_id = trade_id.map(Into::into);
    MarketBody::Trade(TradeBody { price, quantity, aggressor: Aggressor::Buyer, trade_id })
}

/// A machine and the offset of its next entry.
#[derive(Debug, Default)]
pub(crate) struct Harness {
    pub(crate) machine: Stepper<Ingest>,
    next: u64,
}

impl Harness {
    /// With [`SYMBOL`] defined (base A, quote B, tick 0.01, lot 0.1) by the source `def`, at [`START`].
    pub(crate) fn defined() -> Self {
        let mut harness = Self::default();
        let mut terms = event(1, definition("A", "B", "0.01", "0.1", "5"));
        terms.source = "def".parse().unwrap();
        assert_eq!(kinds(&harness.feed(&entry(SYMBOL, terms))), ["InstrumentDefined"]);
        harness
    }

    pub(crate) fn feed(&mut self, entry: &MarketEntry) -> Vec<Event> {
        self.next += 1;
        self.machine.step(Offset::new(self.next, 0), entry).events
    }

    /// Feeds an event of [`SYMBOL`] with this number and body.
    pub(crate) fn feed_body(&mut self, seq: u64, body: MarketBody) -> Vec<Event> {
        self.feed(&entry(SYMBOL, event(seq, body)))
    }

    /// Feeds a heartbeat of [`SYMBOL`] received at `ts_recv`.
    pub(crate) fn feed_heartbeat(&mut self, seq: u64, ts_recv: u64) -> Vec<Event> {
        self.feed(&entry(SYMBOL, MarketEvent { ts_recv, ..event(seq, MarketBody::HEARTBEAT) }))
    }
}

pub(crate) fn kinds(events: &[Event]) -> Vec<&'static str> {
    events.iter().map(|event| event.kind().name()).collect()
}

/// The reason of the one `Rejected`, and its detail in words, among the events.
pub(crate) fn rejection(events: &[Event]) -> Option<(RejectReason, String)> {
    let mut all = events.iter().filter_map(|event| match event {
        Event::Rejected(fact) => Some((fact.reason, fact.detail.words())),
        _ => None,
    });
    let first = all.next();
    assert!(all.next().is_none(), "more than one Rejected: {events:?}");
    first
}
