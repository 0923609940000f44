//! Chains of facts made by hand: their facts, parents and hops, and where a chain is cut.

use std::sync::Arc;

use tapedeck_schemas::event::{Aggressor, OrderStatus, StatusReason};
use tapedeck_schemas::event::{
    ClockAdvanced, Event, Order, OrderAccepted, OrderApproved, OrderStatusChanged, OrderSubmitted, Side, SignalRaised,
    TimeInForce, Trade,
};
use tapedeck_schemas::generation::Generation;
use tapedeck_schemas::ids::TapeId;
use tapedeck_schemas::number::{Quantity, Ratio};
use tapedeck_schemas::record::Writer;

use super::*;
use crate::trace::{RootSearch, TraceQuery};

fn id(n: u8) -> OrderId {
    format!("{n:02x}").repeat(16).parse().unwrap()
}

fn order(n: u8) -> Order {
    Order {
        id: id(n),
        account: "sim-p0".parse().unwrap(),
        strategy: "blend".parse().unwrap(),
        instrument: "sim.X".parse().unwrap(),
        side: Side::Buy,
        quantity: Quantity::whole(10),
        price: "100".parse().unwrap(),
        time_in_force: TimeInForce::Gtc,
        signal: Offset::START,
    }
}

fn fact(writer: Writer, seq: u64, cause: u64, event: impl Into<Event>) -> StoredFact {
    let (offset, cause, at, stamp) = (Offset::new(seq, 0), Offset::new(cause, 0), seq * 1_000, seq * 1_000_000);
    let lineage = Arc::new(TapeId([1; 16]).into());
    let event = event.into();
    let (partition, epoch, index, time) = (0, 1, 0, at);
    let inbox_generation = writer.reads_inbox().then_some(Generation::FIRST);
    StoredFact { partition, lineage, offset, writer, epoch, cause, inbox_generation, index, at, stamp, time, event }
}

fn trade() -> Trade {
    Trade {
        instrument: "sim.X".parse().unwrap(),
        price: "100".parse().unwrap(),
        quantity: Quantity::whole(1),
        aggressor: Aggressor::Buyer,
        trade_id: None,
        ts_recv: 1,
        ts_event: None,
    }
}

fn signal() -> SignalRaised {
    let (target, confidence) = (Ratio::ZERO, Ratio::ZERO);
    SignalRaised {
        instrument: "sim.X".parse().unwrap(),
        account: "sim-p0".parse().unwrap(),
        strategy: "blend".parse().unwrap(),
        target,
        confidence,
        reasons: vec![],
    }
}

/// Two trades. Each begins an order; the order of the first is accepted at the tape time of the second.
fn tape() -> Vec<StoredFact> {
    use Writer::{Execution, Ingest, Paper, Risk, Signal};
    let change = OrderStatusChanged {
        order: id(1),
        from: OrderStatus::Submitted,
        to: OrderStatus::Accepted,
        filled: Quantity::ZERO,
        reason: StatusReason::Accepted,
    };
    let accepted = |n| OrderAccepted { order: id(n), instrument: "sim.X".parse().unwrap() };
    vec![
        fact(Ingest, 1, 70, trade()),
        fact(Signal, 2, 1, signal()),
        fact(Risk, 3, 2, OrderApproved { order: order(1) }),
        fact(Execution, 4, 3, OrderSubmitted { order: order(1) }),
        fact(Ingest, 5, 71, ClockAdvanced { time: 5 }),
        fact(Ingest, 6, 71, trade()),
        fact(Paper, 7, 6, accepted(1)), // at the tape time of the second trade
        fact(Execution, 8, 7, change),
        fact(Signal, 9, 6, signal()),
        fact(Risk, 10, 9, OrderApproved { order: order(2) }),
        fact(Paper, 11, 6, accepted(9)), // of an order approved before this tape
    ]
}

fn traced(asked: TraceQuery) -> Option<(Vec<u64>, Vec<Option<u64>>)> {
    let mut search = RootSearch::default();
    let _ = tape().iter().any(|fact| search.take(asked, fact));
    let (asked, first) = search.found()?;
    let mut chain = Chain::new(asked);
    tape().into_iter().filter(|fact| fact.offset >= first).for_each(|fact| chain.take(fact));
    Some(chain.facts.iter().map(|(fact, parent)| (fact.offset.seq, parent.map(|parent| parent.seq))).unzip())
}

#[test]
fn the_chain_is_the_same_from_the_tick_the_order_and_what_became_of_it() {
    let whole = Some((vec![1, 2, 3, 4, 7, 8], vec![None, Some(1), Some(2), Some(3), Some(4), Some(7)]));
    for place in [1, 2, 3, 4, 7, 8] {
        assert_eq!(traced(TraceQuery::At(Offset::new(place, 0))), whole, "{place}");
    }
    assert_eq!(traced(TraceQuery::Order(id(1))), whole);
    for generation in [None, Some(Generation::FIRST)] {
        assert_eq!(traced(TraceQuery::Inbox(Writer::Ingest, generation, Offset::new(70, 0))), whole);
    }
}

#[test]
fn a_tick_that_fills_the_orders_of_others_does_not_take_their_story() {
    let second = Some((vec![6, 9, 10], vec![None, Some(6), Some(9)]));
    assert_eq!(
        traced(TraceQuery::Inbox(Writer::Ingest, None, Offset::new(71, 0))),
        second,
        "the trade, not the tick of time"
    );
    assert_eq!(traced(TraceQuery::Order(id(2))), second);
}

#[test]
fn what_is_not_there_has_no_chain() {
    assert_eq!(traced(TraceQuery::Order(id(3))), None);
    assert_eq!(traced(TraceQuery::At(Offset::new(99, 0))), None);
    assert_eq!(traced(TraceQuery::Inbox(Writer::Control, None, Offset::new(70, 0))), None);
    assert_eq!(traced(TraceQuery::Inbox(Writer::Ingest, Generation::new(2), Offset::new(70, 0))), None);
}

#[test]
fn hops_are_from_what_a_fact_hangs_below_and_the_first_from_the_inbox() {
    let mut chain = Chain::new(Offset::new(7, 0));
    tape().into_iter().for_each(|fact| chain.take(fact));
    let facts = chain.facts(Some(400_000));
    let hops: Vec<Option<i64>> = facts.iter().map(|one| one.hop_ns).collect();
    let ms = |n: i64| Some(n * 1_000_000);
    assert_eq!(hops, [Some(600_000), ms(1), ms(1), ms(1), ms(3), ms(1)]);
    assert_eq!((facts[0].fact.cause_text(), facts[4].fact.cause_text()), ("inbox.g1:70.0".into(), "p0g1:6.0".into()));
    let tree = chain.tree(&facts);
    assert!(tree.lines().nth(4).unwrap().starts_with("▶      └ OrderAccepted"), "{tree}");
    assert!(tree.contains("(decided on p0g1:6.0)"), "{tree}");
}

#[test]
fn a_chain_is_cut_where_it_would_not_end_and_says_so() {
    let mut chain = Chain::new(Offset::new(1, 0));
    chain.take(fact(Writer::Ingest, 1, 70, trade()));
    (2..FACTS_MAX as u64 + 5).for_each(|seq| chain.take(fact(Writer::Signal, seq, 1, signal())));
    assert_eq!((chain.facts.len(), chain.skipped), (FACTS_MAX, 4));
    let tree = chain.tree(&chain.facts(None));
    assert!(tree.ends_with("… and 4 more: the chain is cut at 2000 facts\n"));
}
