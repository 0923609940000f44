//! Every rule holds on a clean tape, and each altered tape violates exactly one rule.

use std::collections::BTreeSet;

use tapedeck_schemas::event::*;
use tapedeck_schemas::generation::Generation;
use tapedeck_schemas::ids::{FillId, OrderId, TapeId};
use tapedeck_schemas::number::Money;
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::Writer;

use super::script::*;
use super::{InvariantId, Invariants, TapeFact, Violation};

fn observe(invariants: &mut Invariants, line: &ScriptLine) -> Vec<Violation> {
    invariants.observe(&TapeFact { offset: line.offset, writer: line.writer, inbox: line.inbox, entry: &line.entry })
}

fn violations(tape: &[ScriptLine]) -> Vec<Violation> {
    let mut invariants = Invariants::new();
    let mut found: Vec<_> = tape.iter().flat_map(|line| observe(&mut invariants, line)).collect();
    found.extend(invariants.finish());
    found
}

/// Asserts that the tape violates this rule at this offset, and no other rule.
#[track_caller]
fn breaks(id: InvariantId, offset: &str, tape: &[ScriptLine]) {
    let found = violations(tape);
    let ids: BTreeSet<_> = found.iter().map(|violation| violation.id).collect();
    assert_eq!(ids, BTreeSet::from([id]), "{found:#?}");
    assert_eq!(found[0].offset, at(offset), "{found:#?}");
}

/// A clean tape with one event altered.
fn altered(offset: &str, alter: impl FnOnce(&mut Event)) -> Vec<ScriptLine> {
    let mut tape = clean();
    alter(&mut line_at(&mut tape, offset).entry.event);
    tape
}

/// A clean tape with one event replaced.
fn replaced(offset: &str, event: Event) -> Vec<ScriptLine> {
    altered(offset, |old| *old = event)
}

/// A clean tape with one more record, at sequence 31.
fn appended(writer: Writer, cause: &str, events: Vec<Event>) -> Vec<ScriptLine> {
    let mut tape = clean();
    append(&mut tape, writer, vec![(cause, events)]);
    tape
}

fn line_at<'a>(tape: &'a mut [ScriptLine], offset: &str) -> &'a mut ScriptLine {
    tape.iter_mut().find(|line| line.offset == at(offset)).unwrap()
}

macro_rules! body {
    ($event:expr, $kind:ident) => {
        match $event {
            Event::$kind(body) => body,
            other => panic!("{other:?}"),
        }
    };
}

/// Another fill of the open buy order.
fn next_fill(id: u8, quantity: &str, price: &str, leaves: &str) -> OrderFilled {
    fill(FillId([id; 16]), &bought(), quantity, price, leaves)
}

#[test]
fn a_clean_tape_breaks_nothing_wherever_it_ends_and_evaluates_every_rule() {
    let tape = clean();
    let mut invariants = Invariants::new();
    for (line, next) in tape.iter().zip(tape.iter().skip(1).map(Some).chain([None])) {
        assert_eq!(observe(&mut invariants, line), [], "{line:?}");
        if next.is_none_or(|next| next.offset.seq != line.offset.seq) {
            assert_eq!(invariants.finish(), [], "after {}", line.offset);
        }
    }
    for (id, times) in invariants.checked() {
        assert!(times > 0, "{} was never evaluated", id.name());
    }
    assert_eq!(invariants.checked().len(), InvariantId::ALL.len());
}

#[test]
fn names_of_rules_are_distinct() {
    let names: BTreeSet<_> = InvariantId::ALL.iter().map(|id| id.name()).collect();
    assert_eq!(names.len(), InvariantId::ALL.len());
}

#[test]
fn a_tape_that_is_created_twice_or_not_first_is_found() {
    let again = TapeCreated::first(TapeId([9; 16]), 0, Vec::new());
    breaks(InvariantId::TapeCreatedOnce, "31.0", &appended(Writer::Keeper, "0.0", vec![again.into()]));
    let trimmed = Trimmed { first_kept: 1, last_gone: Vec::new() };
    breaks(InvariantId::TapeCreatedOnce, "1.0", &replaced("1.0", trimmed.into()));
    breaks(InvariantId::TapeCreatedOnce, "2.0", &clean()[1..]);
}

