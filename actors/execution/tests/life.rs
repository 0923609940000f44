//! The life cycle of an order: gate, reports, cancels, time-outs and halts, as seen in facts.

mod common;

use common::*;
use tapedeck_kernel::testing::Stepper;
use tapedeck_schemas::event::{CloseReason, HaltLevel, Scope, TimeInForce};

#[test]
fn an_approved_order_is_submitted_accepted_and_filled_by_the_sum_of_its_fills() {
    let mut harness = Harness::new();
    assert_eq!(harness.step(&approved(1_000, order(1))), ["1 submitted"]);
    assert_eq!(harness.step(&accepted(1)), ["1 submitted->accepted 0 accepted"]);
    assert_eq!(harness.step(&filled(1, 1, 4)), ["1 accepted->partially_filled 4 filled_in_part"]);
    assert_eq!(harness.step(&filled(1, 2, 5)), ["1 partially_filled->partially_filled 9 filled_in_part"]);
    assert_eq!(harness.step(&filled(1, 3, 1)), ["1 partially_filled->filled 10 filled"]);
}

#[test]
fn an_order_that_has_traded_is_never_rejected() {
    let mut harness = Harness::with(1);
    harness.step(&filled(1, 1, 4));
    assert_eq!(harness.step(&rejected(1)), ["1 partially_filled->canceled 4 rejected repeated_id"]);
}

#[test]
fn a_repeated_fill_is_ignored_while_the_order_is_open_and_after() {
    let mut harness = Harness::with(1);
    harness.step(&filled(1, 1, 5));
    assert!(harness.step(&filled(1, 1, 5)).is_empty());
    assert_eq!(harness.step(&filled(1, 2, 5)), ["1 partially_filled->filled 10 filled"]);
    assert!(harness.step(&filled(1, 2, 5)).is_empty());
}

#[test]
fn no_fact_changes_the_status_of_a_finished_order() {
    let ends = [
        (rejected(1), "rejected"),
        (filled(1, 9, 10), "filled"),
        (closed(1, CloseReason::IocRemainder), "canceled"),
        (closed(1, CloseReason::Canceled), "canceled"),
    ];
    for (end, status) in ends {
        let mut harness = Harness::with(1);
        harness.step(&end);
        for (late, report) in [
            (accepted(1), "accepted"),
            (filled(1, 7, 1), "filled"),
            (rejected(1), "rejected"),
            (closed(1, CloseReason::Canceled), "closed"),
            (cancel_rejected(1), "cancel_rejected"),
            (cancel(1), "cancel_requested"),
            (approved(1_000, order(1)), "approved"),
        ] {
            assert_eq!(harness.step(&late), [format!("1 late {report} {status}")]);
        }
    }
}

#[test]
fn a_report_for_an_unknown_order_is_late() {
    assert_eq!(Harness::new().step(&filled(7, 1, 1)), ["7 late filled unknown"]);
    assert_eq!(Harness::new().step(&cancel(7)), ["7 late cancel_requested unknown"]);
}

#[test]
fn an_approval_older_than_its_limit_expires() {
    let mut harness = Harness::new();
    harness.step(&clock(6_000));
    assert_eq!(harness.step(&approved(1_000, order(1))), ["1 submitted"]);
    harness.step(&clock(6_001));
    assert_eq!(
        harness.step(&approved(1_000, order(2))),
        ["2 approved->expired 0 stale_approval 5001000000 5000000000"]
    );
    harness.step(&limit("execution.approval_max_age_ms", "5001"));
    assert_eq!(harness.step(&approved(1_000, order(3))), ["3 submitted"]);
    assert_eq!(harness.step(&filled(2, 1, 1)), ["2 late filled expired"]);
}

#[test]
fn without_a_clock_no_order_is_submitted() {
    let mut harness = Harness::new();
    harness.machine = Stepper::new(tapedeck_execution::Execution::new());
    assert_eq!(harness.step(&approved(1_000, order(1))), ["1 approved->expired 0 no_clock"]);
}

#[test]
fn an_order_approved_before_a_halt_but_observed_after_it_is_stopped() {
    let instrument = Scope::Instrument(order(1).instrument);
    let elsewhere = Scope::Instrument("sim.Y".parse().unwrap());
    for (scope, level, outcome) in [
        (Scope::All, HaltLevel::Halted, "1 approved->rejected 0 halted all"),
        (instrument, HaltLevel::Halted, "1 approved->rejected 0 halted sim.X"),
        (elsewhere, HaltLevel::Halted, "1 submitted"),
        (Scope::All, HaltLevel::Reducing, "1 submitted"),
    ] {
        let mut harness = Harness::new();
        harness.step(&halt(scope, level));
        assert_eq!(harness.step(&approved(1_000, order(1))), [outcome], "{scope} {level}");
    }
}

#[test]
fn only_a_resume_of_the_same_scope_lifts_a_halt_and_a_milder_halt_does_not() {
    let instrument = Scope::Instrument(order(1).instrument);
    let mut harness = Harness::new();
    harness.step(&halt(instrument, HaltLevel::Halted));
    harness.step(&halt(instrument, HaltLevel::Reducing));
    harness.step(&resume(Scope::All));
    assert_eq!(harness.step(&approved(1_000, order(1))), ["1 approved->rejected 0 halted sim.X"]);
    harness.step(&resume(instrument));
    assert_eq!(harness.step(&approved(1_000, order(2))), ["2 submitted"]);
}

