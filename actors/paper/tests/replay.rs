//! Replay of paper: following recorded decisions gives the same state, fills are bounded, and a script is pinned.

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::*;
use proptest::prelude::*;
use tapedeck_kernel::Fact;
use tapedeck_kernel::testing::{Stepper, assert_decisions, run_and_follow};
use tapedeck_paper::Paper;
use tapedeck_schemas::event::TimeInForce::{Gtc, Ioc};
use tapedeck_schemas::event::{Aggressor, Event, Liquidity, OrderFilled, Side};
use tapedeck_schemas::ids::OrderId;
use tapedeck_schemas::number::{Price, Quantity};
use tapedeck_schemas::offset::Offset;

/// Facts whose times never go back; the id of an order is its index.
fn market() -> impl Strategy<Value = Vec<Fact>> {
    let step = (0u8..6, 0u64..8, 198i64..206, 1i64..60, any::<bool>(), any::<bool>(), any::<prop::sample::Index>());
    prop::collection::vec(step, 1..150).prop_map(|steps| {
        let (mut at, mut facts) = (1_000, vec![definition()]);
        for (n, (kind, later, half, tenths, buy, ioc, order_index)) in (0u8..).zip(steps) {
            at += later;
            let halves = |half| (Price::from_units(half as i128 * Price::ONE / 2).unwrap()).to_string();
            let quantity = Quantity::from_units(tenths as i128 * Quantity::ONE / 10).unwrap().to_string();
            let side = if buy { Side::Buy } else { Side::Sell };
            facts.push(match kind {
                0 | 1 => quote(at, &halves(half), &quantity, &halves(half + 1 + tenths % 2), &quantity),
                2 => trade(at, if buy { Aggressor::Buyer } else { Aggressor::Seller }, &halves(half), &quantity),
                3 | 4 => submitted(at, order(n, side, if ioc { Ioc } else { Gtc }, &halves(half), &quantity)),
                _ => cancel(at, order_index.index(usize::from(n) + 1) as u8),
            });
        }
        facts
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn following_recorded_decisions_gives_the_same_state_as_deciding(facts in market()) {
        run_and_follow(|| Paper::new(TAPE), &facts, |_, _| {});
    }

    #[test]
    fn fills_never_exceed_the_order_the_displayed_size_or_the_printed_trade(facts in market()) {
        let mut paper = Stepper::new(Paper::new(TAPE));
        let mut left: BTreeMap<OrderId, Quantity> = BTreeMap::new();
        let mut limits = BTreeMap::new();
        let mut ids = BTreeSet::new();
        // Price and size that the quote displays to each side, less own fills.
        let mut displayed = [(Price::ZERO, Quantity::ZERO); 2];
        for (seq, fact) in (1..).zip(&facts) {
            let mut printed = Quantity::ZERO;
            match &fact.event {
                Event::OrderSubmitted(sent) => {
                    left.insert(sent.order.id, sent.order.quantity);
                    limits.insert(sent.order.id, sent.order.price);
                }
                Event::Quote(quote) => {
                    let side = |price: Option<Price>, size| price.map(|price| (price, size));
                    let sides = [side(quote.ask, quote.ask_size), side(quote.bid, quote.bid_size)];
                    displayed = sides.map(|side| side.filter(|_| !quote.is_crossed()).unwrap_or_default());
                }
                Event::Trade(trade) => printed = trade.quantity,
                _ => {}
            }
            let by_trade = matches!(fact.event, Event::Trade(_));
            for event in paper.step(Offset::new(seq, 0), fact).events {
                match event {
                    Event::OrderFilled(fill) => {
                        let OrderFilled { order, quantity, leaves, side, price, .. } = fill;
                        prop_assert!(quantity.is_positive() && ids.insert(fill.fill));
                        let open = left.get_mut(&order).unwrap();
                        *open -= quantity;
                        prop_assert!(!open.is_negative() && *open == leaves, "overfilled");
                        let limit = limits[&order];
                        let within = if side == Side::Buy { price <= limit } else { price >= limit };
                        prop_assert!(within, "price is worse than the limit");
                        let touch = &mut displayed[side as usize - 1];
                        let from_print = by_trade && fill.liquidity == Liquidity::Maker;
                        let taken = if from_print { &mut printed } else { &mut touch.1 };
                        *taken -= quantity;
                        prop_assert!(!taken.is_negative(), "more than the available quantity");
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
        clock(1_005),
        trade(1_006, Aggressor::Seller, "99.5", "2"),
        cancel(1_006, 2),
        cancel(1_006, 1),
        limit("paper.maker_fee", "0.0007"),
        quote(1_007, "102", "2", "103", "2"),
        clock(1_011),
        sell(5, Ioc, "102", "3"),
        clock(1_012),
    ];
    let pinned = "d0fa01e90f43dd166a7b6dfde64bb67db878496e8ab5423eaae87d7cd698ccb9";
    assert_decisions(
        Paper::new(TAPE),
        &script,
        pinned,
        "b64008d3a03b8bb6e1a5c6f263c854b969e70730700d30441d18a1c1263d3c79",
    );
}
