//! The signal machine: decides `SignalRaised` from quotes. No orders, no positions, no limits live here.
//!
//! The mid of each instrument is sampled in tape time, and every strategy that a `WeightsSet` fact names is updated
//! with it. The scores are combined by weight, and a signal is raised when the combined target has moved enough. A
//! strategy without a fact is not run: a build with one more strategy decides as before.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use tapedeck_kernel::state::{self, BadState};
use tapedeck_kernel::{Cause, Fact, Machine, Out, Reads};
use tapedeck_schemas::event::{Event, Quote, SignalRaised};
use tapedeck_schemas::ids::{AccountId, InstrumentId, StrategyId};
use tapedeck_schemas::number::Ratio;
use tapedeck_schemas::offset::TapeTime;
use tapedeck_schemas::param::{ParamSpec, Params};
use tapedeck_schemas::record::Writer;

pub mod combine;
mod instrument;
pub mod strategies;

use combine::rounded;
use instrument::{InstrumentSignals, SavedSignals};
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
    let own = [THRESHOLD, MIN_INTERVAL_MS, SAMPLE_MS];
    own.into_iter().chain(STRATEGIES.iter().flat_map(|strategy| strategy.params).copied()).collect()
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
    /// The strategies that the machine can run, with their ids.
    strategies: Vec<(StrategyId, &'static StrategySpec)>,
    state: SignalState,
}

/// What changes between inputs.
#[derive(Debug, Clone, Default)]
struct SignalState {
    params: Params,
    /// The weights in force, of strategies for which a fact has set one.
    weights: BTreeMap<StrategyId, Ratio>,
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
        let strategies = strategies.iter().map(|strategy| (name(strategy.name), strategy)).collect();
        Self { account: AccountId::simulated(partition), blend: name(BLEND), strategies, state: SignalState::default() }
    }

    fn observe_quote(&mut self, now: TapeTime, quote: &Quote) {
        let Some((bid, ask)) = quote.touch() else { return };
        // For statistics only.
        let mid = (bid.to_f64() + ask.to_f64()) * 0.5;
        let SignalState { params, weights, instruments } = &mut self.state;
        let settings = Settings::new(params, quote.instrument);
        let interval = params.in_force(&SAMPLE_MS, &quote.instrument).milliseconds_to_ns();
        let running = self.strategies.iter().copied().filter(|(name, _)| weights.contains_key(name));
        instruments.entry(quote.instrument).or_default().sample(mid, now, interval, &settings, running);
    }

    fn evaluate(&self, now: TapeTime, quote: &Quote) -> Option<SignalRaised> {
        let SignalState { params, weights, instruments } = &self.state;
        let signals = instruments.get(&quote.instrument)?;
        let min_interval = params.in_force(&MIN_INTERVAL_MS, &quote.instrument).milliseconds_to_ns();
        if !signals.may_raise(now, min_interval) {
            return None;
        }
        // The order of the strategies is the order of the reasons.
        let weighted = || self.strategies.iter().filter_map(|(name, _)| Some((*name, *weights.get(name)?)));
        let warm = || weighted().filter_map(|(name, weight)| Some((name, signals.score(&name)?, weight)));
        let combined = combine::combine(warm().map(|(_, score, weight)| (score, weight)))?;
        let threshold = params.in_force(&THRESHOLD, &quote.instrument);
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

/// What a fact meant to the signal machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignalObserved {
    /// A quote that strategies use: one with both sides that is neither crossed nor late.
    Fresh,
    /// Any other fact.
    Other,
}

impl Machine for Signal {
    type Input = Fact;
    type Observed = SignalObserved;
    const WRITER: Writer = Writer::Signal;
    const LOGIC: u32 = 4;
    const STATE: u32 = 1;

    fn reads() -> Reads {
        Reads::Tape(&[Writer::Ingest, Writer::Control])
    }

    fn observe(&mut self, cause: Cause, fact: &Fact) -> SignalObserved {
        match &fact.event {
            Event::Quote(quote) if quote.touch().is_some() && !fact.is_late(&self.state.params) => {
                self.observe_quote(cause.now, quote);
                return SignalObserved::Fresh;
            }
            Event::LimitsSet(limits) => self.state.params.apply(limits),
            Event::WeightsSet(fact) => self.state.weights.extend(fact.weights.iter().copied()),
            _ => {}
        }
        SignalObserved::Other
    }

    fn decide(&self, cause: Cause, fact: &Fact, observed: &SignalObserved, out: &mut Out) {
        if let (Event::Quote(quote), SignalObserved::Fresh) = (&fact.event, observed)
            && let Some(signal) = self.evaluate(cause.now, quote)
        {
            out.push(signal);
        }
    }

    fn apply(&mut self, cause: Cause, _observed: &SignalObserved, own: &Event) {
        if let Event::SignalRaised(signal) = own {
            self.state.instruments.entry(signal.instrument).or_default().raised(signal.target, cause.now);
        }
    }

    fn save(&self) -> Vec<u8> {
        let instruments: BTreeMap<_, _> =
            self.state.instruments.iter().map(|(instrument, signals)| (instrument, signals.save())).collect();
        state::encode(&(&self.state.params, &self.state.weights, instruments))
    }

    fn restore(&self, saved: &[u8]) -> Result<Self, BadState> {
        let (params, weights, saved): (_, _, BTreeMap<InstrumentId, SavedSignals>) = state::decode(saved)?;
        let restored = saved.into_iter().map(|(instrument, saved)| Ok((instrument, saved.restore(&self.strategies)?)));
        let instruments = restored.collect::<Result<_, BadState>>()?;
        Ok(Self { state: SignalState { params, weights, instruments }, ..self.clone() })
    }
}
