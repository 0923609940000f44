//! Which facts of a tape are selected and replayed.

use tapedeck_history::{Filter, RangeBounds, ResolvedBound};
use tapedeck_kernel::TapeRecord;
use tapedeck_schemas::event::Kind;
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::Writer;

use crate::common::*;

/// Two definitions, one of them twice; quotes and trades; an order in between, and a command of another time.
fn tape() -> Vec<TapeRecord> {
    let ingest = Writer::Ingest;
    vec![
        record(
            1,
            ingest,
            &[(10, definition(BTC, "0.01", &[], 9)), (10, heartbeat(BTC, 10)), (11, definition(ETH, "0.01", &[], 11))],
        ),
        record(2, ingest, &[(20, quote(BTC, "5", 20)), (30, trade(BTC, "6", 30))]),
        record(3, Writer::Control, &[(9_000, resumed("all"))]),
        record(4, Writer::Risk, &[(20, approved(BTC, "sim-p0", "zscore"))]),
        record(
            5,
            ingest,
            &[(30, trade(ETH, "7", 25)), (40, definition(BTC, "0.1", &["1m"], 33)), (50, quote(BTC, "5", 50))],
        ),
        record(6, ingest, &[(60, quote(ETH, "8", 60))]),
    ]
}

fn shown(from: Option<ResolvedBound>, to: Option<ResolvedBound>, filter: &Filter) -> Vec<String> {
    let all = replayed(&tape(), RangeBounds { from, to }, filter);
    all.iter().map(|one| format!("{} {} {}", one.offset, one.event.kind().name(), one.time)).collect()
}

#[test]
fn the_market_of_a_whole_tape_in_its_order_with_its_time() {
    let all = [
        "1.0 InstrumentDefined 10",
        "1.1 MarketHeartbeat 10",
        "1.2 InstrumentDefined 11",
        "2.0 Quote 20",
        "2.1 Trade 30",
        "5.0 Trade 30",
        "5.1 InstrumentDefined 40",
        "5.2 Quote 50",
        "6.0 Quote 60",
    ];
    assert_eq!(shown(None, None, &Filter::market()), all);
}

#[test]
fn a_later_start_is_led_by_the_definitions_in_force_there_at_the_time_there() {
    let from = Some(ResolvedBound::Offset(Offset::new(2, 1)));
    let to = Some(ResolvedBound::Time(30));
    let both = ["1.0 InstrumentDefined 30", "1.2 InstrumentDefined 30", "2.1 Trade 30", "5.0 Trade 30"];
    assert_eq!(shown(from, to, &Filter::market()), both);
    let eth = Filter { instruments: [n(ETH)].into(), ..Filter::market() };
    assert_eq!(shown(from, to, &eth), ["1.2 InstrumentDefined 30", "5.0 Trade 30"]);
    // The last of each instrument.
    let late = replayed(&tape(), RangeBounds { from: Some(ResolvedBound::Sequence(6)), to: None }, &Filter::market());
    let definitions: Vec<_> = late.iter().map(|one| (one.offset, one.at)).collect();
    let at = Offset::new;
    assert_eq!(definitions, [(at(5, 1), 40), (at(1, 2), 11), (at(6, 0), 60)]);
}

#[test]
fn what_is_not_asked_for_is_led_by_no_definition() {
    let from = Some(ResolvedBound::Sequence(5));
    assert_eq!(shown(from, None, &Filter::of_kinds([Kind::Trade])), ["5.0 Trade 30"]);
    let risk = Filter { writers: [Writer::Risk].into(), ..Filter::default() };
    assert_eq!(shown(Some(ResolvedBound::Sequence(2)), None, &risk), ["4.0 OrderApproved 30"]);
    assert!(shown(Some(ResolvedBound::Time(61)), None, &Filter::market()).is_empty(), "nothing there needs one");
}

#[test]
fn a_time_range_goes_by_the_markets_time_alone() {
    let within = shown(Some(ResolvedBound::Time(20)), Some(ResolvedBound::Time(30)), &Filter::default());
    let facts: Vec<_> = within.iter().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(facts, ["1.0", "1.2", "2.0", "2.1", "3.0", "4.0", "5.0"]);
}
