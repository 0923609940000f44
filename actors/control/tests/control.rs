//! Every verb accepted, an example of every reason to refuse, and arbitrary bytes.

use proptest::prelude::*;
use tapedeck_control::{AMOUNT_MAX, Control};
use tapedeck_kernel::testing::{Stepper, assert_decisions, run_and_follow};
use tapedeck_kernel::{CommandEntry, MachineInput};
use tapedeck_schemas::command::{Command, Request};
use tapedeck_schemas::event::{Event, HaltLevel, RefusalReason, Scope};
use tapedeck_schemas::ids::OrderId;
use tapedeck_schemas::number::{Money, Ratio};
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::param::ParamSpec;
use tapedeck_schemas::record::Entry;
use tapedeck_schemas::text::{SUBJECT_BYTES_MAX, VALUE_BYTES_MAX};

const PINNED: &str = "c1f6ea30e4a6ff9cba5e7c602bf3ca6db0cc3e5a7548f603c2544cf6eb5fd8fa";

fn spec(name: &'static str, min: i64, max: i64) -> ParamSpec {
    let (unit, about) = ("lots", "for the test");
    ParamSpec { name, unit, about, default: Ratio::whole(min), min: Ratio::whole(min), max: Ratio::whole(max) }
}

fn control() -> Control {
    let strategies = ["mean", "cross"].map(|name| name.parse().unwrap()).to_vec();
    Control::new(vec![spec("risk.size", 1, 10), spec("signal.pace", -5, 5)], strategies)
}

fn entry(request: Request) -> CommandEntry {
    let subject = format!("cmd.0.{}", request.verb()).as_str().into();
    let command = Command { id: None, by: "ann".into(), reason: "because".into(), request };
    CommandEntry { subject, stamp: 7, command: Ok(command) }
}

fn limits(scope: Scope, values: &[(&str, &str)]) -> CommandEntry {
    let value = |(name, value): &(&str, &str)| (name.to_string(), value.parse().unwrap());
    entry(Request::Limits { scope, values: values.iter().map(value).collect() })
}

fn weights(weights: &[(&str, &str)]) -> CommandEntry {
    let weight = |(name, weight): &(&str, &str)| (name.parse().unwrap(), weight.parse().unwrap());
    entry(Request::Weights { weights: weights.iter().map(weight).collect() })
}

fn fund(amount: Money) -> CommandEntry {
    entry(Request::Fund { account: "sim-p0".parse().unwrap(), currency: "USDT".parse().unwrap(), amount })
}

fn instrument() -> Scope {
    Scope::Instrument("v.AB".parse().unwrap())
}

fn answer(entry: &CommandEntry) -> Event {
    let mut events = Stepper::new(control()).step(Offset::new(1, 0), entry).events;
    assert_eq!(events.len(), 1, "{events:?}");
    events.remove(0)
}

fn refusal(entry: &CommandEntry) -> Option<String> {
    if let Event::CommandRefused(fact) = answer(entry) { Some(fact.reason.words()) } else { None }
}

/// An accepted command of every verb, and the fact that it becomes. The pinned digest covers these.
fn accepted() -> Vec<(CommandEntry, &'static str)> {
    let (level, order) = (HaltLevel::Reducing, OrderId([7; 16]));
    vec![
        (limits(Scope::All, &[("risk.size", "1"), ("signal.pace", "5")]), "LimitsSet"),
        (limits(instrument(), &[("risk.size", "10")]), "LimitsSet"),
        (weights(&[("cross", "0"), ("mean", "1000")]), "WeightsSet"),
        (entry(Request::Halt { scope: Scope::All, level }), "TradingHalted"),
        (entry(Request::Resume { scope: instrument() }), "TradingResumed"),
        (entry(Request::Cancel { order }), "CancelRequested"),
        (fund(AMOUNT_MAX), "AccountFunded"),
        (fund(-AMOUNT_MAX), "AccountFunded"),
    ]
}

