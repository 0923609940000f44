//! The names that the machines are built with: what control accepts is pinned with its `LOGIC`, and a build with one
//! more strategy, check and parameter decides on a tape written before as the build that wrote it.

use tapedeck_control::{AMOUNT_MAX, Control, WEIGHT_MAX};
use tapedeck_kernel::testing::{MS, Stepper, fact};
use tapedeck_kernel::{CommandEntry, Decided, Fact, Machine};
use tapedeck_risk::Risk;
use tapedeck_risk::checks::{CHECKS, Check, OrderContext};
use tapedeck_schemas::command::{Command, Request};
use tapedeck_schemas::event::{
    Denial, Event, HaltLevel, InstrumentDefined, Order, PriceDomain, Quote, Scope, TradeIdOrder,
};
use tapedeck_schemas::ids::{InstrumentId, TapeId};
use tapedeck_schemas::number::{Money, Price, Quantity, Ratio};
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::param::ParamSpec;
use tapedeck_schemas::record::{Entry, Writer, encode_entry};
use tapedeck_signal::Signal;
use tapedeck_signal::strategies::{STRATEGIES, Settings, Strategy, StrategySpec};

/// `LOGIC` of control, and the digest of the names and ranges that it accepts, for every list so far.
///
/// Control refuses a name that it does not know, so with another list it decides differently on some command. If the
/// list changes, increment `LOGIC` in `actors/control/src/lib.rs` and append a line here. A text about a parameter is
/// not in the digest: rewording help needs neither.
const ACCEPTED: &[(u32, &str)] = &[
    (3, "7fc5d62b85f55d006ddcb0f5153946fd466a6809079a248f3287a02d30305957"),
    (4, "e0a8eb40eca58de0c9402a67093a97465cdf0f433de46345d15d41af26691c16"),
];

#[test]
fn what_control_accepts_is_pinned_with_its_logic() {
    let mut list = format!("weights to {WEIGHT_MAX}, amounts to {AMOUNT_MAX}\n");
    for spec in tapedeck_groups::params() {
        list += &format!("{} {} to {}\n", spec.name, spec.min, spec.max);
    }
    for strategy in tapedeck_groups::strategies() {
        list += &format!("{strategy}\n");
    }
    let digest = blake3::hash(list.as_bytes()).to_hex();
    let (logic, pinned) = ACCEPTED[ACCEPTED.len() - 1];
    assert_eq!(digest.as_str(), pinned, "control accepts other names or ranges: increment LOGIC, append a line");
    assert_eq!(Control::LOGIC, logic, "the last line is for another LOGIC");
    assert!(ACCEPTED.is_sorted_by(|earlier, later| earlier.0 < later.0), "a LOGIC accepts one list");
}

const fn spec(name: &'static str) -> ParamSpec {
    let max = Ratio::whole(1_000_000_000);
    ParamSpec { name, unit: "lots", about: "added", default: max, min: Ratio::ZERO, max }
}

/// A strategy that always wants to be short: it would turn every signal, if it ran.
#[derive(Debug, Clone)]
struct Bearish;

impl Strategy for Bearish {
    fn update(&mut self, _mid: f64, _settings: &Settings<'_>) {}
    fn score(&self) -> Option<f64> {
        Some(-1.0)
    }
    fn save(&self) -> Vec<u8> {
        Vec::new()
    }
    fn boxed_clone(&self) -> Box<dyn Strategy> {
        Box::new(self.clone())
    }
}

/// A check whose limit no order of the script reaches.
#[derive(Debug)]
struct MaxQuantity;

const MAX_QUANTITY: ParamSpec = spec("risk.max_quantity");

impl Check for MaxQuantity {
    fn name(&self) -> &'static str {
        "max_quantity"
    }
    fn params(&self) -> &'static [ParamSpec] {
        &[MAX_QUANTITY]
    }
    fn check(&self, context: &OrderContext<'_>, order: &Order) -> Result<(), Denial> {
        let quantity = Ratio::of(order.quantity.units(), Quantity::ONE);
        context.at_most(self, &MAX_QUANTITY, order, quantity)
    }
}

