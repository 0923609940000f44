//! Halts, resumes and the loss rule, as seen in orders and facts.

mod common;

use common::*;
use tapedeck_schemas::event::RiskState::{Active, Halted, Reducing};
use tapedeck_schemas::event::{Denial, HaltLevel, Liquidity, OrderStatus, RiskStateReason, Scope};
use tapedeck_schemas::record::Writer;

fn only(symbol: &str) -> Scope {
    Scope::Instrument(instrument(symbol))
}

/// A harness with a position of 50 X bought at 100.01.
fn long() -> Harness {
    let mut harness = Harness::new();
    let order = harness.approved(&signal("X", 1_000, "0.5", "1"));
    harness.step(&filled(1_000, &order, "50"));
    harness.step(&status(1_000, &order, OrderStatus::Filled));
    harness
}

#[test]
fn a_halt_of_everything_holds_until_everything_is_resumed() {
    let mut harness = long();
    let change = harness.state_change(&halt(Scope::All, HaltLevel::Halted));
    assert_eq!(change, Some((Active, Halted, RiskStateReason::Halted { level: HaltLevel::Halted })));
    for target in ["1", "0", "-1"] {
        assert_eq!(harness.order(&signal("X", 1_000, target, "1")), halted_by(Scope::All, HaltLevel::Halted));
    }
    assert_eq!(harness.state_change(&resume(only("X"))), None);
    assert_eq!(
        harness.order(&signal("X", 1_000, "1", "1")),
        halted_by(Scope::All, HaltLevel::Halted),
        "an instrument's resume is not enough"
    );
    assert_eq!(harness.state_change(&resume(Scope::All)), Some((Halted, Active, RiskStateReason::Resumed)));
    harness.approved(&signal("X", 1_000, "1", "1"));
    assert_eq!(harness.state_change(&resume(Scope::All)), None, "nothing to change");
}

#[test]
fn a_milder_halt_never_replaces_a_stricter_one() {
    let mut harness = long();
    assert_eq!(harness.state_change(&halt(Scope::All, HaltLevel::Reducing)).unwrap().1, Reducing);
    assert_eq!(
        harness.state_change(&halt(Scope::All, HaltLevel::Halted)).map(|c| (c.0, c.1)),
        Some((Reducing, Halted))
    );
    assert_eq!(harness.state_change(&halt(Scope::All, HaltLevel::Reducing)), None);
    assert_eq!(harness.order(&signal("X", 1_000, "0", "1")), halted_by(Scope::All, HaltLevel::Halted));
}

#[test]
fn reducing_allows_orders_down_to_a_flat_position_and_no_further() {
    let mut harness = long();
    harness.step(&halt(Scope::All, HaltLevel::Reducing));
    assert_eq!(harness.order(&signal("X", 1_000, "0.8", "1")), halted_by(Scope::All, HaltLevel::Reducing));
    assert_eq!(harness.order(&signal("X", 1_000, "-0.1", "1")), halted_by(Scope::All, HaltLevel::Reducing));
    harness.approved(&signal("X", 1_000, "0.2", "1"));
    assert_eq!(harness.approved(&signal("X", 1_000, "0", "1")).quantity.to_string(), "20", "30 are open already");
}

#[test]
fn a_halt_of_an_instrument_affects_no_other_and_is_not_lifted_by_a_resume_of_everything() {
    let mut harness = Harness::new();
    harness.step(&definition("Y"));
    harness.step(&quote("Y", 1_000, "9.99", "10.01"));
    assert_eq!(harness.state_change(&halt(only("X"), HaltLevel::Halted)), None, "the account's state did not change");
    assert_eq!(harness.order(&signal("X", 1_000, "1", "1")), halted_by(only("X"), HaltLevel::Halted));
    harness.approved(&signal("Y", 1_000, "0.5", "1"));
    harness.step(&resume(Scope::All));
    assert_eq!(harness.order(&signal("X", 1_000, "1", "1")), halted_by(only("X"), HaltLevel::Halted));
    harness.step(&resume(only("X")));
    harness.approved(&signal("X", 1_000, "1", "1"));
}

#[test]
fn a_loss_over_the_limit_sets_reducing_at_the_next_clock_advance_until_a_resume() {
    let mut harness = long();
    harness.step(&limit("risk.max_loss", "100.5"));
    let (loss, limit) = ("101".parse().unwrap(), "100.5".parse().unwrap());
    let lost = RiskStateReason::LossOverLimit { loss, limit };
    let denied = Outcome::Denied(Denial::LossOverLimit { loss, limit });
    // 50 bought at 100.01: at a mid of 98 they have lost exactly 100.5.
    harness.step(&quote("X", 1_100, "97.99", "98.01"));
    assert_eq!(harness.state_change(&clock(1_100)), None, "at the limit is not over it");
    harness.step(&quote("X", 1_200, "97.98", "98"));
    let change = harness.state_change(&clock(1_200));
    assert_eq!(change, Some((Active, Reducing, lost.clone())));
    assert_eq!(harness.order(&signal("X", 1_200, "0.9", "1")), denied);
    harness.step(&quote("X", 1_300, "109.99", "110.01"));
    assert_eq!(harness.state_change(&clock(1_300)), None, "a profit does not lift it");
    assert_eq!(harness.order(&signal("X", 1_300, "0.9", "1")), denied);
    assert_eq!(harness.state_change(&resume(only("X"))), None, "nor does an instrument's resume");
    harness.step(&quote("X", 1_400, "97.98", "98"));
    assert_eq!(harness.state_change(&resume(Scope::All)).unwrap().1, Active);
    assert_eq!(harness.state_change(&clock(1_400)), None, "losses are measured from the resume");
    harness.step(&quote("X", 1_500, "95.97", "95.99"));
    assert_eq!(harness.state_change(&clock(1_500)), None, "100.5 lost since");
    harness.step(&quote("X", 1_600, "95.96", "95.98"));
    assert_eq!(harness.state_change(&clock(1_600)).unwrap().2, lost);
}

#[test]
fn fees_in_the_quote_or_base_currency_count_as_loss() {
    for (fee, currency, changes) in
        [("1", "USDT", true), ("0.01", "X", true), ("1", "BNB", false), ("-1", "USDT", false)]
    {
        let mut harness = Harness::new();
        harness.step(&limit("risk.max_loss", "1"));
        let order = harness.approved(&signal("X", 1_000, "0.5", "1"));
        let mut fill = fill(&order, "50".parse().unwrap());
        // Bought at 100.01 with a mid of 100: lost 0.5 before the fee.
        (fill.fee, fill.fee_currency, fill.liquidity) =
            (fee.parse().unwrap(), currency.parse().unwrap(), Liquidity::Maker);
        harness.step(&fact(Writer::Paper, 1_000, fill));
        assert_eq!(harness.state_change(&clock(1_000)).is_some(), changes, "{fee} {currency}");
    }
}

#[test]
fn the_stricter_of_a_halt_and_the_loss_rule_applies() {
    let mut harness = long();
    harness.step(&limit("risk.max_loss", "0"));
    assert_eq!(harness.state_change(&halt(Scope::All, HaltLevel::Halted)).unwrap().1, Halted);
    assert_eq!(harness.state_change(&clock(1_000)), None, "the loss rule applies, the state is stricter already");
    assert_eq!(harness.state_change(&resume(Scope::All)).map(|c| (c.0, c.1)), Some((Halted, Active)));
}