#[test]
fn a_fact_of_another_writer_is_found() {
    breaks(InvariantId::OwnKinds, "31.0", &appended(Writer::Control, "4.0", vec![signal()]));
    breaks(InvariantId::OwnKinds, "31.0", &appended(Writer::Keeper, "0.0", vec![Progress {}.into()]));
}

#[test]
fn an_epoch_that_does_not_count_on_or_is_missing_is_found() {
    breaks(InvariantId::EpochsCount, "30.0", &replaced("30.0", epoch(3)));
    breaks(InvariantId::EpochsCount, "30.0", &replaced("30.0", epoch(1)));
    let mut tape = clean();
    tape.retain(|line| line.offset != at("7.0"));
    breaks(InvariantId::EpochsCount, "13.0", &tape);
}

#[test]
fn a_cause_answered_backwards_or_twice_or_ahead_of_its_time_is_found() {
    let id = InvariantId::CausesInOrder;
    let of_signal = |cause| appended(Writer::Signal, cause, vec![signal()]);
    ["9.0", "21.0", "31.0"].into_iter().for_each(|cause| breaks(id, "31.0", &of_signal(cause)));
    breaks(id, "31.0", &appended(Writer::Portfolio, "27.2", vec![Progress {}.into()]));
    breaks(id, "31.0", &appended(Writer::Portfolio, "28.0", vec![mark(["1090.8", "-95", "995.8"])]));
}

#[test]
fn causes_in_an_inbox_are_ordered_by_generation_first() {
    let begun = |inboxes: [u32; 2]| {
        let mut tape = clean();
        for (cause, inbox) in [("500.0", inboxes[0]), ("1.0", inboxes[1])] {
            append(&mut tape, Writer::Ingest, vec![(cause, vec![Progress {}.into()])]);
            tape.last_mut().unwrap().inbox = Generation::new(inbox);
        }
        tape
    };
    assert_eq!(violations(&begun([1, 2])), []);
    breaks(InvariantId::CausesInOrder, "32.0", &begun([2, 2]));
    breaks(InvariantId::CausesInOrder, "32.0", &begun([2, 1]));
}

#[test]
fn an_answer_that_does_not_count_from_0_is_found() {
    let with_index = |offset: &str, index: u32| {
        let mut tape = clean();
        line_at(&mut tape, offset).entry.index = index;
        tape
    };
    breaks(InvariantId::CausesInOrder, "22.0", &with_index("22.0", 1));
    breaks(InvariantId::CausesInOrder, "13.1", &with_index("13.1", 2));
    breaks(InvariantId::CausesInOrder, "13.1", &with_index("13.1", 0));
}

#[test]
fn an_answer_split_over_two_records_is_found() {
    let mut tape = appended(Writer::Signal, "28.0", vec![signal()]);
    append(&mut tape, Writer::Signal, vec![("28.0", vec![signal()])]);
    line_at(&mut tape, "32.0").entry.index = 1;
    breaks(InvariantId::CausesInOrder, "32.0", &tape);
}

#[test]
fn tape_time_that_goes_back_and_a_tick_that_does_not_rise_are_found() {
    breaks(InvariantId::TapeTime, "28.0", &replaced("28.0", ClockAdvanced { time: 9_000 }.into()));
    let mut tape = clean();
    line_at(&mut tape, "28.0").entry.at = 8_999;
    breaks(InvariantId::TapeTime, "28.0", &tape);
}

#[test]
fn an_order_approved_twice_or_submitted_twice_is_found() {
    let twice = |offset: &str, next: Offset| {
        let mut tape = clean();
        let place = tape.iter().position(|line| line.offset == at(offset)).unwrap();
        let mut again = tape[place].clone();
        (again.offset, again.entry.index) = (next, 1);
        tape.insert(place + 1, again);
        tape
    };
    breaks(InvariantId::OrderIdsUnique, "23.1", &twice("23.0", at("23.1")));
    breaks(InvariantId::OrderIdsUnique, "12.1", &twice("12.0", at("12.1")));
}

