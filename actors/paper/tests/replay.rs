//! Recovery from recorded decisions, the bounds of fills under random facts, and pinned decisions.

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::*;
use proptest::prelude::*;
use tapedeck_kernel::{Fact, step};
use tapedeck_paper::Paper;
use tapedeck_schemas::event::TimeInForce::{Gtc, Ioc};
use tapedeck_schemas::event::{Aggressor, Event, Liquidity, OrderFilled, Side};
use tapedeck_schemas::ids::OrderId;
use tapedeck_schemas::number::{Price, Quantity};
use tapedeck_schemas::offset::Offset;
use tapedeck_test_support::{assert_pinned, assert_recovers, decide_all};

/// Facts whose times never go back; each order's id is that of its place.
fn market() -> impl Strategy<Value = Vec<Fact>> {
    let step = (0u8..6, 0u64..8, 198i64..206, 1i64..60, any::<bool>(), any::<bool>(), any::<prop::sample::Index>());
    prop::collection::vec(step, 1..150).prop_map(|steps| {
        let (mut at, mut facts) = (1_000, vec![definition()]);
        for (n, (kind, later, half, tenths, buy, ioc, which)) in (0u8..).zip(steps) {
            at += later;
            let halves = |half| (Price::from_units(half as i128 * Price::ONE / 2).unwrap()).to_string();
            let quantity = Quantity::from_units(tenths as i128 * Quantity::ONE / 10).unwrap().to_string();
            let side = if buy { Side::Buy } else { Side::Sell };
            facts.push(match kind {
                0 | 1 => quote(at, &halves(half), &quantity, &halves(half + 1 + tenths % 2), &quantity),
                2 => trade(at, if buy { Aggressor::Buyer } else { Aggressor::Seller }, &halves(half), &quantity),
                3 | 4 => submitted(at, order(n, side, if ioc { Ioc } else { Gtc }, &halves(half), &quantity)),
                _ => cancel(at, which.index(usize::from(n) + 1) as u8),
            });
        }
        facts
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn recorded_decisions_recover_the_state(facts in market()) {
        assert_recovers(|| Paper::new(TAPE), &facts);
    }

    #[test]
    fn fills_never_exceed_the_order_what_is_displayed_or_what_was_printed(facts in market()) {
        let mut paper = Paper::new(TAPE);
        let mut left: BTreeMap<OrderId, Quantity> = BTreeMap::new();
        let mut limits = BTreeMap::new();
        let mut ids = BTreeSet::new();
        // What the quote displays to each side, less own fills; what the trade printed.
        let mut shown = [(Price::ZERO, Quantity::ZERO); 2];
        for (seq, fact) in (1..).zip(&facts) {
            let mut printed = Quantity::ZERO;
            match &fact.event {
                Event::OrderSubmitted(sent) => {
                    left.insert(sent.order.id, sent.order.quantity);
                    limits.insert(sent.order.id, sent.order.price);
                }
                Event::Quote(quote) => shown = [(quote.ask, quote.ask_size), (quote.bid, quote.bid_size)],
                Event::Trade(trade) => printed = trade.quantity,
                _ => {}
            }
            let by_trade = matches!(fact.event, Event::Trade(_));
            for event in step(&mut paper, Offset::new(seq, 0), fact) {
                match event {
                    Event::OrderFilled(fill) => {
                        let OrderFilled { order, quantity, leaves, side, price, .. } = fill;
                        prop_assert!(quantity.is_positive() && ids.insert(fill.fill));
                        let open = left.get_mut(&order).unwrap();
                        *open -= quantity;
                        prop_assert!(!open.is_negative() && *open == leaves, "overfilled");
                        let limit = limits[&order];
                        let within = if side == Side::Buy { price <= limit } else { price >= limit };
                        prop_assert!(within, "worse than its limit");
                        let touch = &mut shown[side as usize - 1];
                        let from_print = by_trade && fill.liquidity == Liquidity::Maker;
                        let taken = if from_print { &mut printed } else { &mut touch.1 };
                        *taken -= quantity;
                        prop_assert!(!taken.is_negative(), "more than was there");
                    }
                    Event::OrderClosed(closed) => prop_assert_eq!(left.remove(&closed.order), Some(closed.leaves)),
                    _ => {}
                }
            }
        }
    }
}

#[test]
fn decisions_are_as_pinned() {
    let script = [
        definition(),
        quote(1_000, "100", "5", "101", "5"),
        buy(1, Ioc, "101", "7"),
        buy(2, Gtc, "100", "3"),
        sell(3, Gtc, "101.5", "3"),
        sell(4, Gtc, "101.3", "3"),
        tick(1_005),
        trade(1_006, Aggressor::Seller, "99.5", "2"),
        cancel(1_006, 2),
        cancel(1_006, 1),
        limit("paper.maker_fee", "0.0007"),
        quote(1_007, "102", "2", "103", "2"),
        tick(1_011),
        sell(5, Ioc, "102", "3"),
        tick(1_012),
    ];
    let decisions = decide_all(&mut Paper::new(TAPE), &script);
    assert_pinned(&decisions, "737835cae9db7111c88106615f43dd6f63493f87e24a6df94515aae84a912ce3");
}
