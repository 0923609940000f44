//! Runs can be repeated, seeds hold, and a campaign names what it has not covered.

use tapedeck_sim::campaign::{campaign, run, unseen};
use tapedeck_sim::faults::{Fault, Happened};
use tapedeck_sim::settings::Settings;

#[test]
fn a_seed_is_the_same_run_each_time() {
    for seed in [3, 77, 1_000_003] {
        let (first, again) = (run(&Settings::of(seed), false), run(&Settings::of(seed), false));
        assert_eq!(first.0, again.0);
        assert_eq!(first.1, again.1);
    }
}

#[test]
fn seeds_hold() {
    let outcome = campaign(1, 150, 2, |_| ());
    assert!(outcome.failed.is_none(), "{:?}", outcome.failed);
    assert_eq!(outcome.runs, 150);
    for what in ["OrderFilled", "LedgerPosted", "fenced", "drained", "crash", "late-answer", "decisions_as_folded"] {
        assert!(outcome.happened.of(what) > 0, "{what} never happened");
    }
}

#[test]
fn uncovered_names_are_listed() {
    let missing = unseen(&Happened::default());
    for what in [
        "OrderFilled",
        "paused",
        "projector-wrote",
        "decisions_as_folded",
        "halts_hold",
        "fenced",
        "lost-tail",
        "loss-unwitnessed",
    ] {
        assert!(missing.contains(&what), "{what}");
    }
    assert!(!missing.contains(&"Trimmed"), "no machine writes it");
}

#[test]
fn a_disabled_fault_does_not_occur() {
    let mut orders = 0;
    for seed in 1..=8 {
        let mut settings = Settings::of(seed);
        (settings.items, settings.steps) = (160, 3_000);
        for fault in Fault::ALL {
            settings = settings.without(*fault);
        }
        let (result, happened) = run(&settings, false);
        assert_eq!(result, Ok(()), "seed {seed}");
        let occurred = Fault::ALL.iter().filter(|fault| happened.of(fault.as_str()) > 0);
        // These occur without a fault, too: the tape is read before the answer, and operators append at the same time.
        let unexpected: Vec<&Fault> =
            occurred.filter(|fault| ![Fault::LateAnswer, Fault::InFlightRefused].contains(*fault)).collect();
        assert!(unexpected.is_empty(), "seed {seed}: {unexpected:?}");
        orders += happened.of("OrderSubmitted");
    }
    assert!(orders > 0, "the runs have orders");
}