/// Each list with one more, before and among the others.
static MORE_STRATEGIES: &[StrategySpec] = &[
    StrategySpec {
        name: "bearish",
        params: &[spec("signal.bearish.pace")],
        start: || Box::new(Bearish),
        restore: |_| Ok(Box::new(Bearish)),
    },
    STRATEGIES[0],
    STRATEGIES[1],
];
static MORE_CHECKS: &[&dyn Check] = &[&MaxQuantity, CHECKS[0], CHECKS[1], CHECKS[2], CHECKS[3], CHECKS[4], CHECKS[5]];

const TAPE: TapeId = TapeId([4; 16]);

fn instrument() -> InstrumentId {
    "sim.X".parse().unwrap()
}

fn command(seq: u64, request: Request) -> CommandEntry {
    let subject = format!("cmd.0.{}", request.verb()).as_str().into();
    let command = Command { id: None, by: "ann".into(), reason: "r".into(), request };
    CommandEntry { subject, stamp: seq, command: Ok(command) }
}

fn limits(name: &str, value: &str) -> Request {
    Request::Limits { scope: Scope::All, values: vec![(name.into(), value.parse().unwrap())] }
}

fn weights(name: &str, weight: &str) -> Request {
    Request::Weights { weights: vec![(name.parse().unwrap(), weight.parse().unwrap())] }
}

/// Accepted and refused requests, some of them about names that no build knows.
fn commands() -> Vec<CommandEntry> {
    let requests = [
        limits("signal.ewma.slow", "16"),
        limits("signal.ewma.fast", "4"),
        limits("signal.zscore.window", "8"),
        weights("ewma", "1"),
        weights("nothing", "1"),
        weights("zscore", "1001"),
        weights("zscore", "0.5"),
        limits("risk.nothing", "1"),
        limits("risk.max_loss", "-1"),
        limits("risk.max_order_notional", "3000"),
        Request::Halt { scope: Scope::All, level: HaltLevel::Reducing },
        Request::Resume { scope: Scope::All },
    ];
    (1..).zip(requests).map(|(seq, request)| command(seq, request)).collect()
}

fn quote(at_ms: u64, mid: i64) -> Fact {
    let event = Quote {
        instrument: instrument(),
        bid: Some(Price::whole(mid - 1)),
        bid_size: Quantity::whole(1),
        ask: Some(Price::whole(mid + 1)),
        ask_size: Quantity::whole(1),
        ts_recv: at_ms * MS,
        ts_event: None,
        update_id: None,
    };
    fact(Writer::Ingest, at_ms, event)
}

/// The definition of the instrument, and a market that rises and falls, with the facts of control on the way.
fn inputs(control: Vec<Event>) -> Vec<Fact> {
    let event = InstrumentDefined {
        instrument: instrument(),
        base: "X".parse().unwrap(),
        quote: "USD".parse().unwrap(),
        tick_size: Price::whole(1),
        lot_size: "0.001".parse().unwrap(),
        min_notional: Money::whole(1),
        bars: Vec::new(),
        prices: PriceDomain::Positive,
        trade_ids: TradeIdOrder::Any,
        sources: Vec::new(),
        calendar: None,
        ts_recv: 1,
        ts_event: None,
    };
    let mut facts = vec![fact(Writer::Ingest, 0, event)];
    let mut control = control.into_iter();
    for n in 0..600u64 {
        if n % 30 == 20 {
            facts.extend(control.next().map(|event| fact(Writer::Control, 1, event)));
        }
        let wave = if (n / 60) % 2 == 0 { n % 60 } else { 60 - n % 60 };
        facts.push(quote(1_000 + n * 100, 1_000 + wave as i64));
    }
    facts
}

/// The decisions on each input, as they are recorded.
fn decide<M: Machine>(machine: &mut Stepper<M>, at: u64, input: &M::Input) -> (Vec<Event>, Vec<u8>) {
    let cause = Offset::new(at, 0);
    let (Decided { events, at }, mut bytes) = (machine.step(cause, input), Vec::new());
    for (index, event) in (0..).zip(&events) {
        encode_entry(&Entry { cause, index, at, event: event.clone() }, &mut bytes);
    }
    (events, bytes)
}

/// A tape, in the order of reading: what signal and risk read, and the bytes that each decided on it.
#[derive(Default)]
struct Written {
    control: Vec<Vec<u8>>,
    inputs: Vec<Fact>,
    signal: Vec<Vec<u8>>,
    risk: Vec<Vec<u8>>,
    decided: Vec<Event>,
}

