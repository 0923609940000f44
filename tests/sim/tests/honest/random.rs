//! Pseudo-random scripts, the same in every run.

use std::collections::BTreeSet;

use tapedeck_feeds::random::SplitMix64;
use tapedeck_sim::broker::{Broker, StreamConfig};
use tapedeck_sim::message::Publish;

use crate::real::Real;
use crate::script::{Step, With as _, compare, config, publish};

const SEEDS: std::ops::RangeInclusive<u64> = 1..=10;
const STEPS: usize = 400;
/// The kinds of answers that the scripts must have got together.
const KINDS: [&str; 6] = [
    "stored",
    "duplicate",
    "wrong last sequence",
    "message size exceeds maximum allowed",
    "maximum messages exceeded",
    "maximum bytes exceeded",
];

/// Runs all scripts; returns the differences.
pub(crate) async fn run(real: &Real) -> Vec<String> {
    let mut differences = Vec::new();
    let mut kinds = BTreeSet::new();
    for seed in SEEDS {
        let name = format!("RANDOM_{seed}");
        let mut random = Random::new(seed);
        let stream = StreamConfig {
            max_bytes: (seed % 2 == 0).then_some(4_000),
            max_messages: (seed % 3 == 0).then_some(25),
            max_message_bytes: Some(300),
            ..config(&name)
        };
        let next = |at, broker: &Broker| (at < STEPS).then(|| step(&mut random, &name, broker));
        match compare(real, vec![stream], next).await {
            Ok(more) => kinds.extend(more),
            Err(difference) => differences.push(difference),
        }
    }
    let missed = KINDS.iter().filter(|kind| !kinds.contains(**kind));
    differences.extend(missed.map(|kind| format!("no random script was answered {kind:?}\n")));
    differences
}

fn step(random: &mut Random, name: &str, broker: &Broker) -> Step {
    let subject = format!("{name}.{}", ["a", "b", "c", "long.subject.d"][random.below(4) as usize]);
    let (first, last) = (broker.first_seq(name), broker.last_seq(name));
    match random.below(100) {
        0..80 => Step::Publish(request(random, &subject, name, broker)),
        80..87 => Step::Last(subject),
        87..90 => Step::Get(random.below(last + 3).max(1)),
        90..95 => Step::Purge(1 + first + random.below(last.saturating_sub(first) / 2 + 2)),
        95..96 => Step::Purge(last + random.below(5)),
        96..98 => Step::Limits {
            max_bytes: (random.below(2) == 0).then(|| 500 + random.below(4_000)),
            max_messages: (random.below(2) == 0).then(|| 1 + random.below(30)),
        },
        _ => Step::Bounds,
    }
}

fn request(random: &mut Random, subject: &str, name: &str, broker: &Broker) -> Publish {
    let bytes = if random.below(20) == 0 { random.below(400) } else { random.below(60) };
    let payload: Vec<u8> = (0..bytes).map(|_| random.below(256) as u8).collect();
    let mut request = publish(subject, payload);
    if random.below(3) == 0 {
        request = request.id(&format!("m{}", random.below(60)));
    }
    let own = broker.last_on(name, subject).expect("a leader").map_or(0, |message| message.seq);
    let last = broker.last_seq(name);
    request = match random.below(10) {
        0..4 => request.after(own),
        4 => request.after(0),
        5 => request.after(random.below(last + 5)),
        _ => request,
    };
    request = match random.below(10) {
        0 | 1 => request.at_end(last),
        2 => request.at_end(random.below(last + 5)),
        _ => request,
    };
    if random.below(10) == 0 {
        request.headers.others.push(("Some-Header".into(), "x".repeat(random.below(40) as usize)));
    }
    request
}

pub(crate) struct Random(SplitMix64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(SplitMix64(seed))
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0.next() % bound
    }
}
