//! The risk machine: decides `OrderApproved` or `OrderDenied` from signals, and the risk state of the account.
//!
//! [`sizing`] turns a signal into a [`gate::Proposed`] order, [`gate`] evaluates every check of [`checks::CHECKS`] on
//! it, and only an order that passed all of them can become `OrderApproved`. [`risk_state`] keeps the risk state.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tapedeck_kernel::recent::RecentIds;
use tapedeck_kernel::state::{self, BadState};
use tapedeck_kernel::{Cause, Fact, Machine, Out, Reads};
use tapedeck_schemas::event::{Event, OrderFilled, Quote, RiskStateChanged, SignalRaised, Trade};
use tapedeck_schemas::generation::Lineage;
use tapedeck_schemas::ids::{AccountId, FillId, InstrumentId, OrderId};
use tapedeck_schemas::offset::TapeTime;
use tapedeck_schemas::param::{ParamSpec, Params};
use tapedeck_schemas::record::Writer;

pub mod checks;
pub mod exposure;
pub mod gate;
pub mod open;
pub mod risk_state;
pub mod sizing;

use checks::{Check, OrderContext};
use exposure::Exposure;
use open::OpenOrders;
use risk_state::RiskStates;
use sizing::SizingRequest;

/// Every parameter and limit of this machine and its checks.
pub fn params() -> Vec<ParamSpec> {
    let own = sizing::PARAMS.iter().chain(risk_state::PARAMS);
    own.chain(checks::CHECKS.iter().flat_map(|check| check.params())).copied().collect()
}

/// The risk machine of one partition and its one account.
#[derive(Debug, Clone)]
pub struct Risk {
    /// The checks that an order must pass, in the order of evaluation.
    checks: &'static [&'static dyn Check],
    tape: Lineage,
    account: AccountId,
    state: RiskMachineState,
}

/// What changes between inputs.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct RiskMachineState {
    params: Params,
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
        Self { checks, tape: tape.into(), account: AccountId::simulated(partition), state: RiskMachineState::default() }
    }

    fn exposure(&mut self, instrument: InstrumentId) -> &mut Exposure {
        self.state.exposures.entry(instrument).or_default()
    }

    fn observe_fill(&mut self, fill: &OrderFilled) {
        if !self.state.fills.insert(fill.fill) {
            return;
        }
        // A fill changes the position even if its order is closed.
        self.exposure(fill.instrument).fill(fill);
        self.state.open.fill(&fill.order, fill.quantity);
    }

    /// Sizes a signal and checks the order; decides nothing if there is nothing to trade.
    fn evaluate(&self, cause: Cause, signal_cause_time: TapeTime, signal: &SignalRaised, out: &mut Out) {
        let at = cause.offset;
        let Some(exposure) = self.state.exposures.get(&signal.instrument) else { return };
        let open = self.state.open.of(&signal.instrument);
        let index = u32::try_from(out.len()).unwrap_or(u32::MAX);
        let id = OrderId::derive(&self.tape, at, Writer::Risk, index);
        let request = SizingRequest { signal, at, id };
        let Some(proposed) = sizing::size(&request, exposure, open, &self.state.params) else { return };
        let context = OrderContext {
            now: cause.now,
            signal_cause_time,
            restriction: self.state.states.restriction(&signal.instrument),
            quote: exposure.quote(),
            mark: exposure.mark(),
            position: exposure.position(),
            open,
            params: &self.state.params,
        };
        match gate::evaluate(proposed, &context, self.checks) {
            Ok(approved) => out.push(approved),
            Err(denied) => out.push(denied),
        }
    }

    fn evaluate_state(&self, fact: &Fact, out: &mut Out) {
        if let Some((from, to, reason)) = self.state.states.due(&fact.event) {
            out.push(RiskStateChanged { account: self.account, from, to, reason });
        }
    }
}

impl Machine for Risk {
    type Input = Fact;
    type Observed = ();
    const WRITER: Writer = Writer::Risk;
    const LOGIC: u32 = 6;
    const STATE: u32 = 4;

    fn reads() -> Reads {
        Reads::Tape(&[Writer::Ingest, Writer::Control, Writer::Signal, Writer::Execution, Writer::Paper])
    }

    fn observe(&mut self, _cause: Cause, fact: &Fact) {
        let state = &mut self.state;
        match &fact.event {
            Event::LimitsSet(limits) => state.params.apply(limits),
            Event::InstrumentDefined(terms) => self.exposure(terms.instrument).define(terms),
            Event::Quote(Quote { instrument, .. }) | Event::Trade(Trade { instrument, .. })
                if !fact.is_late(&state.params) =>
            {
                state.exposures.entry(*instrument).or_default().observe_market(fact, &state.params);
            }
            Event::OrderFilled(fill) => self.observe_fill(fill),
            Event::OrderStatusChanged(change) if change.to.is_terminal() => state.open.close(&change.order),
            Event::TradingHalted(halt) => state.states.halt(halt.scope, halt.level),
            Event::TradingResumed(resume) => state.states.resume(resume.scope, &state.exposures),
            Event::ClockAdvanced(_) => state.states.measure(&state.exposures, &state.params),
            _ => {}
        }
    }

    fn decide(&self, cause: Cause, fact: &Fact, _observed: &(), out: &mut Out) {
        match &fact.event {
            Event::SignalRaised(signal) => self.evaluate(cause, fact.at, signal, out),
            Event::ClockAdvanced(_) | Event::TradingHalted(_) | Event::TradingResumed(_) => {
                self.evaluate_state(fact, out)
            }
            _ => {}
        }
    }

    fn apply(&mut self, _cause: Cause, _observed: &(), own: &Event) {
        match own {
            Event::OrderApproved(approved) => self.state.open.add(&approved.order),
            Event::RiskStateChanged(change) => self.state.states.announced(change.to),
            _ => {}
        }
    }

    fn save(&self) -> Vec<u8> {
        state::encode(&self.state)
    }

    fn restore(&self, saved: &[u8]) -> Result<Self, BadState> {
        Ok(Self { state: state::decode(saved)?, ..self.clone() })
    }
}