/// Writes a tape with the machines of this build.
fn write() -> Written {
    let mut tape = Written::default();
    let mut control = Stepper::new(Control::new(tapedeck_groups::params(), tapedeck_groups::strategies()));
    let mut of_control = Vec::new();
    for (seq, entry) in (1..).zip(commands()) {
        let (events, bytes) = decide(&mut control, seq, &entry);
        of_control.extend(events);
        tape.control.push(bytes);
    }
    let (mut signal, mut risk) = (Stepper::new(Signal::new(0)), Stepper::new(Risk::new(TAPE, 0)));
    for input in inputs(of_control) {
        let (raised, bytes) = decide(&mut signal, tape.inputs.len() as u64 + 1, &input);
        let signals: Vec<_> =
            raised.into_iter().map(|event| Fact { writer: Writer::Signal, at: input.at, event }).collect();
        tape.signal.push(bytes);
        for fact in std::iter::once(input).chain(signals) {
            let (events, bytes) = decide(&mut risk, tape.inputs.len() as u64 + 1, &fact);
            tape.risk.push(bytes);
            tape.decided.extend(events);
            // Signal reads no signals: it decides nothing on them.
            tape.signal.resize(tape.risk.len(), Vec::new());
            tape.inputs.push(fact);
        }
    }
    tape
}

#[test]
fn a_tape_written_before_is_decided_alike_with_one_more_strategy_check_and_parameter() {
    let tape = write();
    let kinds = |name: &str| tape.decided.iter().filter(|event| event.kind().name() == name).count();
    let counts = ["OrderApproved", "OrderDenied", "RiskStateChanged"].map(kinds);
    assert!(counts.iter().all(|count| *count > 0), "the script shows too little: {counts:?}");
    let specs = [&[MAX_QUANTITY, spec("risk.added"), spec("signal.bearish.pace")], &tapedeck_groups::params()[..]];
    let strategies = MORE_STRATEGIES.iter().map(|strategy| strategy.name.parse().unwrap());
    let mut control = Stepper::new(Control::new(specs.concat(), strategies.collect()));
    for (seq, (entry, written)) in (1..).zip(commands().iter().zip(&tape.control)) {
        assert_eq!(decide(&mut control, seq, entry).1, *written, "control on command {seq}");
    }
    let mut signal = Stepper::new(Signal::with_strategies(0, MORE_STRATEGIES));
    let mut risk = Stepper::new(Risk::with_checks(TAPE, 0, MORE_CHECKS));
    for (seq, (input, written)) in (1..).zip(tape.inputs.iter().zip(tape.signal.iter().zip(&tape.risk))) {
        if input.writer != Writer::Signal {
            assert_eq!(decide(&mut signal, seq, input).1, *written.0, "signal on input {seq}");
        }
        assert_eq!(decide(&mut risk, seq, input).1, *written.1, "risk on input {seq}");
    }
}

#[test]
fn an_added_strategy_trades_once_a_fact_weighs_it_and_an_added_check_denies_over_its_limit() {
    let added = [limits("risk.max_quantity", "1"), weights("bearish", "1")];
    let specs = [&[MAX_QUANTITY], &tapedeck_groups::params()[..]].concat();
    let mut control = Stepper::new(Control::new(specs, vec!["bearish".parse().unwrap()]));
    let facts = (1..).zip(added).flat_map(|(seq, request)| decide(&mut control, seq, &command(seq, request)).0);
    let mut signal = Stepper::new(Signal::with_strategies(0, MORE_STRATEGIES));
    let mut risk = Stepper::new(Risk::with_checks(TAPE, 0, MORE_CHECKS));
    let mut denied = Vec::new();
    for (seq, input) in (1..).zip(inputs(facts.collect())) {
        decide(&mut risk, 2 * seq, &input);
        for event in decide(&mut signal, seq, &input).0 {
            let raised = Fact { writer: Writer::Signal, at: input.at, event };
            denied.extend(decide(&mut risk, 2 * seq + 1, &raised).0);
        }
    }
    let by_check = |event: &Event| match event {
        Event::OrderDenied(fact) => {
            matches!(&fact.denial, Denial::OverLimit { check, .. } if check.as_str() == "max_quantity")
        }
        _ => false,
    };
    assert!(denied.iter().any(by_check), "{denied:?}");
}