/// Refused commands, and a part of the words of each. The pinned digest covers these too.
fn refused() -> Vec<(CommandEntry, &'static str)> {
    let many = vec![("risk.size", "1"); 257];
    let on = |subject: &str, entry: CommandEntry| CommandEntry { subject: subject.into(), ..entry };
    let resume = || entry(Request::Resume { scope: Scope::All });
    vec![
        (limits(Scope::All, &[]), "0 values; give 1 to 256"),
        (limits(Scope::All, &many), "257 values; give 1 to 256"),
        (limits(Scope::All, &[("risk.size", "1"), ("risk.nonsense", "1")]), "no limit or parameter \"risk.nonsense\""),
        (limits(Scope::All, &[("risk.size", "10.000000001")]), "risk.size 10.000000001 is not within 1 to 10"),
        (limits(instrument(), &[("signal.pace", "-5.1")]), "signal.pace -5.1 is not within -5 to 5"),
        (
            limits(Scope::All, &[("risk.size", "1"), ("signal.pace", "1"), ("risk.size", "1")]),
            "risk.size is given twice",
        ),
        (weights(&[]), "no weights"),
        (weights(&[("nobody", "1")]), "no strategy nobody"),
        (weights(&[("mean", "-0.1")]), "weight -0.1 of mean is not within 0 to 1000"),
        (weights(&[("mean", "1000.1")]), "weight 1000.1 of mean is not within 0 to 1000"),
        (weights(&[("mean", "1"), ("mean", "2")]), "mean is given twice"),
        (fund(Money::ZERO), "the amount 0 "),
        (fund(AMOUNT_MAX + Money::from_units(1).unwrap()), "the amount 1000000000000000.000000000000000000001 "),
        (fund(-AMOUNT_MAX - Money::from_units(1).unwrap()), "the amount -1000000000000000.000000000000000000001 "),
        (on("cmd.0.halt", resume()), "a request to resume on another subject"),
        (on("", resume()), "a request to resume on another subject"),
        (
            CommandEntry { command: Err(RefusalReason::TrailingBytes { bytes: 17 }), ..resume() },
            "17 bytes after the end",
        ),
    ]
}

#[test]
fn every_accepted_verb_becomes_its_fact() {
    for (entry, kind) in accepted() {
        assert_eq!(answer(&entry).kind().name(), kind, "{entry:?}");
    }
}

#[test]
fn a_fact_holds_the_command_its_operator_and_its_reason() {
    let Event::LimitsSet(fact) = answer(&limits(instrument(), &[("risk.size", "2"), ("signal.pace", "3")])) else {
        panic!("limits set")
    };
    assert_eq!((fact.scope, fact.by.as_str(), fact.reason.as_str()), (instrument(), "ann", "because"));
    let values = [("risk.size".to_string(), Ratio::whole(2)), ("signal.pace".to_string(), Ratio::whole(3))];
    assert_eq!(fact.values, values);
    let Event::TradingHalted(fact) = answer(&entry(Request::Halt { scope: instrument(), level: HaltLevel::Halted }))
    else {
        panic!("halted")
    };
    assert_eq!((fact.scope, fact.level, fact.by.as_str()), (instrument(), HaltLevel::Halted, "ann"));
    let Event::AccountFunded(fact) = answer(&fund(Money::whole(-3))) else { panic!("funded") };
    assert_eq!((fact.account.as_str(), fact.currency.as_str(), fact.amount), ("sim-p0", "USDT", Money::whole(-3)));
}

#[test]
fn every_refusal_names_the_value_and_the_values_that_are_allowed() {
    for (entry, detail) in refused() {
        let found = refusal(&entry).unwrap_or_else(|| panic!("accepted: {entry:?}"));
        assert!(found.contains(detail), "want {detail:?} in {found:?}");
    }
}

#[test]
fn a_refusal_is_bounded_and_names_the_operator() {
    let long = "é".repeat(300);
    let command =
        Command { id: None, by: "ann".into(), reason: "r".into(), request: Request::Resume { scope: Scope::All } };
    let entry = CommandEntry { subject: long.as_str().into(), stamp: 1, command: Ok(command) };
    let Event::CommandRefused(fact) = answer(&entry) else { panic!("refused") };
    assert_eq!((fact.subject.len(), fact.by.as_str()), (SUBJECT_BYTES_MAX, "ann"));
    let undecoded = CommandEntry { command: Err(RefusalReason::NotACommand), ..entry };
    let Event::CommandRefused(fact) = answer(&undecoded) else { panic!("refused") };
    assert_eq!((fact.reason, fact.by.as_str()), (RefusalReason::NotACommand, ""));
    // A name that is not known is repeated, up to a bound.
    let Event::CommandRefused(fact) = answer(&limits(Scope::All, &[(&long, "1")])) else { panic!("refused") };
    assert_eq!(fact.reason, RefusalReason::UnknownParameter { name: "é".repeat(VALUE_BYTES_MAX / 2) });
}