#[test]
fn a_submission_on_other_terms_or_without_approval_is_found() {
    let id = InvariantId::SubmittedAsApproved;
    breaks(id, "12.0", &altered("12.0", |event| body!(event, OrderSubmitted).order.price = n("101")));
    breaks(id, "12.0", &altered("12.0", |event| body!(event, OrderSubmitted).order.signal = at("10.1")));
    let unapproved = order(OrderId([7; 16]), Side::Buy, "1", "100", "22.0");
    breaks(id, "31.0", &appended(Writer::Execution, "28.0", vec![submitted(&unapproved)]));
}

#[test]
fn a_denied_order_that_is_submitted_is_found() {
    let tape = altered("11.1", |event| body!(event, OrderDenied).order.id = SOLD);
    breaks(InvariantId::DeniedNeverSubmitted, "24.0", &tape);
}

#[test]
fn an_approval_and_a_submission_caused_after_a_halt_are_found() {
    let id = InvariantId::HaltsHold;
    let other = order(OrderId([9; 16]), Side::Sell, "1", "90", "18.0");
    breaks(id, "19.1", &replaced("19.1", approved(&other)));
    breaks(id, "20.0", &replaced("20.0", submitted(&stopped())));
    // The violation remains if the record is after the resume.
    let mut late = replaced("19.1", approved(&other));
    for line in &mut late {
        let seq = &mut line.offset.seq;
        *seq = match *seq {
            19 => 21,
            20 => 19,
            21 => 20,
            seq => seq,
        };
    }
    late.retain(|line| line.offset != at("19.0"));
    late.sort_by_key(|line| line.offset);
    breaks(id, "21.1", &late);
}

#[test]
fn halts_of_other_scopes_and_levels_stop_nothing_of_this_instrument() {
    let halt = |scope, level| TradingHalted { scope, level, by: "test".into(), reason: "drill".into(), stamp: 0 };
    let other = order(OrderId([9; 16]), Side::Sell, "1", "90", "18.0");
    let mut reducing = replaced("17.0", halt(Scope::All, HaltLevel::Reducing).into());
    line_at(&mut reducing, "19.1").entry.event = approved(&other);
    assert_eq!(violations(&reducing), []);
    let mut elsewhere = replaced("17.0", halt(Scope::Instrument(n("binance.ETHUSDT")), HaltLevel::Halted).into());
    line_at(&mut elsewhere, "19.1").entry.event = approved(&other);
    assert_eq!(violations(&elsewhere), []);
    // A resume of one instrument does not lift a halt of everything.
    let partial = altered("21.0", |event| {
        body!(event, TradingResumed).scope = Scope::Instrument(n("binance.BTCUSDT"));
    });
    breaks(InvariantId::HaltsHold, "23.0", &partial);
    // A resume of everything does not lift the halt of an instrument.
    let own = altered("17.0", |event| {
        body!(event, TradingHalted).scope = Scope::Instrument(n("binance.BTCUSDT"));
    });
    breaks(InvariantId::HaltsHold, "23.0", &own);
}

#[test]
fn a_status_that_jumps_or_starts_elsewhere_or_outlives_its_end_is_found() {
    use OrderStatus::*;
    let id = InvariantId::OrderLifeCycle;
    breaks(id, "14.0", &replaced("14.0", moved(BOUGHT, Approved, Accepted, "0")));
    breaks(id, "26.0", &replaced("26.0", moved(SOLD, Submitted, Approved, "0")));
    breaks(id, "31.0", &appended(Writer::Execution, "28.0", vec![moved(SOLD, Canceled, PartiallyFilled, "2")]));
    breaks(id, "31.0", &appended(Writer::Execution, "28.0", vec![moved(BOUGHT, PartiallyFilled, Rejected, "1")]));
    breaks(id, "31.0", &appended(Writer::Execution, "28.0", vec![moved(OrderId([7; 16]), Approved, Expired, "0")]));
}

