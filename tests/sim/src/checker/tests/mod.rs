//! Every rule holds on a valid history, and catches each violation of it.

mod bench;
mod losses;
mod outside;
mod owner;
mod tampers;

use std::collections::BTreeSet;

use tapedeck_kernel::invariants::InvariantId;
use tapedeck_schemas::record::{RecordHash, Writer};

use super::Rule;
use bench::{Bench, Outcome, Put, fence};
use tampers::Tamper;

fn tampers() -> impl Iterator<Item = &'static Tamper> {
    let of_the_tape = tampers::OF_RECORDS.iter().chain(tampers::OF_ANSWERS).chain(tampers::OF_CLAIMS);
    of_the_tape.chain(outside::OF_PUBLISHERS).chain(outside::OF_THE_DATABASE).chain(losses::OF_LOSSES)
}

/// Trades, a repeated command, an invalid record, a restart, a rival, a drain, and a publisher that sends items again.
fn valid_history() -> Result<Bench, super::Violation> {
    let mut bench = Bench::begun().until("OrderFilled", 2);
    bench.project()?;
    for _ in 0..2 {
        bench.named_command(Some("f1".into()), "fund", bench::funding())?;
        bench.run()?;
    }
    let invalid = bench.intrude(Writer::Signal, b"garbage")?;
    bench.checker.fenced(Writer::Signal as u64, Writer::Signal, invalid)?;
    for node in (1..9).chain([50]) {
        bench.checker.invalid_record(node, invalid)?;
    }
    bench.put(bench.begin(Writer::Signal, 50, Vec::new()))?;
    bench = bench.until("OrderFilled", 3);
    outside::begin_again(&mut bench)?;
    bench.run()?;
    let progress = bench.owner(Writer::Signal).and_then(|owner| owner.progress());
    if let Some(progress) = progress {
        let handed = progress.cause;
        bench.put(bench.record(Writer::Signal, vec![progress]))?;
        bench.checker.drained(50, Writer::Signal, handed, true)?;
        bench.checker.invalid_record(51, invalid)?;
        bench.put(bench.begin(Writer::Signal, 51, Vec::new()))?;
    }
    Ok(bench)
}

#[test]
fn a_valid_history_passes_and_evaluates_every_rule() {
    let mut bench = valid_history().unwrap();
    bench.finish().unwrap();
    losses::valid_aftermath(&mut bench.checker).unwrap();
    let unevaluated: Vec<_> = bench.checker.checked().into_iter().filter(|(_, count)| *count == 0).collect();
    assert_eq!(unevaluated, []);
}

#[test]
fn every_rule_catches_its_violations() {
    let mut missed = Vec::new();
    for (rule, what, tamper) in tampers() {
        let caught = tamper().err();
        if caught.as_ref().is_none_or(|violation| violation.rule != rule.name() || violation.detail.is_empty()) {
            missed.push((rule.name(), *what, caught));
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn every_rule_has_a_violation_and_a_unique_name() {
    let tampered: BTreeSet<Rule> = tampers().map(|(rule, ..)| *rule).collect();
    assert_eq!(tampered, Rule::ALL.iter().copied().collect());
    let rules = Rule::ALL.iter().map(|rule| (rule.name(), rule.about()));
    let all: BTreeSet<_> = rules.chain(InvariantId::ALL.iter().map(|id| (id.name(), id.about()))).collect();
    assert_eq!(all.len(), Rule::ALL.len() + InvariantId::ALL.len());
}

#[test]
fn the_kernels_invariants_are_evaluated() {
    let twice = || -> Outcome {
        let mut bench = Bench::new();
        let mut first = bench.keeper();
        let (_, payload) = bench.store(&first)?;
        first.header.prev_hash = RecordHash::of(&payload);
        bench.put(Put { headers: fence(1), ..first })
    };
    assert_eq!(twice().unwrap_err().rule, InvariantId::TapeCreatedOnce.name());
}