#[test]
fn a_halt_cancels_every_open_order_in_its_scope_in_order_of_submission() {
    let mut harness = Harness::with(3);
    harness.step(&approved(1_000, order(1)));
    let mut elsewhere = order(2);
    elsewhere.instrument = "sim.Y".parse().unwrap();
    harness.step(&approved(1_000, elsewhere));
    assert!(harness.step(&halt(Scope::All, HaltLevel::Reducing)).is_empty());
    let decided = harness.step(&halt(Scope::Instrument(order(1).instrument), HaltLevel::Halted));
    let expected = [
        "3 cancel halted",
        "3 submitted->pending_cancel 0 cancel_submitted halted",
        "1 cancel halted",
        "1 submitted->pending_cancel 0 cancel_submitted halted",
    ];
    assert_eq!(decided, expected);
    let decided = harness.step(&halt(Scope::All, HaltLevel::Halted));
    assert_eq!(
        decided,
        ["2 cancel halted", "2 submitted->pending_cancel 0 cancel_submitted halted"],
        "the others have a cancel requested already"
    );
}

#[test]
fn a_resting_order_times_out_on_a_clock_advance_and_expires_when_the_exchange_closes_it() {
    let mut harness = Harness::with(1);
    harness.step(&accepted(1));
    assert!(harness.step(&clock(4_000)).is_empty());
    let decided = harness.step(&clock(4_001));
    assert_eq!(decided, ["1 cancel timed_out", "1 accepted->pending_cancel 0 cancel_submitted timed_out"]);
    assert!(harness.step(&clock(9_000)).is_empty(), "requested once");
    assert_eq!(harness.step(&closed(1, CloseReason::Canceled)), ["1 pending_cancel->expired 0 timed_out"]);
}

#[test]
fn an_ioc_order_does_not_time_out() {
    let mut harness = Harness::new();
    let mut ioc = order(1);
    ioc.time_in_force = TimeInForce::Ioc;
    harness.step(&approved(1_000, ioc));
    assert!(harness.step(&clock(60_000)).is_empty());
}

#[test]
fn a_cancel_is_requested_once_and_ends_in_canceled() {
    let mut harness = Harness::with(1);
    assert_eq!(
        harness.step(&cancel(1)),
        ["1 cancel requested", "1 submitted->pending_cancel 0 cancel_submitted requested"]
    );
    assert_eq!(harness.step(&cancel(1)), ["1 late cancel_requested pending_cancel"]);
    assert_eq!(harness.step(&accepted(1)), ["1 pending_cancel->pending_cancel 0 accepted"]);
    assert_eq!(harness.step(&closed(1, CloseReason::Canceled)), ["1 pending_cancel->canceled 0 canceled"]);
}

#[test]
fn fills_while_a_cancel_is_pending_count_and_the_last_one_ends_the_order() {
    let mut harness = Harness::with(1);
    harness.step(&cancel(1));
    assert_eq!(harness.step(&filled(1, 1, 4)), ["1 pending_cancel->pending_cancel 4 filled_in_part"]);
    assert_eq!(harness.step(&filled(1, 2, 6)), ["1 pending_cancel->filled 10 filled"]);
    assert_eq!(harness.step(&cancel_rejected(1)), ["1 late cancel_rejected filled"]);
}

#[test]
fn a_rejected_cancel_returns_an_order_to_the_status_of_its_reports() {
    let reason = "cancel_rejected not_working";
    let mut harness = Harness::with(1);
    harness.step(&cancel(1));
    assert_eq!(harness.step(&cancel_rejected(1)), [format!("1 pending_cancel->submitted 0 {reason}")]);
    harness.step(&cancel(1));
    harness.step(&accepted(1));
    assert_eq!(harness.step(&cancel_rejected(1)), [format!("1 pending_cancel->accepted 0 {reason}")]);
    harness.step(&cancel(1));
    harness.step(&filled(1, 1, 4));
    assert_eq!(harness.step(&cancel_rejected(1)), [format!("1 pending_cancel->partially_filled 4 {reason}")]);
}

#[test]
fn after_a_rejected_cancel_the_time_out_counts_from_its_request() {
    let mut harness = Harness::with(1);
    harness.step(&clock(4_001));
    harness.step(&cancel_rejected(1));
    assert!(harness.step(&clock(7_001)).is_empty());
    assert_eq!(harness.step(&clock(7_002)).len(), 2);
}

#[test]
fn open_orders_are_bounded_so_that_a_halt_fits_one_record() {
    let mut harness = Harness::new();
    for n in 0..=255 {
        assert_eq!(harness.step(&approved(1_000, order(n))), [format!("{n} submitted")]);
    }
    let mut over = order(1);
    over.id.0[1] = 99;
    assert_eq!(harness.step(&approved(1_000, over)), ["1 approved->rejected 0 too_many_orders 256"]);
    let cancels = harness.decide(&halt(Scope::All, HaltLevel::Halted));
    assert_eq!(cancels.len(), 512);
}

#[test]
fn a_halt_keeps_finished_orders_whose_number_is_bounded() {
    use tapedeck_execution::orders::FINISHED_ORDERS_MAX;
    let mut harness = Harness::with(1);
    harness.step(&rejected(1));
    harness.step(&halt(Scope::All, HaltLevel::Halted));
    for n in 0..FINISHED_ORDERS_MAX {
        assert_eq!(harness.step(&accepted(1)), ["1 late accepted rejected"], "after {n} more");
        let mut next = order(2);
        next.id.0[..8].copy_from_slice(&(n as u64 + (3 << 56)).to_be_bytes());
        harness.step(&approved(1_000, next));
    }
    assert_eq!(harness.step(&accepted(1)), ["1 late accepted unknown"]);
}
