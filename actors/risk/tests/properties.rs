//! For any sequence of facts, no approval breaks a limit, and recorded facts rebuild the state.

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::*;
use proptest::prelude::*;
use tapedeck_kernel::Fact;
use tapedeck_kernel::testing::{Stepper, assert_decisions, run_and_follow};
use tapedeck_schemas::event::{Event, HaltLevel, Order, OrderStatus, Scope, Side};
use tapedeck_schemas::ids::FillId;
use tapedeck_schemas::number::{Money, Price, Quantity, Ratio};
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::Writer;

const SYMBOLS: [&str; 2] = ["X", "Y"];

/// A step of a scenario; `order` picks one of the orders approved so far.
#[derive(Debug, Clone)]
enum Action {
    Quote { symbol: usize, bid: i64, spread: i64 },
    Signal { symbol: usize, target: i64, confidence: i64, late_ms: u64 },
    Fill { order: usize, share: u32 },
    Finish { order: usize },
    Wait { ms: u64 },
    Halt { symbol: Option<usize>, halted: bool },
    Resume { symbol: Option<usize> },
    Limit { name: usize, value: i64 },
}

fn any_action() -> impl Strategy<Value = Action> {
    let symbol = 0usize..2;
    let scope = || prop::option::of(0usize..2);
    prop_oneof![
        8 => (symbol.clone(), 5_000i64..15_000, 1i64..9)
            .prop_map(|(symbol, bid, spread)| Action::Quote { symbol, bid, spread }),
        12 => (symbol, -1_100i64..1_100, 0i64..1_000, 0u64..60)
            .prop_map(|(symbol, target, confidence, late_ms)| Action::Signal { symbol, target, confidence, late_ms }),
        8 => (any::<usize>(), 1u32..=5).prop_map(|(order, share)| Action::Fill { order, share }),
        4 => any::<usize>().prop_map(|order| Action::Finish { order }),
        3 => (0u64..3_000).prop_map(|ms| Action::Wait { ms }),
        1 => (scope(), any::<bool>()).prop_map(|(symbol, halted)| Action::Halt { symbol, halted }),
        2 => scope().prop_map(|symbol| Action::Resume { symbol }),
        1 => (0usize..3, 1i64..30_000).prop_map(|(name, value)| Action::Limit { name, value }),
    ]
}

/// A reference model of the state of risk.
#[derive(Default)]
struct Model {
    now_ms: u64,
    quotes: BTreeMap<usize, (Price, Price)>,
    orders: Vec<(Order, Quantity, bool)>,
    position: BTreeMap<String, Quantity>,
    limits: BTreeMap<&'static str, Ratio>,
    halts: BTreeMap<Option<usize>, HaltLevel>,
}

impl Model {
    fn limit(&self, name: &'static str, default: i64) -> Ratio {
        self.limits.get(name).copied().unwrap_or(Ratio::whole(default))
    }

    /// Applies an action to the model; returns its fact, or `None` if it picks an order and there is none.
    fn apply(&mut self, action: &Action) -> Option<Fact> {
        let scope = |symbol: &Option<usize>| symbol.map_or(Scope::All, |s| Scope::Instrument(instrument(SYMBOLS[s])));
        Some(match action {
            Action::Quote { symbol, bid, spread } => {
                let cents = |n: i64| Price::saturating_from_units(i128::from(n) * Price::ONE / 100);
                let (bid, ask) = (cents(*bid), cents(bid + spread));
                self.quotes.insert(*symbol, (bid, ask));
                quote_of(SYMBOLS[*symbol], self.now_ms, bid, ask)
            }
            Action::Signal { symbol, target, confidence, late_ms } => {
                let thousandths = |n: i64| Ratio::saturating_from_units(i128::from(n) * Ratio::ONE / 1_000).to_string();
                let at = self.now_ms.saturating_sub(late_ms * 50);
                signal(SYMBOLS[*symbol], at, &thousandths(*target), &thousandths(*confidence))
            }
            Action::Fill { order, share } => {
                let (order, left, _) = pick(&mut self.orders, *order)?;
                let lot = "0.001".parse().unwrap();
                let quantity = Quantity::saturating_from_units(left.units() * i128::from(*share) / 5).truncate_to(lot);
                *left -= quantity;
                *self.position.entry(order.instrument.to_string()).or_default() += order.side.signed(quantity);
                fact(Writer::Paper, self.now_ms, fill(order, quantity))
            }
            Action::Finish { order } => {
                let (order, _, open) = pick(&mut self.orders, *order)?;
                *open = false;
                status(self.now_ms, order, OrderStatus::Canceled)
            }
            Action::Wait { ms } => {
                self.now_ms += ms;
                clock(self.now_ms)
            }
            Action::Halt { symbol, halted } => {
                let level = if *halted { HaltLevel::Halted } else { HaltLevel::Reducing };
                let held = self.halts.entry(*symbol).or_insert(level);
                *held = level.max(*held);
                halt(scope(symbol), level)
            }
            Action::Resume { symbol } => {
                self.halts.remove(symbol);
                resume(scope(symbol))
            }
            Action::Limit { name, value } => {
                let name = ["risk.max_position", "risk.max_order_notional", "risk.target_notional"][*name];
                self.limits.insert(name, Ratio::whole(*value));
                limit(name, &value.to_string())
            }
        })
    }

