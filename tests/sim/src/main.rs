//! `tapedeck-sim`: runs seeds, reports what happened, and prints the command that repeats a failure.

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use tapedeck_sim::campaign::{Failed, Outcome, WITNESSES, campaign, run, shrink, unseen};
use tapedeck_sim::faults::Fault;
use tapedeck_sim::settings::Settings;

/// From this number of runs on, each fault and rule must have occurred at least once.
const RUNS_FOR_COVERAGE: u64 = 1_000;

/// Simulates a partition, its servers and their faults, from seeds.
#[derive(Parser)]
struct Arguments {
    /// Number of seeds to run.
    #[arg(default_value_t = 2_000)]
    runs: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Runs this seed alone and prints each step.
    #[arg(long)]
    seed: Option<u64>,
    /// With --seed: disables these faults.
    #[arg(long, value_delimiter = ',', requires = "seed")]
    without: Vec<String>,
    /// With --seed: number of market events.
    #[arg(long, requires = "seed")]
    items: Option<u64>,
    /// With --seed: number of random steps.
    #[arg(long, requires = "seed")]
    steps: Option<u64>,
    /// With --seed: prints only the result.
    #[arg(long, requires = "seed")]
    quiet: bool,
    /// Number of runs at a time.
    #[arg(long, default_value_t = 2)]
    threads: u64,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // The message of a panic is part of the failure.
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
            eprintln!("no fault is named {name}; the faults are {}", names(Fault::ALL.iter().copied()));
            return ExitCode::from(2);
        };
        settings = settings.without(*fault);
    }
    settings.items = arguments.items.unwrap_or(settings.items);
    settings.steps = arguments.steps.unwrap_or(settings.steps);
    match run(&settings, !arguments.quiet).0 {
        Ok(()) => {
            println!("seed {seed}: all rules hold");
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
    let unseen = if outcome.runs >= RUNS_FOR_COVERAGE { unseen(&outcome.happened) } else { Vec::new() };
    if let Some(failed) = &outcome.failed {
        report_failure(failed);
    }
    if !unseen.is_empty() {
        println!("never happened, and so not tested: {}", unseen.join(", "));
    }
    let failures = u64::from(outcome.failed.is_some());
    println!("{} seeds, {failures} failed, {} never happened", outcome.runs, unseen.len());
    if failures == 0 && unseen.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn report(outcome: &Outcome, seconds: f64) {
    for (what, times) in outcome.happened.all() {
        println!("{times:>12}  {what}");
    }
    let (events, steps) = (outcome.happened.of("events"), outcome.happened.of("steps"));
    let [by_rows, by_reader, by_digest, unwitnessed] = WITNESSES.map(|witness| outcome.happened.of(witness));
    println!(
        "losses of messages witnessed by rows {by_rows}, by a reader {by_reader}, by a digest {by_digest}, by nobody \
         {unwitnessed}"
    );
    println!("{events} events decided in {steps} steps, {:.0} events/s", events as f64 / seconds);
}

fn report_failure(failed: &Failed) {
    println!("\nseed {}: {}", failed.settings.seed, failed.failure);
    let least = shrink(failed);
    let (seed, items, steps) = (least.settings.seed, least.settings.items, least.settings.steps);
    let on: Vec<Fault> = least.settings.faults().collect();
    let drawn: Vec<Fault> = Settings::of(seed).faults().collect();
    let off = names(drawn.into_iter().filter(|fault| !on.contains(fault)));
    let without = if off.is_empty() { String::new() } else { format!(" --without {off}") };
    println!("reduced: {}\n  with {}", least.failure, names(on.into_iter()));
    println!("repeat: ./dev sim --seed {seed} --items {items} --steps {steps}{without}\n");
}

fn names(faults: impl Iterator<Item = Fault>) -> String {
    faults.map(Fault::as_str).collect::<Vec<_>>().join(",")
}
