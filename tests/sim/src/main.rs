//! `tapedeck-sim`: runs seeds, says what happened, and prints how to repeat what failed.

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use tapedeck_sim::campaign::{Failed, Outcome, campaign, run, shrink, unseen};
use tapedeck_sim::faults::Fault;
use tapedeck_sim::settings::Settings;

/// Runs from which on everything must have happened at least once.
const ENOUGH: u64 = 1_000;

/// Simulates a partition, its servers and everything that can go wrong, from seeds.
#[derive(Parser)]
struct Arguments {
    /// How many seeds to run.
    #[arg(default_value_t = 2_000)]
    runs: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Runs this seed alone and tells each step.
    #[arg(long)]
    seed: Option<u64>,
    /// With --seed: leaves these faults out.
    #[arg(long, value_delimiter = ',', requires = "seed")]
    without: Vec<String>,
    /// With --seed: so many market events.
    #[arg(long, requires = "seed")]
    items: Option<u64>,
    /// With --seed: so many random steps.
    #[arg(long, requires = "seed")]
    steps: Option<u64>,
    /// With --seed: says only how it ended.
    #[arg(long, requires = "seed")]
    quiet: bool,
    /// How many at a time.
    #[arg(long, default_value_t = 2)]
    threads: u64,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // What the code under test says when it panics is in the failure.
    if arguments.seed.is_none() {
        std::panic::set_hook(Box::new(|_| {}));
    }
    match arguments.seed {
        Some(seed) => one(seed, &arguments),
        None => many(&arguments),
    }
}

fn one(seed: u64, arguments: &Arguments) -> ExitCode {
    let mut settings = Settings::of(seed);
    for name in &arguments.without {
        let Some(fault) = Fault::ALL.iter().find(|fault| fault.as_str() == name) else {
            eprintln!("no fault is named {name}; there are: {}", names(Fault::ALL.iter().copied()));
            return ExitCode::from(2);
        };
        settings = settings.without(*fault);
    }
    settings.items = arguments.items.unwrap_or(settings.items);
    settings.steps = arguments.steps.unwrap_or(settings.steps);
    match run(&settings, !arguments.quiet).0 {
        Ok(()) => {
            println!("seed {seed}: all holds");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            println!("seed {seed}: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn many(arguments: &Arguments) -> ExitCode {
    let began = Instant::now();
    let outcome = campaign(arguments.from, arguments.runs, arguments.threads, |done| {
        if done.is_multiple_of(10_000) {
            eprintln!("{done} seeds in {:.0} s", began.elapsed().as_secs_f64());
        }
    });
    report(&outcome, began.elapsed().as_secs_f64());
    let unseen = if outcome.runs >= ENOUGH { unseen(&outcome.happened) } else { Vec::new() };
    if let Some(failed) = &outcome.failed {
        tell(failed);
    }
    if !unseen.is_empty() {
        println!("never happened, so nothing is shown of it: {}", unseen.join(", "));
    }
    let failures = u64::from(outcome.failed.is_some());
    println!("{} seeds, {failures} failed, {} things never happened", outcome.runs, unseen.len());
    if failures == 0 && unseen.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn report(outcome: &Outcome, seconds: f64) {
    for (what, times) in outcome.happened.all() {
        println!("{times:>12}  {what}");
    }
    let (events, steps) = (outcome.happened.of("events"), outcome.happened.of("steps"));
    println!("{events} events decided in {steps} steps, {:.0} events a second", events as f64 / seconds);
}

fn tell(failed: &Failed) {
    println!("\nseed {}: {}", failed.settings.seed, failed.failure);
    let least = shrink(failed);
    let (seed, items, steps) = (least.settings.seed, least.settings.items, least.settings.steps);
    let on: Vec<Fault> = least.settings.faults().collect();
    let drawn: Vec<Fault> = Settings::of(seed).faults().collect();
    let off = names(drawn.into_iter().filter(|fault| !on.contains(fault)));
    let without = if off.is_empty() { String::new() } else { format!(" --without {off}") };
    println!("least: {}\n  with {}", least.failure, names(on.into_iter()));
    println!("repeat: ./dev sim --seed {seed} --items {items} --steps {steps}{without}\n");
}

fn names(faults: impl Iterator<Item = Fault>) -> String {
    faults.map(Fault::as_str).collect::<Vec<_>>().join(",")
}
