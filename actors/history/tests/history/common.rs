//! What the tests share: small facts, and records of them.

use std::collections::VecDeque;

use tapedeck_history::replay::Definitions;
use tapedeck_history::{Classifier, Filter, RangeBounds, StoredFact};
use tapedeck_kernel::TapeRecord;
use tapedeck_schemas::event::{
    Aggressor, Bar, ClockAdvanced, Event, InstrumentDefined, MarketHeartbeat, Order, PriceDomain, Quote, SignalRaised,
    TimeInForce, Trade, TradeIdOrder,
};
use tapedeck_schemas::event::{OrderApproved, Side, TradingResumed};
use tapedeck_schemas::generation::Generation;
use tapedeck_schemas::ids::TapeId;
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::{Entry, Header, InboxDigest, InboxPrefix, RecordHash, Writer};

pub(crate) const BTC: &str = "binance.BTCUSDT";
pub(crate) const ETH: &str = "binance.ETHUSDT";

pub(crate) fn n<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

pub(crate) fn definition(instrument: &str, tick_size: &str, bars: &[&str], ts_recv: u64) -> Event {
    let (instrument, tick_size, lot_size) = (n(instrument), n(tick_size), n("0.001"));
    let (base, quote, min_notional) = (n("BTC"), n("USDT"), n("5"));
    let (bars, ts_event) = (bars.iter().map(|one| n(one)).collect(), None);
    InstrumentDefined {
        instrument,
        base,
        quote,
        tick_size,
        lot_size,
        min_notional,
        bars,
        prices: PriceDomain::Positive,
        trade_ids: TradeIdOrder::Any,
        sources: Vec::new(),
        calendar: None,
        ts_recv,
        ts_event,
    }
    .into()
}

pub(crate) fn heartbeat(instrument: &str, ts_recv: u64) -> Event {
    MarketHeartbeat { instrument: n(instrument), ts_recv, ts_event: Some(ts_recv - 2) }.into()
}

pub(crate) fn quote(instrument: &str, bid: &str, ts_recv: u64) -> Event {
    let (instrument, bid, bid_size) = (n(instrument), Some(n(bid)), n("1.5"));
    let (ask, ask_size) = (Some(n("999999")), n("0"));
    Quote { instrument, bid, bid_size, ask, ask_size, ts_recv, ts_event: None, update_id: Some(77.into()) }.into()
}

pub(crate) fn trade(instrument: &str, price: &str, ts_recv: u64) -> Event {
    let (instrument, price, quantity, aggressor) = (n(instrument), n(price), n("0.01"), Aggressor::Seller);
    Trade { instrument, price, quantity, aggressor, trade_id: Some(12.into()), ts_recv, ts_event: Some(ts_recv - 1) }
        .into()
}

pub(crate) fn bar(instrument: &str, source: Option<&str>, ts_recv: u64) -> Event {
    let price = |text: &str| n(text);
    Bar {
        instrument: n(instrument),
        bar: n("1m"),
        open: price("10"),
        high: price("12"),
        low: price("9"),
        close: price("11"),
        volume: n("3"),
        count: 4,
        late: 0,
        opened: 1,
        closed: 2,
        part: 0,
        source: source.map(n),
        ts_recv,
        ts_event: None,
    }
    .into()
}

pub(crate) fn tick(time: u64) -> Event {
    ClockAdvanced { time }.into()
}

pub(crate) fn resumed(scope: &str) -> Event {
    TradingResumed { scope: n(scope), by: "test".into(), reason: "over".into(), stamp: 0 }.into()
}

pub(crate) fn signal(instrument: &str, account: &str, strategies: &[&str]) -> Event {
    SignalRaised {
        account: n(account),
        strategy: n("combined"),
        instrument: n(instrument),
        target: n("0.5"),
        confidence: n("1"),
        reasons: strategies.iter().map(|one| (n(one), n("0.5"), n("1"))).collect(),
    }
    .into()
}

pub(crate) fn approved(instrument: &str, account: &str, strategy: &str) -> Event {
    let order = Order {
        id: n("000102030405060708090a0b0c0d0e0f"),
        account: n(account),
        strategy: n(strategy),
        instrument: n(instrument),
        side: Side::Buy,
        quantity: n("0.5"),
        price: n("61837.64"),
        time_in_force: TimeInForce::Ioc,
        signal: Offset::new(3, 1),
    };
    Event::OrderApproved(OrderApproved { order })
}

/// A record of one writer; each fact with its time.
pub(crate) fn record(seq: u64, writer: Writer, facts: &[(u64, Event)]) -> TapeRecord {
    let entry = |(index, (at, event)): (u32, &(u64, Event))| Entry {
        cause: Offset::new(seq + 100, 0),
        index,
        at: *at,
        event: event.clone(),
    };
    let reads_inbox = writer.reads_inbox();
    let prefix = InboxPrefix { generation: Generation::FIRST, digest: InboxDigest::default() };
    let inbox = reads_inbox.then_some(prefix);
    TapeRecord {
        seq,
        generation: Generation::FIRST,
        header: Header { writer, epoch: 1, prev_hash: RecordHash::default(), inbox },
        hash: RecordHash::default(),
        entries: (0..).zip(facts).map(entry).collect(),
    }
}

/// What is replayed of records.
pub(crate) fn replayed(records: &[TapeRecord], bounds: RangeBounds, filter: &Filter) -> Vec<StoredFact> {
    let tape = TapeId([1; 16]).into();
    let (mut classifier, mut definitions) = (Classifier::new(0, tape, bounds, filter.clone()), Definitions::default());
    let mut out = VecDeque::new();
    for record in records {
        definitions.take(classifier.classify(record.clone(), record.seq * 1_000), &mut out);
    }
    out.into()
}
