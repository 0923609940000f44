//! The signal machine: decides `SignalRaised` from quotes. No orders, no positions, no limits live here.
//!
//! The mid of each instrument is sampled in tape time, and every strategy that a `WeightsSet` fact names is updated
//! with it. The scores are combined by weight, and a signal is raised when the combined target has moved enough. A
//! strategy without a fact is not run: a build with one more strategy decides as before.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use tapedeck_kernel::{Fact, Machine, Out, Reads, TapeContext};
use tapedeck_schemas::event::{Event, Quote, SignalRaised, WeightsSet};
use tapedeck_schemas::ids::{AccountId, InstrumentId, StrategyId};
use tapedeck_schemas::number::Ratio;
use tapedeck_schemas::offset::{Offset, TapeTime};
use tapedeck_schemas::param::ParamSpec;
use tapedeck_schemas::record::Writer;

pub mod combine;
mod instrument;
pub mod strategies;

use combine::rounded;
use instrument::InstrumentSignals;
use strategies::{STRATEGIES, Settings, StrategySpec};

/// The strategy named in a signal: the weighted combination of all strategies.
pub const BLEND: &str = "blend";

/// Least move of the combined target that raises a signal.
pub const THRESHOLD: ParamSpec = ParamSpec {
    name: "signal.threshold",
    unit: "fraction",
    about: "least move of the combined target, from that of the last signal, that raises a signal",
    default: Ratio::saturating_from_units(Ratio::ONE / 4),
    min: Ratio::saturating_from_units(Ratio::ONE / 10_000),
    max: Ratio::whole(2),
};
/// Least time between signals of one instrument.
pub const MIN_INTERVAL_MS: ParamSpec = ParamSpec {
    name: "signal.min_interval_ms",
    unit: "ms",
    about: "least tape time between two signals of one instrument",
    default: Ratio::whole(250),
    min: Ratio::ZERO,
    max: Ratio::whole(86_400_000),
};
/// Least time between samples of one instrument.
pub const SAMPLE_MS: ParamSpec = ParamSpec {
    name: "signal.sample_ms",
    unit: "ms",
    about: "least tape time between two samples of one instrument's mid, so that bursts do not dominate",
    default: Ratio::whole(50),
    min: Ratio::ZERO,
    max: Ratio::whole(86_400_000),
};

/// Every parameter of this machine and its strategies.
pub fn params() -> Vec<ParamSpec> {
    params_with(STRATEGIES)
}

/// Every parameter of this machine, if it has these strategies.
fn params_with(strategies: &[StrategySpec]) -> Vec<ParamSpec> {
    let own = [THRESHOLD, MIN_INTERVAL_MS, SAMPLE_MS];
    own.into_iter().chain(strategies.iter().flat_map(|strategy| strategy.params).copied()).collect()
}

/// The name of every strategy that can be weighted.
pub fn strategies() -> Vec<StrategyId> {
    STRATEGIES.iter().filter_map(|strategy| strategy.name.parse().ok()).collect()
}

/// The signal machine of one partition.
#[derive(Debug, Clone)]
pub struct Signal {
    account: AccountId,
    blend: StrategyId,
    /// The strategies that the machine can run.
    strategies: &'static [StrategySpec],
    /// Their ids, in the same order, with the weights in force; `None` without a fact that sets one.
    weights: Vec<(StrategyId, Option<Ratio>)>,
    context: TapeContext,
    instruments: BTreeMap<InstrumentId, InstrumentSignals>,
}

impl Signal {
    /// The initial state for a partition, with every strategy of [`STRATEGIES`]; none has a weight.
    pub fn new(partition: u16) -> Self {
        Self::with_strategies(partition, STRATEGIES)
    }

    /// The initial state for a partition, with these strategies; none has a weight.
    pub fn with_strategies(partition: u16, strategies: &'static [StrategySpec]) -> Self {
        let name = |text: &str| text.parse::<StrategyId>().expect("a fixed short name");
        let weights = strategies.iter().map(|strategy| (name(strategy.name), None)).collect();
        let account = AccountId::simulated(partition);
        let (context, instruments) = (TapeContext::default(), BTreeMap::new());
        Self { account, blend: name(BLEND), strategies, weights, context, instruments }
    }

    fn observe_quote(&mut self, quote: &Quote) {
        let mid = mid(quote);
        if mid <= 0.0 {
            return;
        }
        let settings = Settings::new(&self.context.params, quote.instrument);
        let interval = self.context.params.get(&SAMPLE_MS, &quote.instrument).milliseconds_to_ns();
        let weighted = self.strategies.iter().zip(&self.weights).filter(|(_, (_, weight))| weight.is_some());
        let running = weighted.map(|(strategy, (name, _))| (*name, strategy));
        let signals = self.instruments.entry(quote.instrument).or_default();
        signals.sample(mid, self.context.now, interval, &settings, running);
    }

    fn observe_weights(&mut self, fact: &WeightsSet) {
        for (strategy, weight) in &fact.weights {
            if let Some(known) = self.weights.iter_mut().find(|(known, _)| known == strategy) {
                known.1 = Some(*weight);
            }
        }
    }

    fn evaluate(&self, quote: &Quote) -> Option<SignalRaised> {
        let signals = self.instruments.get(&quote.instrument)?;
        let min_interval = self.context.params.get(&MIN_INTERVAL_MS, &quote.instrument).milliseconds_to_ns();
        if !signals.may_raise(self.context.now, min_interval) {
            return None;
        }
        let weighted = || self.weights.iter().filter_map(|(name, weight)| Some((*name, (*weight)?)));
        let warm = || weighted().filter_map(|(name, weight)| Some((name, signals.score(&name)?, weight)));
        let combined = combine::combine(warm().map(|(_, score, weight)| (score, weight)))?;
        let threshold = self.context.params.in_force(&THRESHOLD, &quote.instrument);
        if !signals.has_moved(combined.target, threshold) {
            return None;
        }
        Some(SignalRaised {
            account: self.account,
            strategy: self.blend,
            instrument: quote.instrument,
            target: combined.target,
            confidence: combined.confidence,
            reasons: warm().map(|(name, score, weight)| (name, rounded(score), weight)).collect(),
        })
    }
}

impl Machine for Signal {
    type Input = Fact;
    const WRITER: Writer = Writer::Signal;
    const LOGIC: u32 = 2;

    fn reads() -> Reads {
        Reads::Tape(&[Writer::Ingest, Writer::Control])
    }

    fn observe(&mut self, _at: Offset, fact: &Fact) {
        let strategies = self.strategies;
        self.context.observe(fact, || params_with(strategies));
        match &fact.event {
            Event::Quote(quote) => self.observe_quote(quote),
            Event::WeightsSet(weights) => self.observe_weights(weights),
            _ => {}
        }
    }

    fn decide(&self, _at: Offset, fact: &Fact, out: &mut Out) {
        if let Event::Quote(quote) = &fact.event
            && let Some(signal) = self.evaluate(quote)
        {
            out.push(signal);
        }
    }

    fn apply(&mut self, _cause: Offset, own: &Event) {
        if let Event::SignalRaised(signal) = own {
            self.instruments.entry(signal.instrument).or_default().raised(signal.target, self.context.now);
        }
    }

    fn time(&self, fact: &Fact) -> TapeTime {
        self.context.time(fact)
    }
}

/// The mid as a float, for statistics only; 0 when either side of the quote is not above zero.
fn mid(quote: &Quote) -> f64 {
    let usable = quote.bid.is_positive() && quote.ask.is_positive();
    if usable { (quote.bid.to_f64() + quote.ask.to_f64()) * 0.5 } else { 0.0 }
}
