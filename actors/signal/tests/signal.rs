//! The signals that are raised, and when; and that recorded facts rebuild the state.

use proptest::prelude::*;
use tapedeck_kernel::Fact;
use tapedeck_kernel::testing::{Stepper, aged, assert_decisions, run_and_follow};
use tapedeck_schemas::event::{ClockAdvanced, Event, LimitsSet, Quote, Scope, SignalRaised, WeightsSet};
use tapedeck_schemas::number::{Price, Quantity, Ratio};
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::Writer;
use tapedeck_signal::Signal;

const MS: u64 = 1_000_000;

fn ingest(at: u64, event: impl Into<Event>) -> Fact {
    Fact { writer: Writer::Ingest, at, event: event.into() }
}

/// A quote with a mid of `mid_ticks` hundredths.
fn quote(symbol: &str, at: u64, mid_ticks: i128) -> Fact {
    let cents = |n: i128| Price::saturating_from_units(n * Price::ONE / 100);
    let event = Quote {
        instrument: format!("sim.{symbol}").parse().unwrap(),
        bid: Some(cents(mid_ticks - 1)),
        bid_size: Quantity::whole(1),
        ask: Some(cents(mid_ticks + 1)),
        ask_size: Quantity::whole(1),
        ts_recv: at,
        ts_event: None,
        update_id: None,
    };
    ingest(at, event)
}

fn weights(pairs: &[(&str, &str)]) -> Fact {
    let weights = pairs.iter().map(|(name, weight)| (name.parse().unwrap(), weight.parse().unwrap())).collect();
    let event = WeightsSet { weights, by: "t".into(), reason: "t".into(), stamp: 0 }.into();
    Fact { writer: Writer::Control, at: 0, event }
}

fn limits(scope: Scope, name: &str, value: &str) -> Fact {
    let values = vec![(name.to_string(), value.parse().unwrap())];
    let event = LimitsSet { scope, values, by: "t".into(), reason: "t".into(), stamp: 0 }.into();
    Fact { writer: Writer::Control, at: 0, event }
}

/// A market that ripples, trends up, and falls back, so that every strategy has scores.
fn script() -> Vec<Fact> {
    let mut facts = vec![weights(&[("zscore", "1"), ("ewma", "0.5")])];
    for n in 0..1_500u64 {
        let trend = if (n / 300) % 2 == 0 { n % 300 } else { 300 - n % 300 };
        let jump = if n % 211 > 200 { 120 } else { 0 };
        let at = 1_000_000 * MS + n * 60 * MS;
        facts.push(quote("A", at, i128::from(10_000 + trend + n % 3 + jump)));
        facts.push(quote("B", at, i128::from(500_000 - trend * 7 + n % 5)));
        if n == 700 {
            facts.push(weights(&[("zscore", "0")]));
        }
        if n == 1_000 {
            facts.push(weights(&[("zscore", "2"), ("unknown", "9")]));
        }
    }
    facts
}

fn run(machine: &mut Stepper<Signal>, facts: &[Fact]) -> Vec<(Offset, SignalRaised)> {
    let mut raised = Vec::new();
    for (n, fact) in facts.iter().enumerate() {
        let at = Offset::new(n as u64 + 1, 0);
        for event in machine.step(at, fact).events {
            let Event::SignalRaised(signal) = event else { panic!("only signals are decided: {event:?}") };
            raised.push((at, signal));
        }
    }
    raised
}

#[test]
fn the_decisions_on_a_fixed_script_are_pinned() {
    let pinned = "cc3c5d129b501c3798a3518d324122230a7939a825826ae62584cb6aaed2e579";
    // No strategy runs at first, then one, then both.
    let mut facts = script();
    facts[0] = limits(Scope::All, "signal.threshold", "0.2");
    facts.insert(300, weights(&[("ewma", "0.5")]));
    let raised = run(&mut Stepper::new(Signal::new(3)), &facts);
    let of = |strategies| raised.iter().filter(move |(_, signal)| signal.reasons.len() == strategies).count();
    assert!(raised[0].0.seq > 301 && of(1) > 5 && of(2) > 5, "{} and {} signals", of(1), of(2));
    assert_decisions(
        Signal::new(3),
        &facts,
        pinned,
        "8e34be6e4bfcde89d0633db0632e771d079b8ff49fdb22ee7b00e1ba69a0e13a",
    );
}