#[test]
fn a_fact_has_the_stamp_of_its_command_and_the_tape_time_that_the_driver_has_read() {
    let mut machine = Stepper::new(control());
    for (now, stamp) in [(100, 5), (100, 9), (200, 3)] {
        machine.now = now;
        let decided = machine.step(Offset::new(stamp, 0), &CommandEntry { stamp, ..fund(Money::whole(1)) });
        let [Event::AccountFunded(fact)] = &decided.events[..] else { panic!("{decided:?}") };
        assert_eq!((decided.at, fact.stamp), (now, stamp));
    }
}

#[test]
fn decisions_are_as_pinned() {
    let script: Vec<_> = accepted().into_iter().chain(refused()).map(|(entry, _)| entry).collect();
    assert_decisions(control(), &script, PINNED, "2ba82451e7edbf091af9674a911051229b0452ba7b9276d5159d482a65517d17");
}

proptest! {
    /// Damaged commands, whole commands and noise: one fact each, and following the facts gives the same state.
    #[test]
    fn any_bytes_are_answered_once_and_the_facts_rebuild_the_state(
        choice in 0usize..25, damage in prop::collection::vec((any::<usize>(), any::<u8>()), 0..3),
        noise in prop::collection::vec(any::<u8>(), 0..100), subject in "cmd[.]0[.](halt|limits|fund)|.{0,200}",
        stamp in any::<u64>(),
    ) {
        let all: Vec<_> = accepted().into_iter().chain(refused()).map(|(entry, _)| entry).collect();
        let mut payload = all[choice % all.len()].command.as_ref().map_or_else(|_| vec![0], Command::encode);
        for (at, byte) in damage {
            let at = at % payload.len();
            payload[at] = byte;
        }
        let messages = [(&*all[choice % all.len()].subject, &payload), (&subject, &payload), (&subject, &noise)];
        let decode = |subject: &str, bytes: &Vec<u8>| CommandEntry::from_message(subject, stamp, bytes);
        let entries = messages.into_iter().flat_map(|(subject, bytes)| decode(subject, bytes));
        run_and_follow(control, &entries.collect::<Vec<_>>(), |_, decided| assert_eq!(decided.len(), 1));
    }
}

fn named(id: &str, entry: CommandEntry) -> CommandEntry {
    let command = entry.command.map(|command| Command { id: Some(id.into()), ..command });
    CommandEntry { command, ..entry }
}

/// Another LOGIC may accept what this build refuses, and refuse what this build accepts.
#[test]
fn an_id_is_taken_by_the_recorded_answer_and_not_by_the_own_one() {
    let (acceptable, refused) = (named("a", fund(Money::whole(1))), named("b", fund(Money::ZERO)));
    let mut machine = Stepper::new(control());
    for (seq, entry, other) in [(1, &acceptable, answer(&refused)), (2, &refused, answer(&acceptable))] {
        let cause = Offset::new(seq, 0);
        machine.follow(cause, entry, &[Entry { cause, index: 0, at: 7, event: other }]);
    }
    let mut refusal = |seq, entry| match machine.step(Offset::new(seq, 0), entry).events.remove(0) {
        Event::CommandRefused(refused) => Some(refused.reason),
        _ => None,
    };
    assert_eq!(refusal(3, &acceptable), None, "the id of a refused command stays free");
    assert_eq!(refusal(4, &named("b", fund(Money::whole(1)))), Some(RefusalReason::RepeatedId));
}

#[test]
fn of_several_commands_with_one_id_the_first_acceptable_one_counts() {
    let mut machine = Stepper::new(control());
    let one = fund(Money::whole(1));
    let cases = [
        (named("a", fund(Money::ZERO)), false, "refused, so the id stays free"),
        (named("a", one.clone()), true, "the first that is acceptable"),
        (named("a", one.clone()), false, "again"),
        (named("a", entry(Request::Resume { scope: Scope::All })), false, "another with its id"),
        (named("b", one.clone()), true, "another id"),
        (one.clone(), true, "no id"),
        (one, true, "no id, again"),
    ];
    for (seq, (entry, accepted, why)) in (1..).zip(cases) {
        let events = machine.step(Offset::new(seq, 0), &entry).events;
        assert_eq!(events.len(), 1);
        assert_eq!(!matches!(events[0], Event::CommandRefused(_)), accepted, "{why}: {events:?}");
    }
}