#[test]
fn a_status_with_a_filled_quantity_that_cannot_be_is_found() {
    use OrderStatus::*;
    let id = InvariantId::OrderLifeCycle;
    breaks(id, "26.2", &replaced("26.2", moved(SOLD, PartiallyFilled, Canceled, "1")));
    breaks(id, "26.2", &replaced("26.2", moved(SOLD, PartiallyFilled, Canceled, "4")));
    breaks(id, "26.2", &replaced("26.2", moved(SOLD, PartiallyFilled, Filled, "2")));
}

#[test]
fn submission_said_by_a_status_change_too_is_one_move() {
    use OrderStatus::*;
    for place in [0, 1] {
        let mut tape = Vec::new();
        for line in clean() {
            let submits = line.offset == at("12.0");
            tape.push(line.clone());
            if submits {
                let mut said = line;
                said.entry.event = moved(BOUGHT, Approved, Submitted, "0");
                tape.insert(tape.len() - 1 + place, said);
                let first = tape.len() - 2;
                for (line, index) in tape[first..].iter_mut().zip(0..) {
                    (line.offset.index, line.entry.index) = (index, index);
                }
            }
        }
        assert_eq!(violations(&tape), []);
    }
}

#[test]
fn a_fill_reported_twice_is_found() {
    let mut again = next_fill(9, "1", "99", "0");
    again.fill = FIRST_FILL;
    breaks(InvariantId::FillIdsUnique, "31.0", &appended(Writer::Paper, "28.0", vec![again.into()]));
}

#[test]
fn a_fill_of_an_order_that_was_never_submitted_is_found() {
    let mut foreign = next_fill(9, "1", "99", "0");
    foreign.order = STOPPED;
    breaks(InvariantId::FillsOfSubmitted, "31.0", &appended(Writer::Paper, "28.0", vec![foreign.into()]));
}

#[test]
fn a_fill_beyond_its_order_is_found() {
    let id = InvariantId::FillsWithinOrder;
    let venue = |fill: OrderFilled| appended(Writer::Paper, "28.0", vec![fill.into()]);
    assert_eq!(violations(&venue(next_fill(9, "1", "100", "0"))), []);
    breaks(id, "31.0", &venue(next_fill(9, "1.5", "100", "0")));
    breaks(id, "31.0", &venue(next_fill(9, "0", "100", "1")));
    breaks(id, "31.0", &venue(next_fill(9, "0.5", "100", "0")));
    breaks(id, "31.0", &venue(next_fill(9, "1", "100.01", "0")));
    breaks(id, "31.0", &venue(OrderFilled { side: Side::Sell, ..next_fill(9, "1", "100", "0") }));
    breaks(id, "31.0", &venue(OrderFilled { account: n("sim-p1"), ..next_fill(9, "1", "100", "0") }));
    breaks(id, "31.0", &venue(fill(FillId([9; 16]), &sold(), "1", "95", "0")));
    breaks(id, "25.2", &altered("25.2", |event| body!(event, OrderClosed).leaves = n("0")));
}

#[test]
fn a_fill_that_is_not_booked_or_booked_twice_is_found() {
    let id = InvariantId::FillsBookedOnce;
    let mut tape = appended(Writer::Paper, "28.0", vec![next_fill(9, "1", "96", "0").into()]);
    let after = position(FillId([9; 16]), ["0", "0", "0", "-5", "0.3"]);
    append(&mut tape, Writer::Portfolio, vec![("31.0", vec![after])]);
    breaks(id, "31.0", &tape);
    let again = clean().iter().find(|line| line.offset == at("27.0")).unwrap().entry.event.clone();
    breaks(id, "31.0", &appended(Writer::Portfolio, "29.0", vec![again]));
    let unknown = posted(Some(FillId([9; 16])), &[]);
    breaks(id, "31.0", &appended(Writer::Portfolio, "29.0", vec![unknown]));
}