#[test]
fn a_signal_has_the_account_the_blend_and_reasons_and_is_caused_by_a_quote() {
    let facts = script();
    let raised = run(&mut Stepper::new(Signal::new(3)), &facts);
    assert!(raised.len() > 20, "only {} signals", raised.len());
    for (at, signal) in &raised {
        let Event::Quote(quote) = &facts[at.seq as usize - 1].event else { panic!("caused by {at}, not a quote") };
        assert_eq!(signal.instrument, quote.instrument);
        assert_eq!((signal.account.as_str(), signal.strategy.as_str()), ("sim-p3", "blend"));
        assert!(signal.target.abs() <= Ratio::whole(1) && !signal.reasons.is_empty());
        let named: Vec<_> = signal.reasons.iter().map(|(name, ..)| name.as_str()).collect();
        assert!(["zscore", "ewma"].ends_with(&named) || named == ["zscore", "ewma"], "{named:?}");
    }
    assert!(raised.iter().any(|(_, s)| s.target.is_positive()) && raised.iter().any(|(_, s)| s.target.is_negative()));
}

#[test]
fn signals_of_one_instrument_are_at_least_the_minimum_interval_of_tape_time_apart() {
    let facts = script();
    let mut last = std::collections::BTreeMap::new();
    for (at, signal) in run(&mut Stepper::new(Signal::new(0)), &facts) {
        let time = facts[at.seq as usize - 1].at;
        if let Some(before) = last.insert(signal.instrument, time) {
            assert!(time - before >= 250 * MS, "{before} then {time}");
        }
    }
    let count = |ms: &str| {
        let mut slow = script();
        slow.insert(0, limits(Scope::All, "signal.min_interval_ms", ms));
        run(&mut Stepper::new(Signal::new(0)), &slow).len()
    };
    assert!(count("10000") < count("250"));
}

#[test]
fn quotes_within_the_sample_interval_change_no_score() {
    let mut bursts = Vec::new();
    for fact in script() {
        let Event::Quote(quote) = &fact.event else {
            bursts.push(fact);
            continue;
        };
        let mut wild = quote.clone();
        (wild.bid, wild.ask) = (Some(Price::whole(1)), Some(Price::whole(2)));
        let at = fact.at;
        bursts.push(fact);
        bursts.push(ingest(at + 49 * MS, wild));
    }
    let targets = |facts: &[Fact]| -> Vec<_> {
        run(&mut Stepper::new(Signal::new(0)), facts)
            .into_iter()
            .map(|(_, s)| (s.instrument, s.target, s.confidence))
            .collect()
    };
    let slow = [limits(Scope::All, "signal.min_interval_ms", "0")];
    let calm = targets(&[&slow[..], &script()[..]].concat());
    assert_eq!(targets(&[&slow[..], &bursts[..]].concat()), calm);
    let hasty = [slow[0].clone(), limits(Scope::All, "signal.sample_ms", "49")];
    assert_ne!(targets(&[&hasty[..], &bursts[..]].concat()), calm, "at 49 ms the wild quotes count");
}

#[test]
fn weights_of_zero_close_the_target_at_the_next_quote() {
    let facts = script();
    let mut machine = Stepper::new(Signal::new(0));
    let raised = run(&mut machine, &facts[..800]);
    let open = raised.iter().rev().find(|(_, s)| s.instrument.symbol.as_str() == "A").unwrap();
    assert!(!open.1.target.is_zero(), "the script leaves a target open");
    let next = quote("A", 2_000_000 * MS, 10_190);
    let closed = |event: &Event| matches!(event, Event::SignalRaised(signal) if signal.target.is_zero());
    assert!(
        !machine.clone().step(Offset::new(900, 0), &next).events.iter().any(closed),
        "the market does not close it"
    );
    machine.step(Offset::new(900, 0), &weights(&[("zscore", "0"), ("ewma", "0")]));
    let events = machine.step(Offset::new(901, 0), &next).events;
    let [Event::SignalRaised(signal)] = &events[..] else { panic!("{events:?}") };
    assert_eq!((signal.target, signal.confidence), (Ratio::ZERO, Ratio::ZERO));
}

