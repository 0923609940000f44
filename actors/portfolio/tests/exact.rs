//! Exact amounts: random fills against sums of a reference model; replay; and the pinned decisions of a script.

mod common;

use std::collections::BTreeMap;

use common::*;
use proptest::prelude::*;
use tapedeck_kernel::Fact;
use tapedeck_kernel::testing::{Stepper, assert_decisions, run_and_follow};
use tapedeck_portfolio::Portfolio;
use tapedeck_schemas::event::{Event, Side};
use tapedeck_schemas::number::{Money, Price, Quantity};
use tapedeck_schemas::offset::Offset;

/// Fills of X and Z with odd prices and quantities, so that averages are inexact; quotes, funding and `ClockAdvanced`
/// in between.
fn market() -> impl Strategy<Value = Vec<Fact>> {
    let step = (0u8..8, 1i64..200_000_000_000, 1i64..9_000_000_000, -50i64..900_000_007, any::<[bool; 4]>());
    prop::collection::vec(step, 1..80).prop_map(|steps| {
        let mut facts = vec![definition("X", "USDT"), definition("Z", "USDT")];
        for (n, (kind, price, quantity, fee, [buy, other, again, flat])) in (0u16..).zip(steps) {
            let (symbol, at) = (if other { "Z" } else { "X" }, 1_000 + u64::from(n) * 300);
            let price = Price::from_units(i128::from(price)).unwrap();
            facts.push(match kind {
                0 => quote(
                    symbol,
                    at,
                    &price.to_string(),
                    &(price + Price::from_units(i128::from(quantity)).unwrap()).to_string(),
                ),
                1 => clock(at),
                2 => funded("USDT", &Money::from_units(i128::from(fee) * 1_000_000_007).unwrap().to_string()),
                _ => {
                    let id = if again { n / 2 } else { n };
                    let mut fill = fill(id, if buy { Side::Buy } else { Side::Sell }, "1", "1", "0");
                    let quantity = if flat { 1_000_000_000 } else { i128::from(quantity) };
                    (fill.price, fill.quantity) = (price, Quantity::from_units(quantity).unwrap());
                    fill.fee = Money::from_units(i128::from(fee)).unwrap();
                    fill.instrument = instrument(symbol);
                    filled(fill)
                }
            });
        }
        facts
    })
}

/// Sums computed from the facts alone, in units.
#[derive(Default)]
struct Sums {
    seen: std::collections::BTreeSet<tapedeck_schemas::ids::FillId>,
    position: BTreeMap<String, i128>,
    cash: i128,
    funding: i128,
}

impl Sums {
    fn add(&mut self, fact: &Fact) {
        match &fact.event {
            Event::AccountFunded(funded) => {
                self.cash += funded.amount.units();
                self.funding += funded.amount.units();
            }
            Event::OrderFilled(fill) if self.seen.insert(fill.fill) => {
                let signed = if fill.side == Side::Buy { fill.quantity.units() } else { -fill.quantity.units() };
                *self.position.entry(fill.instrument.to_string()).or_default() += signed;
                self.cash -= signed * fill.price.units() + fill.fee.units();
            }
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn positions_cash_and_equity_are_the_exact_sums_of_fills_and_funding(facts in market()) {
        let (mut portfolio, mut sums) = (Stepper::new(Portfolio::new()), Sums::default());
        for (seq, fact) in (1..).zip(&facts) {
            sums.add(fact);
            for event in portfolio.step(Offset::new(seq, 0), fact).events {
                match event {
                    Event::LedgerPosted(posted) => {
                        let mut by_currency = BTreeMap::new();
                        for posting in &posted.entries {
                            *by_currency.entry(posting.currency).or_insert(0) += posting.amount.units();
                        }
                        prop_assert!(!by_currency.is_empty() && by_currency.values().all(|sum| *sum == 0));
                    }
                    Event::PositionChanged(changed) => {
                        let position = sums.position[&changed.instrument.to_string()];
                        prop_assert_eq!(changed.quantity.units(), position);
                        prop_assert!(position != 0 || changed.cost.is_zero(), "flat with a cost");
                        prop_assert_eq!(changed.cost.units().signum(), position.signum());
                    }
                    Event::EquityMarked(mark) => {
                        prop_assert_eq!(mark.cash.units(), sums.cash);
                        prop_assert_eq!(mark.equity.units(), mark.cash.units() + mark.position_value.units());
                        let profit = mark.realised.units() + mark.unrealised.units() - mark.fees.units();
                        prop_assert_eq!(mark.equity.units(), sums.funding + profit);
                    }
                    other => prop_assert!(false, "{:?}", other),
                }
            }
        }
    }

    #[test]
    fn following_recorded_decisions_gives_the_same_state_as_deciding(facts in market()) {
        run_and_follow(Portfolio::new, &facts, |_, _| {});
    }
}

#[test]
fn decisions_are_as_pinned() {
    let script = [
        definition("X", "USDT"),
        funded("USDT", "1000"),
        filled(fill(1, Side::Buy, "101.01", "0.7", "0.0707")),
        quote("X", 1_000, "99.99", "100.02"),
        filled(fill(2, Side::Buy, "99.5", "1.1", "0.1")),
        filled(fill(1, Side::Buy, "101.01", "0.7", "0.0707")),
        filled(fill(3, Side::Sell, "100.3", "0.7", "-0.01")),
        clock(1_500),
        clock(2_600),
        filled(fill(4, Side::Sell, "98.7", "3", "0.3")),
        clock(9_000),
    ];
    let pinned = "3d4d3e3ddada33af7da2c356dabd1c7f35a9d50ec0b861fe506e2d5fbe54af8a";
    assert_decisions(
        Portfolio::new(),
        &script,
        pinned,
        "b28e6ab5b5f2efa14d5d04a37157e9f006547b91a12688a93eb8058834730d32",
    );
}
