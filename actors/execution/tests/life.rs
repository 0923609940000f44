//! The life of an order from outside: gates, reports, cancels, time-outs and halts, as facts show them.

mod common;

use common::*;
use tapedeck_schemas::event::{CloseReason, HaltLevel, Scope, TimeInForce};

#[test]
fn an_approved_order_is_submitted_accepted_and_filled_by_the_sum_of_its_fills() {
    let mut desk = Desk::new();
    assert_eq!(desk.step(&approved(1_000, order(1))), ["1 submitted"]);
    assert_eq!(desk.step(&accepted(1)), ["1 submitted->accepted 0 accepted"]);
    assert_eq!(desk.step(&filled(1, 1, 4)), ["1 accepted->partially_filled 4 filled in part"]);
    assert_eq!(desk.step(&filled(1, 2, 5)), ["1 partially_filled->partially_filled 9 filled in part"]);
    assert_eq!(desk.step(&filled(1, 3, 1)), ["1 partially_filled->filled 10 filled"]);
}

#[test]
fn an_order_that_has_traded_is_never_rejected() {
    let mut desk = Desk::with(1);
    desk.step(&filled(1, 1, 4));
    assert_eq!(desk.step(&rejected(1)), ["1 partially_filled->canceled 4 off grid"]);
}

#[test]
fn a_replayed_fill_is_ignored_while_the_order_is_open_and_after() {
    let mut desk = Desk::with(1);
    desk.step(&filled(1, 1, 5));
    assert!(desk.step(&filled(1, 1, 5)).is_empty());
    assert_eq!(desk.step(&filled(1, 2, 5)), ["1 partially_filled->filled 10 filled"]);
    assert!(desk.step(&filled(1, 2, 5)).is_empty());
}

#[test]
fn nothing_that_comes_after_the_end_resurrects_an_order() {
    let ends = [
        (rejected(1), "rejected"),
        (filled(1, 9, 10), "filled"),
        (closed(1, CloseReason::IocRemainder), "canceled"),
        (closed(1, CloseReason::Canceled), "canceled"),
    ];
    for (end, status) in ends {
        let mut desk = Desk::with(1);
        desk.step(&end);
        for (late, report) in [
            (accepted(1), "accepted"),
            (filled(1, 7, 1), "filled"),
            (rejected(1), "rejected"),
            (closed(1, CloseReason::Canceled), "closed"),
            (cancel_rejected(1), "cancel rejected"),
            (cancel(1), "cancel requested"),
            (approved(1_000, order(1)), "approved"),
        ] {
            assert_eq!(desk.step(&late), [format!("1 late {report} {status}")]);
        }
    }
}

#[test]
fn a_report_for_an_order_never_seen_is_late_and_unknown() {
    assert_eq!(Desk::new().step(&filled(7, 1, 1)), ["7 late filled unknown"]);
    assert_eq!(Desk::new().step(&cancel(7)), ["7 late cancel requested unknown"]);
}

#[test]
fn an_approval_older_than_its_limit_expires() {
    let mut desk = Desk::new();
    desk.step(&tick(6_000));
    assert_eq!(desk.step(&approved(1_000, order(1))), ["1 submitted"]);
    desk.step(&tick(6_001));
    assert_eq!(desk.step(&approved(1_000, order(2))), ["2 approved->expired 0 stale approval"]);
    desk.step(&limit("execution.approval_max_age_ms", 5_001));
    assert_eq!(desk.step(&approved(1_000, order(3))), ["3 submitted"]);
    assert_eq!(desk.step(&filled(2, 1, 1)), ["2 late filled expired"]);
}

#[test]
fn without_a_tick_nothing_is_submitted() {
    let mut desk = Desk::new();
    desk.machine = tapedeck_execution::Execution::new();
    assert_eq!(desk.step(&approved(1_000, order(1))), ["1 approved->expired 0 no clock"]);
}

#[test]
fn an_order_approved_before_a_halt_that_lands_after_it_is_stopped() {
    let instrument = Scope::Instrument(order(1).instrument);
    let elsewhere = Scope::Instrument("sim.Y".parse().unwrap());
    for (scope, level, outcome) in [
        (Scope::All, HaltLevel::Halted, "1 approved->rejected 0 halted"),
        (instrument, HaltLevel::Halted, "1 approved->rejected 0 halted"),
        (elsewhere, HaltLevel::Halted, "1 submitted"),
        (Scope::All, HaltLevel::Reducing, "1 submitted"),
    ] {
        let mut desk = Desk::new();
        desk.step(&halt(scope, level));
        assert_eq!(desk.step(&approved(1_000, order(1))), [outcome], "{scope} {level}");
    }
}

#[test]
fn only_a_resume_of_the_same_scope_lifts_a_halt_and_a_milder_halt_does_not() {
    let instrument = Scope::Instrument(order(1).instrument);
    let mut desk = Desk::new();
    desk.step(&halt(instrument, HaltLevel::Halted));
    desk.step(&halt(instrument, HaltLevel::Reducing));
    desk.step(&resume(Scope::All));
    assert_eq!(desk.step(&approved(1_000, order(1))), ["1 approved->rejected 0 halted"]);
    desk.step(&resume(instrument));
    assert_eq!(desk.step(&approved(1_000, order(2))), ["2 submitted"]);
}

