//! Many runs: what happened in them and what never did, and the reduction of a failure.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use tapedeck_kernel::invariants::InvariantId;
use tapedeck_schemas::event::Kind;

use crate::checker::Rule;
use crate::faults::{CrashPoint, Fault, Happened};
use crate::settings::Settings;
use crate::world::{Failure, World};

/// Kinds that no machine writes yet.
const UNWRITTEN: [Kind; 1] = [Kind::Trimmed];

/// Runs with a loss of messages, by who knew of it; more than one may.
pub const WITNESSES: [&str; 4] =
    ["loss-witnessed-by-rows", "loss-witnessed-by-reader", "loss-witnessed-by-digest", "loss-unwitnessed"];

/// How processes stop after a loss.
const LOSS_STOPS: [&str; 8] = [
    "tape-replaced",
    "tape-short",
    "tape-changed",
    "tape-projected",
    "inbox-replaced",
    "inbox-short",
    "inbox-changed",
    "inbox-mismatch",
];

/// A run that failed.
#[derive(Debug, Clone)]
pub struct Failed {
    /// The settings of the run.
    pub settings: Settings,
    /// The rule that was violated.
    pub failure: Failure,
}

/// The result of a campaign.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The number of finished runs.
    pub runs: u64,
    /// What happened in all runs.
    pub happened: Happened,
    /// The first failed run.
    pub failed: Option<Failed>,
}

/// One run. A panic of the code under test is a failure.
pub fn run(settings: &Settings, trace: bool) -> (Result<(), Failure>, Happened) {
    let settings = settings.clone();
    let result = std::panic::catch_unwind(move || World::new(settings, trace).run());
    result.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        let detail = text.unwrap_or("a panic without a message").to_string();
        (Err(Failure { rule: "nothing_panics".into(), detail, step: 0 }), Happened::default())
    })
}

/// Runs `runs` seeds from `first` on, `threads` at a time, until one fails.
pub fn campaign(first: u64, runs: u64, threads: u64, progress: impl Fn(u64) + Sync) -> Outcome {
    let (next, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let outcome = Mutex::new(Outcome::default());
    let work = || {
        let mut own = Outcome::default();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= runs || stop.load(Ordering::Relaxed) {
                break;
            }
            let settings = Settings::of(first.wrapping_add(index));
            let (result, happened) = run(&settings, false);
            own.runs += 1;
            own.happened.merge(&happened);
            if let Err(failure) = result {
                stop.store(true, Ordering::Relaxed);
                own.failed = Some(Failed { settings, failure });
            }
            progress(index + 1);
        }
        let mut all = outcome.lock().unwrap_or_else(PoisonError::into_inner);
        all.runs += own.runs;
        all.happened.merge(&own.happened);
        all.failed = all.failed.take().or(own.failed);
    };
    std::thread::scope(|scope| (0..threads.max(1)).for_each(|_| _ = scope.spawn(work)));
    outcome.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Removes faults, market events and steps that the failure does not need.
pub fn shrink(failed: &Failed) -> Failed {
    let mut least = failed.clone();
    let better = |settings: Settings, least: &mut Failed| match run(&settings, false).0 {
        Err(failure) if failure.rule == least.failure.rule => {
            *least = Failed { settings, failure };
            true
        }
        _ => false,
    };
    for fault in Fault::ALL {
        if least.settings.faults().any(|on| on == *fault) {
            let settings = least.settings.clone().without(*fault);
            better(settings, &mut least);
        }
    }
    for part in [8, 4, 2] {
        let mut settings = least.settings.clone();
        settings.items /= part;
        if better(settings, &mut least) {
            break;
        }
    }
    loop {
        let mut settings = least.settings.clone();
        settings.steps = settings.steps.min(least.failure.step) * 3 / 4;
        if settings.steps == 0 || !better(settings, &mut least) {
            return least;
        }
    }
}

/// What a campaign should have seen and did not, so that it has tested nothing of it.
pub fn unseen(happened: &Happened) -> Vec<&'static str> {
    let kinds = Kind::ALL.iter().filter(|kind| !UNWRITTEN.contains(kind)).map(|kind| kind.name());
    let faults = Fault::ALL.iter().map(|fault| fault.as_str());
    let crashes = CrashPoint::ALL.iter().map(|point| point.as_str());
    let rules = Rule::ALL.iter().map(|rule| rule.name());
    let invariants = InvariantId::ALL.iter().map(|id| id.name());
    let stops = ["fenced", "outlived", "displaced", "drained", "halted", "overtaken", "resumed"];
    let owners = ["owner-alive", "owner-gone", "owner-timed-out"];
    let losses = WITNESSES.into_iter().chain(LOSS_STOPS);
    let all = kinds.chain(faults).chain(crashes).chain(rules).chain(invariants).chain(stops).chain(owners);
    all.chain(losses).filter(|what| happened.of(what) == 0).collect()
}
