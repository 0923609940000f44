//! The risk machine: signals in, `OrderApproved` or `OrderDenied` out, and the ladder. No strategy or venue lives here.
//!
//! The way of a signal: [`sizing`] makes a [`gate::Proposed`] order of it, [`gate`] puts that through every check of
//! [`checks::CHECKS`], and only an order that passed them all can become `OrderApproved`.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use tapedeck_kernel::recent::RecentIds;
use tapedeck_kernel::{Fact, Machine, Out, Reads};
use tapedeck_schemas::event::{Event, OrderFilled, RiskStateChanged, SignalRaised};
use tapedeck_schemas::ids::{AccountId, FillId, InstrumentId, OrderId, TapeId};
use tapedeck_schemas::offset::{Offset, TapeTime};
use tapedeck_schemas::param::{ParamSpec, Params};
use tapedeck_schemas::record::Writer;

pub mod checks;
pub mod exposure;
pub mod gate;
pub mod ladder;
pub mod open;
pub mod sizing;

use checks::OrderContext;
use exposure::Exposure;
use ladder::Ladder;
use open::OpenOrders;
use sizing::SizingRequest;

/// Every parameter and limit of this machine and its checks.
pub fn params() -> Vec<ParamSpec> {
    let own = sizing::PARAMS.iter().chain(ladder::PARAMS);
    own.chain(checks::CHECKS.iter().flat_map(|check| check.params())).copied().collect()
}

/// The risk machine of one partition and its one account.
#[derive(Debug, Clone)]
pub struct Risk {
    tape: TapeId,
    account: AccountId,
    /// Running maximum of ingest's `at`.
    now: TapeTime,
    params: Params,
    exposures: BTreeMap<InstrumentId, Exposure>,
    open: OpenOrders,
    ladder: Ladder,
    fills: RecentIds<FillId>,
}

impl Risk {
    /// That of a partition's tape, having seen nothing.
    pub fn new(tape: TapeId, partition: u16) -> Self {
        let account = AccountId::simulated(partition);
        let (params, exposures) = (Params::default(), BTreeMap::new());
        let (open, ladder, fills) = (OpenOrders::default(), Ladder::default(), RecentIds::default());
        Self { tape, account, now: 0, params, exposures, open, ladder, fills }
    }

    fn exposure(&mut self, instrument: InstrumentId) -> &mut Exposure {
        self.exposures.entry(instrument).or_default()
    }

    fn observe_fill(&mut self, fill: &OrderFilled) {
        if !self.fills.insert(fill.fill) {
            return;
        }
        // The position moves whatever became of the order: a fill that comes late is a fill.
        self.exposure(fill.instrument).fill(fill);
        self.open.fill(&fill.order, fill.quantity);
    }

    /// Sizes a signal and puts the order through the gate; silent when there is nothing to trade.
    fn evaluate(&self, at: Offset, raised_at: TapeTime, signal: &SignalRaised, out: &mut Out) {
        let Some(exposure) = self.exposures.get(&signal.instrument) else { return };
        let open = self.open.of(&signal.instrument);
        let index = u32::try_from(out.len()).unwrap_or(u32::MAX);
        let id = OrderId::derive(self.tape, at, Writer::Risk, index);
        let wanted = SizingRequest { signal, at, id };
        let Some(proposed) = sizing::size(&wanted, exposure, open, &self.params) else { return };
        let view = OrderContext {
            now: self.now,
            decided_at: raised_at,
            state: self.ladder.state_for(&signal.instrument),
            quote: exposure.quote(),
            position: exposure.position(),
            open,
            params: &self.params,
        };
        match gate::evaluate(proposed, &view) {
            Ok(approved) => out.push(approved),
            Err(denied) => out.push(denied),
        }
    }

    fn evaluate_ladder(&self, fact: &Fact, out: &mut Out) {
        if let Some((from, to, reason)) = self.ladder.due(&fact.event) {
            out.push(RiskStateChanged { account: self.account, from, to, reason });
        }
    }
}

impl Machine for Risk {
    type Input = Fact;
    const WRITER: Writer = Writer::Risk;
    const LOGIC: u32 = 2;

    fn reads() -> Reads {
        Reads::Tape(&[Writer::Ingest, Writer::Control, Writer::Signal, Writer::Execution, Writer::Paper])
    }

    fn observe(&mut self, _at: Offset, fact: &Fact) {
        if fact.writer == Writer::Ingest {
            self.now = self.now.max(fact.at);
        }
        match &fact.event {
            Event::InstrumentDefined(terms) => self.exposure(terms.instrument).define(terms),
            Event::Quote(quote) => {
                let now = self.now;
                self.exposure(quote.instrument).observe_quote(quote, now);
            }
            Event::OrderFilled(fill) => self.observe_fill(fill),
            Event::OrderStatusChanged(change) if change.to.is_terminal() => self.open.close(&change.order),
            Event::LimitsSet(limits) => self.params.apply(&params(), limits),
            Event::TradingHalted(halt) => self.ladder.halt(halt.scope, halt.level),
            Event::TradingResumed(resume) => self.ladder.resume(resume.scope, &self.exposures),
            Event::ClockAdvanced(_) => self.ladder.measure(&self.exposures, &self.params),
            _ => {}
        }
    }

    fn decide(&self, at: Offset, fact: &Fact, out: &mut Out) {
        match &fact.event {
            Event::SignalRaised(signal) => self.evaluate(at, fact.at, signal, out),
            Event::ClockAdvanced(_) | Event::TradingHalted(_) | Event::TradingResumed(_) => {
                self.evaluate_ladder(fact, out)
            }
            _ => {}
        }
    }

    fn apply(&mut self, _cause: Offset, own: &Event) {
        match own {
            Event::OrderApproved(approved) => self.open.add(&approved.order),
            Event::RiskStateChanged(change) => self.ladder.announced(change.to),
            _ => {}
        }
    }

    fn time(&self, fact: &Fact) -> TapeTime {
        // Control's `at` is the broker's clock, which is not tape time.
        if fact.writer == Writer::Control { self.now } else { fact.at }
    }
}