#[test]
fn a_halt_cancels_every_open_order_in_its_scope_in_order_of_submission() {
    let mut desk = Desk::with(3);
    desk.step(&approved(1_000, order(1)));
    let mut elsewhere = order(2);
    elsewhere.instrument = "sim.Y".parse().unwrap();
    desk.step(&approved(1_000, elsewhere));
    assert!(desk.step(&halt(Scope::All, HaltLevel::Reducing)).is_empty());
    let decided = desk.step(&halt(Scope::Instrument(order(1).instrument), HaltLevel::Halted));
    let expected = [
        "3 cancel halted",
        "3 submitted->pending_cancel 0 halted",
        "1 cancel halted",
        "1 submitted->pending_cancel 0 halted",
    ];
    assert_eq!(decided, expected);
    let decided = desk.step(&halt(Scope::All, HaltLevel::Halted));
    assert_eq!(decided, ["2 cancel halted", "2 submitted->pending_cancel 0 halted"], "the others are asked already");
}

#[test]
fn a_resting_order_times_out_on_ticks_and_expires_when_the_venue_closes_it() {
    let mut desk = Desk::with(1);
    desk.step(&accepted(1));
    assert!(desk.step(&tick(4_000)).is_empty());
    let decided = desk.step(&tick(4_001));
    assert_eq!(decided, ["1 cancel timed_out", "1 accepted->pending_cancel 0 timed_out"]);
    assert!(desk.step(&tick(9_000)).is_empty(), "asked once");
    assert_eq!(desk.step(&closed(1, CloseReason::Canceled)), ["1 pending_cancel->expired 0 timed out"]);
}

#[test]
fn an_ioc_order_does_not_time_out() {
    let mut desk = Desk::new();
    let mut ioc = order(1);
    ioc.time_in_force = TimeInForce::Ioc;
    desk.step(&approved(1_000, ioc));
    assert!(desk.step(&tick(60_000)).is_empty());
}

#[test]
fn a_requested_cancel_ends_canceled_and_is_asked_once() {
    let mut desk = Desk::with(1);
    assert_eq!(desk.step(&cancel(1)), ["1 cancel requested", "1 submitted->pending_cancel 0 requested"]);
    assert_eq!(desk.step(&cancel(1)), ["1 late cancel requested pending_cancel"]);
    assert_eq!(desk.step(&accepted(1)), ["1 pending_cancel->pending_cancel 0 accepted"]);
    assert_eq!(desk.step(&closed(1, CloseReason::Canceled)), ["1 pending_cancel->canceled 0 canceled"]);
}

#[test]
fn fills_while_a_cancel_is_on_its_way_count_and_a_whole_one_ends_the_order() {
    let mut desk = Desk::with(1);
    desk.step(&cancel(1));
    assert_eq!(desk.step(&filled(1, 1, 4)), ["1 pending_cancel->pending_cancel 4 filled in part"]);
    assert_eq!(desk.step(&filled(1, 2, 6)), ["1 pending_cancel->filled 10 filled"]);
    assert_eq!(desk.step(&cancel_rejected(1)), ["1 late cancel rejected filled"]);
}

#[test]
fn a_refused_cancel_puts_an_order_back_where_it_stands_by_now() {
    let back = "cancel rejected: busy";
    let mut desk = Desk::with(1);
    desk.step(&cancel(1));
    assert_eq!(desk.step(&cancel_rejected(1)), [format!("1 pending_cancel->submitted 0 {back}")]);
    desk.step(&cancel(1));
    desk.step(&accepted(1));
    assert_eq!(desk.step(&cancel_rejected(1)), [format!("1 pending_cancel->accepted 0 {back}")]);
    desk.step(&cancel(1));
    desk.step(&filled(1, 1, 4));
    assert_eq!(desk.step(&cancel_rejected(1)), [format!("1 pending_cancel->partially_filled 4 {back}")]);
}

#[test]
fn after_a_refused_cancel_the_time_out_counts_anew() {
    let mut desk = Desk::with(1);
    desk.step(&tick(4_001));
    desk.step(&cancel_rejected(1));
    assert!(desk.step(&tick(7_001)).is_empty());
    assert_eq!(desk.step(&tick(7_002)).len(), 2);
}

#[test]
fn open_orders_are_bounded_so_that_a_halt_fits_one_record() {
    let mut desk = Desk::new();
    for n in 0..=255 {
        assert_eq!(desk.step(&approved(1_000, order(n))), [format!("{n} submitted")]);
    }
    let mut over = order(1);
    over.id.0[1] = 99;
    assert_eq!(desk.step(&approved(1_000, over)), ["1 approved->rejected 0 too many open orders"]);
    let cancels = desk.decide(&halt(Scope::All, HaltLevel::Halted));
    assert_eq!(cancels.len(), 512);
}

#[test]
fn a_halt_does_not_forget_the_finished_but_their_memory_is_bounded() {
    use tapedeck_execution::orders::FINISHED_ORDERS_MAX;
    let mut desk = Desk::with(1);
    desk.step(&rejected(1));
    desk.step(&halt(Scope::All, HaltLevel::Halted));
    for n in 0..FINISHED_ORDERS_MAX {
        assert_eq!(desk.step(&accepted(1)), ["1 late accepted rejected"], "after {n} more");
        let mut next = order(2);
        next.id.0[..8].copy_from_slice(&(n as u64 + (3 << 56)).to_be_bytes());
        desk.step(&approved(1_000, next));
    }
    assert_eq!(desk.step(&accepted(1)), ["1 late accepted unknown"]);
}