    fn assert_may_be_approved(&self, order: &Order) {
        let symbol = SYMBOLS.iter().position(|s| instrument(s) == order.instrument).unwrap();
        let held = self.position.get(&order.instrument.to_string()).copied().unwrap_or_default();
        let open =
            self.orders.iter().filter(|(o, _, open)| *open && o.instrument == order.instrument && o.side == order.side);
        let open: Quantity = open.map(|(_, left, _)| *left).sum();
        let worst = held + order.side.signed(open) + order.side.signed(order.quantity);
        let (bid, ask) = self.quotes[&symbol];
        let mid = Price::saturating_from_units((bid.units() + ask.units()) / 2);
        let reduces = match order.side {
            Side::Buy => held.is_negative() && !worst.is_positive(),
            Side::Sell => held.is_positive() && !worst.is_negative(),
        };
        let most = self.limit("risk.max_position", 50_000).to_money().unwrap();
        assert!(reduces || mid.notional(worst.abs()).unwrap() <= most, "{order:?}: worst {worst} at {mid} over {most}");
        let largest = self.limit("risk.max_order_notional", 20_000).to_money().unwrap();
        assert!(order.price.notional(order.quantity).unwrap() <= largest, "{order:?} over {largest}");
        assert!(order.quantity.is_positive() && order.quantity.is_multiple_of("0.001".parse().unwrap()), "{order:?}");
        assert!(order.price.is_positive() && order.price.is_multiple_of("0.01".parse().unwrap()), "{order:?}");
        assert!(
            order.price.notional(order.quantity).unwrap() >= Money::whole(10),
            "{order:?} below the least notional"
        );
        for halt in [self.halts.get(&None), self.halts.get(&Some(symbol))].into_iter().flatten() {
            assert!(*halt == HaltLevel::Reducing && reduces, "{order:?} approved under a halt: {halt}");
        }
    }
}

fn pick(orders: &mut [(Order, Quantity, bool)], n: usize) -> Option<&mut (Order, Quantity, bool)> {
    let count = orders.len();
    (count > 0).then(|| &mut orders[n % count])
}

/// Runs actions on a machine and checks each approval against the model; returns each fact with its decisions.
fn run(harness: &mut Harness, actions: &[Action]) -> Vec<(Offset, Fact, Vec<Event>)> {
    let mut model = Model { now_ms: 1_000, ..Model::default() };
    let mut steps = Vec::new();
    let mut step = |model: &mut Model, fact: Fact| {
        let decided = harness.step(&fact);
        for event in &decided {
            if let Event::OrderApproved(approved) = event {
                model.assert_may_be_approved(&approved.order);
                model.orders.push((approved.order.clone(), approved.order.quantity, true));
            }
        }
        steps.push((Offset::new(harness.seq, 0), fact, decided));
    };
    SYMBOLS.iter().for_each(|symbol| step(&mut model, definition(symbol)));
    for action in actions {
        if let Some(fact) = model.apply(action) {
            step(&mut model, fact);
        }
    }
    steps
}

