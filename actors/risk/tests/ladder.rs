//! The ladder from outside: halts, resumes and the loss rule, as orders and facts show them.

mod common;

use common::*;
use tapedeck_schemas::event::RiskState::{Active, Halted, Reducing};
use tapedeck_schemas::event::{HaltLevel, Liquidity, OrderStatus, Scope};
use tapedeck_schemas::record::Writer;

fn one(symbol: &str) -> Scope {
    Scope::Instrument(instrument(symbol))
}

/// A desk that is long 50 X at 100.01.
fn long() -> Desk {
    let mut desk = Desk::new();
    let order = desk.approved(&signal("X", 1_000, "0.5", "1"));
    desk.step(&filled(1_000, &order, "50"));
    desk.step(&status(1_000, &order, OrderStatus::Filled));
    desk
}

#[test]
fn a_halt_stops_everything_until_everything_is_resumed() {
    let mut desk = long();
    let change = desk.ladder(&halt(Scope::All, HaltLevel::Halted));
    assert_eq!(change, Some((Active, Halted, "halt by ann: storm".into())));
    for target in ["1", "0", "-1"] {
        assert_eq!(desk.order(&signal("X", 1_000, target, "1")), denied("halted"));
    }
    assert_eq!(desk.ladder(&resume(one("X"))), None);
    assert_eq!(desk.order(&signal("X", 1_000, "1", "1")), denied("halted"), "an instrument's resume is not enough");
    assert_eq!(desk.ladder(&resume(Scope::All)), Some((Halted, Active, "resume by ann: calm".into())));
    desk.approved(&signal("X", 1_000, "1", "1"));
    assert_eq!(desk.ladder(&resume(Scope::All)), None, "nothing to change");
}

#[test]
fn a_milder_halt_never_lifts_a_harder_one() {
    let mut desk = long();
    assert_eq!(desk.ladder(&halt(Scope::All, HaltLevel::Reducing)).unwrap().1, Reducing);
    assert_eq!(desk.ladder(&halt(Scope::All, HaltLevel::Halted)).map(|c| (c.0, c.1)), Some((Reducing, Halted)));
    assert_eq!(desk.ladder(&halt(Scope::All, HaltLevel::Reducing)), None);
    assert_eq!(desk.order(&signal("X", 1_000, "0", "1")), denied("halted"));
}

#[test]
fn reducing_lets_an_order_take_the_position_down_to_flat_and_no_further() {
    let mut desk = long();
    desk.step(&halt(Scope::All, HaltLevel::Reducing));
    assert_eq!(desk.order(&signal("X", 1_000, "0.8", "1")), denied("halted"));
    assert_eq!(desk.order(&signal("X", 1_000, "-0.1", "1")), denied("halted"));
    desk.approved(&signal("X", 1_000, "0.2", "1"));
    assert_eq!(desk.approved(&signal("X", 1_000, "0", "1")).quantity.to_string(), "20", "30 are open already");
}

#[test]
fn an_instruments_halt_is_its_own_and_is_not_lifted_by_a_resume_of_everything() {
    let mut desk = Desk::new();
    desk.step(&definition("Y"));
    desk.step(&quote("Y", 1_000, "9.99", "10.01"));
    assert_eq!(desk.ladder(&halt(one("X"), HaltLevel::Halted)), None, "the account's state did not change");
    assert_eq!(desk.order(&signal("X", 1_000, "1", "1")), denied("halted"));
    desk.approved(&signal("Y", 1_000, "0.5", "1"));
    desk.step(&resume(Scope::All));
    assert_eq!(desk.order(&signal("X", 1_000, "1", "1")), denied("halted"));
    desk.step(&resume(one("X")));
    desk.approved(&signal("X", 1_000, "1", "1"));
}

#[test]
fn a_loss_over_the_limit_takes_the_account_to_reducing_at_the_next_tick_and_only_a_resume_brings_it_back() {
    let mut desk = long();
    desk.step(&limit("risk.max_loss", "100.5"));
    // 50 bought at 100.01: at a mid of 98 they have lost exactly 100.5.
    desk.step(&quote("X", 1_100, "97.99", "98.01"));
    assert_eq!(desk.ladder(&tick(1_100)), None, "at the limit is not over it");
    desk.step(&quote("X", 1_200, "97.98", "98"));
    let change = desk.ladder(&tick(1_200));
    assert_eq!(change, Some((Active, Reducing, "loss 101 over risk.max_loss 100.5".into())));
    assert_eq!(desk.order(&signal("X", 1_200, "0.9", "1")), denied("halted"));
    desk.step(&quote("X", 1_300, "109.99", "110.01"));
    assert_eq!(desk.ladder(&tick(1_300)), None, "a profit does not bring it back");
    assert_eq!(desk.order(&signal("X", 1_300, "0.9", "1")), denied("halted"));
    assert_eq!(desk.ladder(&resume(one("X"))), None, "nor does an instrument's resume");
    desk.step(&quote("X", 1_400, "97.98", "98"));
    assert_eq!(desk.ladder(&resume(Scope::All)).unwrap().1, Active);
    assert_eq!(desk.ladder(&tick(1_400)), None, "measured from the level at the resume");
    desk.step(&quote("X", 1_500, "95.97", "95.99"));
    assert_eq!(desk.ladder(&tick(1_500)), None, "100.5 lost since");
    desk.step(&quote("X", 1_600, "95.96", "95.98"));
    assert_eq!(desk.ladder(&tick(1_600)).unwrap().2, "loss 101 over risk.max_loss 100.5");
}

#[test]
fn fees_in_quote_or_base_count_as_loss() {
    for (fee, currency, changes) in
        [("1", "USDT", true), ("0.01", "X", true), ("1", "BNB", false), ("-1", "USDT", false)]
    {
        let mut desk = Desk::new();
        desk.step(&limit("risk.max_loss", "1"));
        let order = desk.approved(&signal("X", 1_000, "0.5", "1"));
        let mut fill = fill(&order, "50".parse().unwrap());
        // Bought at 100.01 with a mid of 100: lost 0.5 before the fee.
        (fill.fee, fill.fee_currency, fill.liquidity) =
            (fee.parse().unwrap(), currency.parse().unwrap(), Liquidity::Maker);
        desk.step(&fact(Writer::Paper, 1_000 * MS, fill));
        assert_eq!(desk.ladder(&tick(1_000)).is_some(), changes, "{fee} {currency}");
    }
}

#[test]
fn a_halt_and_the_rule_together_are_the_worse_of_both() {
    let mut desk = long();
    desk.step(&limit("risk.max_loss", "0"));
    assert_eq!(desk.ladder(&halt(Scope::All, HaltLevel::Halted)).unwrap().1, Halted);
    assert_eq!(desk.ladder(&tick(1_000)), None, "the rule goes off, the state is worse already");
    assert_eq!(desk.ladder(&resume(Scope::All)).map(|c| (c.0, c.1)), Some((Halted, Active)));
}
