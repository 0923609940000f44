//! Seeded random runs with every fault at once.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::model::toys::{Echo, Gate, Toy};
use crate::model::world::World;

const SEEDS: u64 = 3_000;
const STEPS: usize = 500;

/// Situations that must occur at least once in ten seeds, or the runs do not test enough.
const MUST_HAPPEN: [&str; 9] = [
    "committed by ack",
    "committed by the tape",
    "crashed",
    "drained",
    "fenced",
    "late answer",
    "said, never done",
    "stored after its sender was gone",
    "wrong last",
];

fn each_seed<M: Toy>() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let seeds = match number("TAPEDECK_SEED") {
        Some(one) => one..one + 1,
        None => 0..number("TAPEDECK_SEEDS").unwrap_or(SEEDS),
    };
    let mut happened = BTreeMap::new();
    for seed in seeds.clone() {
        match catch_unwind(AssertUnwindSafe(|| World::<M>::new(seed).run(STEPS).happened)) {
            Ok(run) => run.into_iter().for_each(|(what, times)| *happened.entry(what).or_insert(0) += times),
            Err(panic) => {
                eprintln!("seed {seed} failed; TAPEDECK_SEED={seed} runs it alone and prints its steps");
                resume_unwind(panic);
            }
        }
    }
    println!("{happened:?}");
    let rare = |what: &&str| happened.get(what).copied().unwrap_or(0) * 10 < seeds.end - seeds.start;
    let rare: Vec<_> = MUST_HAPPEN.into_iter().filter(rare).collect();
    assert!(seeds.end - seeds.start < SEEDS || rare.is_empty(), "too rare in these runs: {rare:?}");
}

#[test]
fn a_machine_that_reads_the_tape_decides_every_input_once_and_in_order_under_every_fault() {
    each_seed::<Echo>();
}

#[test]
fn a_machine_that_reads_an_inbox_decides_every_input_once_and_in_order_under_every_fault() {
    each_seed::<Gate>();
}