#[test]
fn a_strategy_runs_from_the_fact_that_weighs_it_and_is_in_no_reasons_before() {
    let quotes: Vec<_> = script().into_iter().filter(|fact| fact.writer == Writer::Ingest).collect();
    assert_eq!(run(&mut Stepper::new(Signal::new(0)), &quotes), [], "without a weight no strategy runs");
    let named = |facts: &[Fact]| -> Vec<Vec<String>> {
        let names = |signal: &SignalRaised| signal.reasons.iter().map(|(name, ..)| name.to_string()).collect();
        run(&mut Stepper::new(Signal::new(0)), facts).iter().map(|(_, signal)| names(signal)).collect()
    };
    let alone = named(&[&[weights(&[("ewma", "1")])], &quotes[..]].concat());
    assert!(!alone.is_empty() && alone.iter().all(|names| names == &["ewma"]), "{alone:?}");
    // A weight of zero is a fact too: the strategy runs, and has no effect.
    let zero = named(&[&[weights(&[("ewma", "1"), ("zscore", "0")])], &quotes[..]].concat());
    assert!(zero.iter().any(|names| names == &["zscore", "ewma"]), "{zero:?}");
    // A strategy that is weighed later warms up from there: it does not know the quotes before.
    let (before, after) = quotes.split_at(600);
    let late = [&[weights(&[("ewma", "1")])], before, &[weights(&[("zscore", "1")])], after].concat();
    let first = late
        .iter()
        .position(|fact| {
            matches!(&fact.event, Event::WeightsSet(w) if w.weights.len() == 1 &&
        w.weights[0].0.as_str() == "zscore")
        })
        .unwrap() as u64;
    let warm = run(&mut Stepper::new(Signal::new(0)), &late)
        .into_iter()
        .find(|(_, signal)| signal.reasons.len() == 2)
        .unwrap();
    assert!(warm.0.seq > first + 8, "scores at {} after a weight at {first}", warm.0);
}

#[test]
fn only_quotes_raise_signals() {
    let mut machine = Stepper::new(Signal::new(0));
    for (n, fact) in script().iter().enumerate() {
        machine.step(Offset::new(n as u64 + 1, 0), fact);
        let clock = ingest(fact.at, ClockAdvanced { time: fact.at });
        if fact.writer == Writer::Ingest {
            assert!(machine.clone().step(Offset::new(n as u64 + 1, 1), &clock).events.is_empty());
        }
    }
}

#[test]
fn late_quotes_are_not_sampled_and_raise_nothing() {
    let signals = |facts: &[Fact]| -> Vec<SignalRaised> {
        run(&mut Stepper::new(Signal::new(0)), facts).into_iter().map(|(_, signal)| signal).collect()
    };
    // Before each quote, one of another price that was received long before.
    let interleaved = |age_ms| -> Vec<Fact> {
        let with_old = |fact: Fact| match fact.writer {
            Writer::Ingest => vec![aged(quote("A", fact.at, 20_000), age_ms), fact],
            _ => vec![fact],
        };
        script().into_iter().flat_map(with_old).collect()
    };
    assert_eq!(signals(&interleaved(10_001)), signals(&script()));
    assert_ne!(signals(&interleaved(10_000)), signals(&script()), "at the limit they count");
}

fn any_fact() -> impl Strategy<Value = Fact> {
    let wild = prop_oneof![Just(0i64), Just(i64::MAX), Just(i64::MIN), -100i64..100_000];
    let any_price = wild.prop_map(|n| Price::saturating_from_units(i128::from(n) * 1_000_000_000_000_000));
    let any_quote = (any_price.clone(), any_price, any::<u64>()).prop_map(|(bid, ask, at)| {
        let mut fact = quote("A", at, 100);
        if let Event::Quote(quote) = &mut fact.event {
            (quote.bid, quote.ask) = (Some(bid).filter(|bid| !bid.is_zero()), Some(ask));
        }
        fact
    });
    let names = prop::sample::select(tapedeck_signal::params().iter().map(|s| s.name).collect::<Vec<_>>());
    let any_limits = (names, any::<i64>()).prop_map(|(name, value)| {
        let value = Ratio::saturating_from_units(i128::from(value) * 1_000);
        limits(Scope::All, name, &value.to_string())
    });
    let any_weights = any::<i64>().prop_map(|w| {
        let weight = Ratio::saturating_from_units(i128::from(w) * 1_000).to_string();
        weights(&[("ewma", weight.as_str())])
    });
    let sane = (0u64..200_000, 9_000i128..11_000).prop_map(|(ms, mid)| quote("A", ms * MS, mid));
    prop_oneof![20 => sane, 2 => any_quote, 1 => any_limits, 1 => any_weights]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]
    #[test]
    fn any_facts_are_handled_and_the_recorded_decisions_rebuild_the_state(
        facts in prop::collection::vec(any_fact(), 1..400),
    ) {
        let setup = vec![limits(Scope::All, "signal.zscore.window", "8"), weights(&[("zscore", "1")])];
        let facts = [setup, facts].concat();
        run_and_follow(|| Signal::new(0), &facts, |_, decided| {
            for event in decided {
                let Event::SignalRaised(signal) = event else { panic!("{event:?}") };
                assert!(signal.target.abs() <= Ratio::whole(1));
                assert!(!signal.confidence.is_negative() && signal.confidence <= Ratio::whole(1));
            }
        });
    }
}
