//! The ladder: active, reducing, halted. Down by halts and by the loss rule, up only by an operator's resume.
//!
//! | what happens | the account's state |
//! |---|---|
//! | `TradingHalted { All, level }` | at least `level` down; a milder halt never lifts a harder one |
//! | loss over `risk.max_loss` at a `ClockAdvanced` | at least reducing |
//! | `TradingResumed { All }` | active; the loss is measured anew from here |
//! | `TradingHalted` / `TradingResumed { Instrument }` | unchanged: that instrument's own state |
//!
//! A resume of everything does not lift an instrument's own halt. All of it is a fold of inputs, so a restart keeps it.

use std::collections::BTreeMap;

use tapedeck_schemas::event::{Event, HaltLevel, RiskState, Scope};
use tapedeck_schemas::ids::{Currency, InstrumentId};
use tapedeck_schemas::number::{Money, Ratio};
use tapedeck_schemas::param::{ParamSpec, Params};

use crate::exposure::{Exposure, rounded_up};

/// The loss that takes the account down to reducing.
pub const MAX_LOSS: ParamSpec = ParamSpec {
    name: "risk.max_loss",
    unit: "quote currency",
    about: "loss since the start or the last resume, in any one quote currency, over which only reducing is allowed",
    default: Ratio::whole(1_000_000),
    min: Ratio::ZERO,
    max: Ratio::whole(100_000_000_000),
};

/// The parameters of the ladder.
pub const PARAMS: &[ParamSpec] = &[MAX_LOSS];

/// The ladder of the account, and the instruments' own halts.
#[derive(Debug, Clone, Default)]
pub struct Ladder {
    halts: BTreeMap<Scope, HaltLevel>,
    /// The latest loss that was over the limit, and the limit; until a resume.
    breach: Option<(Ratio, Ratio)>,
    /// Profit by quote currency from which the loss is measured; zero where absent.
    base: BTreeMap<Currency, Money>,
    /// The state last decided as a fact.
    announced: Option<RiskState>,
}

impl Ladder {
    /// State of the account: the worst of the halt of everything and the rule.
    pub fn state(&self) -> RiskState {
        let rule = if self.breach.is_some() { RiskState::Reducing } else { RiskState::Active };
        rule.max(self.halted(Scope::All))
    }

    /// State for an instrument: the worst of the account's and its own.
    pub fn state_for(&self, instrument: &InstrumentId) -> RiskState {
        self.state().max(self.halted(Scope::Instrument(*instrument)))
    }

    fn halted(&self, scope: Scope) -> RiskState {
        match self.halts.get(&scope) {
            None => RiskState::Active,
            Some(HaltLevel::Reducing) => RiskState::Reducing,
            Some(HaltLevel::Halted) => RiskState::Halted,
        }
    }

    pub(crate) fn halt(&mut self, scope: Scope, level: HaltLevel) {
        let held = self.halts.entry(scope).or_insert(level);
        *held = level.max(*held);
    }

    pub(crate) fn resume(&mut self, scope: Scope, exposures: &BTreeMap<InstrumentId, Exposure>) {
        self.halts.remove(&scope);
        if scope == Scope::All {
            self.breach = None;
            self.base = profits(exposures);
        }
    }

    /// Measures the loss; one over the limit is kept until a resume.
    pub(crate) fn measure(&mut self, exposures: &BTreeMap<InstrumentId, Exposure>, params: &Params) {
        let limit = params.global(&MAX_LOSS).clamp(MAX_LOSS.min, MAX_LOSS.max);
        let loss = |(currency, profit): (Currency, Money)| {
            let base = self.base.get(&currency).copied().unwrap_or(Money::ZERO);
            rounded_up(base - profit)
        };
        let worst = profits(exposures).into_iter().map(loss).max().unwrap_or(Ratio::ZERO);
        if worst > limit {
            self.breach = Some((worst, limit));
        }
    }

    /// The change to decide after `cause` was observed: from, to and why.
    pub(crate) fn due(&self, cause: &Event) -> Option<(RiskState, RiskState, String)> {
        let (from, to) = (self.announced.unwrap_or(RiskState::Active), self.state());
        let reason = match (cause, self.breach) {
            (Event::TradingHalted(halt), _) => format!("halt by {}: {}", halt.by, halt.reason),
            (Event::TradingResumed(resume), _) => format!("resume by {}: {}", resume.by, resume.reason),
            (_, Some((measured, limit))) => format!("loss {measured} over {} {limit}", MAX_LOSS.name),
            _ => String::new(),
        };
        (from != to).then_some((from, to, reason))
    }

    pub(crate) fn announced(&mut self, to: RiskState) {
        self.announced = Some(to);
    }
}

/// Profit after fees, by quote currency: no rate between currencies is assumed.
fn profits(exposures: &BTreeMap<InstrumentId, Exposure>) -> BTreeMap<Currency, Money> {
    let mut by_currency = BTreeMap::new();
    for (currency, profit) in exposures.values().filter_map(Exposure::profit) {
        let sum = by_currency.entry(currency).or_insert(Money::ZERO);
        *sum += profit;
    }
    by_currency
}