fn blank() -> Harness {
    Harness { machine: Stepper::new(tapedeck_risk::Risk::new(TAPE, 3)), seq: 0 }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]
    #[test]
    fn no_approval_breaks_a_limit_a_halt_or_a_step_and_the_recorded_decisions_rebuild_the_state(
        actions in prop::collection::vec(any_action(), 1..150),
    ) {
        let facts: Vec<Fact> = run(&mut blank(), &actions).into_iter().map(|(_, fact, _)| fact).collect();
        run_and_follow(|| blank().machine.machine, &facts, |_, _| {});
    }

    #[test]
    fn numbers_at_their_bounds_are_handled(
        numbers in prop::collection::vec((any::<i128>(), any::<i128>(), any::<u64>(), any::<bool>()), 1..20),
    ) {
        let mut harness = Harness::new();
        for (a, b, at, buy) in numbers {
            let (price, quantity) = (Price::saturating_from_units(a), Quantity::saturating_from_units(b));
            harness.step(&quote_of("X", at / MS, price, Price::saturating_from_units(b)));
            let target = Ratio::saturating_from_units(b);
            let raised = signal("X", at / MS, &target.to_string(), &target.to_string());
            harness.step(&raised);
            let mut filled = fill(&Harness::new().approved(&signal("X", 1_000, "1", "1")), quantity);
            (filled.price, filled.fee) = (price, Money::saturating_from_units(a));
            filled.side = if buy { Side::Buy } else { Side::Sell };
            filled.fee_currency = if buy { "USDT" } else { "X" }.parse().unwrap();
            harness.step(&Fact { writer: Writer::Paper, at, event: filled.into() });
            harness.step(&limit_of(Scope::All, "risk.target_notional", Ratio::saturating_from_units(a)));
            harness.step(&limit_of(Scope::All, "risk.max_loss", Ratio::saturating_from_units(b)));
            harness.step(&clock(at / MS));
            harness.step(&resume(Scope::All));
        }
    }
}

/// A fixed pseudo-random sequence of actions.
fn script() -> Vec<Action> {
    let mut state = 5u64;
    let mut next = |bound: u64| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) % bound
    };
    let mut actions = Vec::new();
    for _ in 0..600 {
        let symbol = next(2) as usize;
        actions.push(match next(16) {
            0..5 => Action::Quote { symbol, bid: 9_000 + next(2_000) as i64, spread: 1 + next(5) as i64 },
            5..10 => {
                let (target, confidence) = (next(2_001) as i64 - 1_000, next(1_000) as i64);
                Action::Signal { symbol, target, confidence, late_ms: next(45) }
            }
            10..13 => Action::Fill { order: next(1_000) as usize, share: 1 + next(5) as u32 },
            13 => Action::Finish { order: next(1_000) as usize },
            14 => Action::Wait { ms: next(1_500) },
            _ if next(4) == 0 => Action::Halt { symbol: (symbol == 1).then_some(0), halted: next(2) == 0 },
            _ => Action::Resume { symbol: (symbol == 1).then_some(0) },
        });
    }
    actions.insert(300, Action::Limit { name: 0, value: 9_000 });
    actions.insert(450, Action::Limit { name: 1, value: 5_000 });
    actions
}

#[test]
fn the_decisions_on_a_fixed_script_are_pinned() {
    let (mut facts, mut kinds) = (Vec::new(), BTreeSet::new());
    for (_, mut fact, decided) in run(&mut blank(), &script()) {
        if let Event::OrderFilled(fill) = &mut fact.event {
            // The other tests in this process take ids too.
            fill.fill = FillId::derive(&TAPE.into(), Offset::new(facts.len() as u64, 0), Writer::Paper, 0);
        }
        facts.push(fact);
        kinds.extend(decided.iter().map(|event| match event {
            Event::OrderDenied(denied) => denied_by(&denied.denial),
            other => other.kind().name().into(),
        }));
    }
    let all = ["OrderApproved", "RiskStateChanged", "halted", "max_order_notional", "max_position", "stale_quote"];
    assert!(all.iter().chain(&["stale_decision"]).all(|kind| kinds.contains(*kind)), "the script shows only {kinds:?}");
    let pinned = "5ee435364cc75d687541b1bcf0b0afe4266d0921a52641ee4291763373011215";
    assert_decisions(
        blank().machine.machine,
        &facts,
        pinned,
        "b9a9f4dc58b7a3e553572e5622ad13dcb116b16c12250ec4e7a13e86f5986cfb",
    );
}

#[test]
fn only_the_gate_constructs_an_approval() {
    let mut makers = Vec::new();
    let mut folders = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if std::fs::read_to_string(&path).unwrap().contains("OrderApproved {") {
                makers.push(path.file_name().unwrap().to_string_lossy().into_owned());
            }
        }
    }
    assert_eq!(makers, ["gate.rs"]);
}