#[test]
fn a_fill_booked_for_other_than_it_was_is_found() {
    let mut tape = altered("27.0", |event| {
        let entries = &mut body!(event, LedgerPosted).entries;
        (entries[2].amount, entries[3].amount) = (n("190.9"), n("-191"));
    });
    line_at(&mut tape, "27.2").entry.event = mark(["1091.8", "-95", "996.8"]);
    breaks(InvariantId::FillsBookedOnce, "27.0", &tape);
}

#[test]
fn funding_that_is_not_booked_or_booked_twice_or_otherwise_is_found() {
    let id = InvariantId::FundingBookedOnce;
    let funded =
        AccountFunded { account: n("sim-p0"), currency: n("USDT"), amount: n("5"), by: "test".into(), stamp: 0 };
    let mut tape = appended(Writer::Control, "4.0", vec![funded.into()]);
    append(&mut tape, Writer::Portfolio, vec![("31.0", vec![mark(["1090.8", "-95", "995.8"])])]);
    breaks(id, "31.0", &tape);
    let lines = [(Ledger::Cash, "USDT", "5"), (Ledger::Capital, "USDT", "-5")];
    breaks(id, "31.0", &appended(Writer::Portfolio, "29.0", vec![posted(None, &lines)]));
    breaks(id, "8.1", &altered("3.1", |event| body!(event, AccountFunded).amount = n("999")));
}

#[test]
fn a_booking_that_does_not_balance_is_found() {
    let tape = altered("27.0", |event| body!(event, LedgerPosted).entries[3].amount = n("-190.000000000000000001"));
    breaks(InvariantId::LedgerBalances, "27.0", &tape);
}

#[test]
fn a_position_that_is_not_the_fold_of_its_fills_is_found() {
    let id = InvariantId::PositionsFoldFills;
    let with = |numbers| replaced("27.1", position(SECOND_FILL, numbers));
    breaks(id, "27.1", &with(["-2", "-190", "95", "-99", "0.2"]));
    breaks(id, "27.1", &with(["-1", "-95", "95", "-4", "0.3"]));
    breaks(id, "27.1", &with(["-1", "-95", "95", "4", "0.2"]));
    breaks(id, "27.1", &with(["-1", "-95", "94", "-4", "0.2"]));
    let other = altered("27.1", |event| body!(event, PositionChanged).strategy = n("other"));
    breaks(id, "27.1", &other);
    breaks(id, "31.0", &appended(Writer::Portfolio, "29.0", vec![position(FIRST_FILL, ["1", "99", "99", "0", "0.1"])]));
    let mut missing = clean();
    missing.retain(|line| line.offset != at("27.1"));
    line_at(&mut missing, "27.2").entry.index = 1;
    breaks(id, "25.1", &missing);
}

#[test]
fn cash_and_equity_that_are_not_what_the_books_say_are_found() {
    let id = InvariantId::EquityFoldsLedger;
    breaks(id, "27.2", &replaced("27.2", mark(["1090.7", "-95", "995.7"])));
    breaks(id, "27.2", &replaced("27.2", mark(["1090.8", "-95", "995.9"])));
}

#[test]
fn cash_that_stopped_at_the_bound_of_money_is_found() {
    let most = Money::from_units(Money::MAX_UNITS).unwrap();
    let (account, currency) = (n("sim-p7"), n("USDT"));
    let line = |ledger, amount| Posting { ledger, currency, amount };
    let entries = [line(Ledger::Cash, most), line(Ledger::Capital, -most)].into();
    let posted = LedgerPosted { account, fill: None, entries };
    let zero = Money::ZERO;
    let (position_value, realised, unrealised, fees) = (zero, zero, zero, zero);
    let (cash, equity, marked_at) = (most + most, most + most, None);
    let mark = EquityMarked { account, currency, cash, position_value, realised, unrealised, fees, equity, marked_at };
    let tape = appended(Writer::Portfolio, "28.0", vec![posted.clone().into(), posted.into(), mark.into()]);
    assert!(violations(&tape).iter().any(|violation| violation.id == InvariantId::EquityFoldsLedger));
}
