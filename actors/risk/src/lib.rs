//! The risk machine: decides `OrderApproved` or `OrderDenied` from signals, and the risk state of the account.
//!
//! [`sizing`] turns a signal into a [`gate::Proposed`] order, [`gate`] evaluates every check of [`checks::CHECKS`] on
//! it, and only an order that passed all of them can become `OrderApproved`. [`state`] keeps the risk state.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use tapedeck_kernel::recent::RecentIds;
use tapedeck_kernel::{Fact, Machine, Out, Reads, TapeContext};
use tapedeck_schemas::event::{Event, OrderFilled, RiskStateChanged, SignalRaised};
use tapedeck_schemas::generation::Lineage;
use tapedeck_schemas::ids::{AccountId, FillId, InstrumentId, OrderId};
use tapedeck_schemas::offset::{Offset, TapeTime};
use tapedeck_schemas::param::ParamSpec;
use tapedeck_schemas::record::Writer;

pub mod checks;
pub mod exposure;
pub mod gate;
pub mod open;
pub mod sizing;
pub mod state;

use checks::{Check, OrderContext};
use exposure::Exposure;
use open::OpenOrders;
use sizing::SizingRequest;
use state::RiskStates;

/// Every parameter and limit of this machine and its checks.
pub fn params() -> Vec<ParamSpec> {
    params_with(checks::CHECKS)
}

/// Every parameter and limit of this machine, if it has these checks.
fn params_with(checks: &[&dyn Check]) -> Vec<ParamSpec> {
    let own = sizing::PARAMS.iter().chain(state::PARAMS);
    own.chain(checks.iter().flat_map(|check| check.params())).copied().collect()
}

/// The risk machine of one partition and its one account.
#[derive(Debug, Clone)]
pub struct Risk {
    /// The checks that an order must pass, in the order of evaluation.
    checks: &'static [&'static dyn Check],
    tape: Lineage,
    account: AccountId,
    context: TapeContext,
    exposures: BTreeMap<InstrumentId, Exposure>,
    open: OpenOrders,
    states: RiskStates,
    fills: RecentIds<FillId>,
}

impl Risk {
    /// The initial state for a partition and its tape, with every check of [`checks::CHECKS`].
    pub fn new(tape: impl Into<Lineage>, partition: u16) -> Self {
        Self::with_checks(tape, partition, checks::CHECKS)
    }

    /// The initial state for a partition and its tape, with these checks.
    pub fn with_checks(tape: impl Into<Lineage>, partition: u16, checks: &'static [&'static dyn Check]) -> Self {
        let tape = tape.into();
        let account = AccountId::simulated(partition);
        let (context, exposures) = (TapeContext::default(), BTreeMap::new());
        let (open, states, fills) = (OpenOrders::default(), RiskStates::default(), RecentIds::default());
        Self { checks, tape, account, context, exposures, open, states, fills }
    }

    fn exposure(&mut self, instrument: InstrumentId) -> &mut Exposure {
        self.exposures.entry(instrument).or_default()
    }

    fn observe_fill(&mut self, fill: &OrderFilled) {
        if !self.fills.insert(fill.fill) {
            return;
        }
        // A fill changes the position even if its order is closed.
        self.exposure(fill.instrument).fill(fill);
        self.open.fill(&fill.order, fill.quantity);
    }

    /// Sizes a signal and checks the order; decides nothing if there is nothing to trade.
    fn evaluate(&self, at: Offset, signal_cause_time: TapeTime, signal: &SignalRaised, out: &mut Out) {
        let Some(exposure) = self.exposures.get(&signal.instrument) else { return };
        let open = self.open.of(&signal.instrument);
        let index = u32::try_from(out.len()).unwrap_or(u32::MAX);
        let id = OrderId::derive(&self.tape, at, Writer::Risk, index);
        let request = SizingRequest { signal, at, id };
        let Some(proposed) = sizing::size(&request, exposure, open, &self.context.params) else { return };
        let context = OrderContext {
            now: self.context.now,
            signal_cause_time,
            restriction: self.states.restriction(&signal.instrument),
            quote: exposure.quote(),
            position: exposure.position(),
            open,
            params: &self.context.params,
        };
        match gate::evaluate(proposed, &context, self.checks) {
            Ok(approved) => out.push(approved),
            Err(denied) => out.push(denied),
        }
    }

    fn evaluate_state(&self, fact: &Fact, out: &mut Out) {
        if let Some((from, to, reason)) = self.states.due(&fact.event) {
            out.push(RiskStateChanged { account: self.account, from, to, reason });
        }
    }
}

impl Machine for Risk {
    type Input = Fact;
    const WRITER: Writer = Writer::Risk;
    const LOGIC: u32 = 3;

    fn reads() -> Reads {
        Reads::Tape(&[Writer::Ingest, Writer::Control, Writer::Signal, Writer::Execution, Writer::Paper])
    }

    fn observe(&mut self, _at: Offset, fact: &Fact) {
        let checks = self.checks;
        self.context.observe(fact, || params_with(checks));
        match &fact.event {
            Event::InstrumentDefined(terms) => self.exposure(terms.instrument).define(terms),
            Event::Quote(quote) => {
                let now = self.context.now;
                self.exposure(quote.instrument).observe_quote(quote, now);
            }
            Event::OrderFilled(fill) => self.observe_fill(fill),
            Event::OrderStatusChanged(change) if change.to.is_terminal() => self.open.close(&change.order),
            Event::TradingHalted(halt) => self.states.halt(halt.scope, halt.level),
            Event::TradingResumed(resume) => self.states.resume(resume.scope, &self.exposures),
            Event::ClockAdvanced(_) => self.states.measure(&self.exposures, &self.context.params),
            _ => {}
        }
    }

    fn decide(&self, at: Offset, fact: &Fact, out: &mut Out) {
        match &fact.event {
            Event::SignalRaised(signal) => self.evaluate(at, fact.at, signal, out),
            Event::ClockAdvanced(_) | Event::TradingHalted(_) | Event::TradingResumed(_) => {
                self.evaluate_state(fact, out)
            }
            _ => {}
        }
    }

    fn apply(&mut self, _cause: Offset, own: &Event) {
        match own {
            Event::OrderApproved(approved) => self.open.add(&approved.order),
            Event::RiskStateChanged(change) => self.states.announced(change.to),
            _ => {}
        }
    }

    fn time(&self, fact: &Fact) -> TapeTime {
        self.context.time(fact)
    }
}
