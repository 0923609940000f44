//! The risk states active, reducing, halted. A halt or the loss rule restricts; only an operator's resume lifts.
//!
//! | fact | state of the account |
//! |---|---|
//! | `TradingHalted { All, level }` | at least `level`; a milder halt never replaces a stricter one |
//! | loss over `risk.max_loss` at a `ClockAdvanced` | at least reducing |
//! | `TradingResumed { All }` | active; losses are measured from here |
//! | `TradingHalted` / `TradingResumed { Instrument }` | unchanged; the state of that instrument changes |
//!
//! `TradingResumed { All }` does not lift the halt of an instrument. The state is a fold of inputs: a restart keeps it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tapedeck_schemas::event::{Denial, Event, HaltLevel, RiskState, RiskStateReason, Scope};
use tapedeck_schemas::ids::{Currency, InstrumentId};
use tapedeck_schemas::number::{Money, Ratio};
use tapedeck_schemas::param::{ParamSpec, Params};

use crate::exposure::{Exposure, rounded_up};

/// The loss over which the account may only reduce positions.
pub const MAX_LOSS: ParamSpec = ParamSpec {
    name: "risk.max_loss",
    unit: "quote currency",
    about: "loss since the start or the last resume, in any one quote currency, over which only reducing is allowed",
    default: Ratio::whole(1_000_000),
    min: Ratio::ZERO,
    max: Ratio::whole(100_000_000_000),
};

/// The parameters of the loss rule.
pub const PARAMS: &[ParamSpec] = &[MAX_LOSS];

/// The halts in force, and the loss of the account.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct RiskStates {
    halts: BTreeMap<Scope, HaltLevel>,
    /// The latest loss over the limit, and the limit; cleared by a resume.
    breach: Option<(Ratio, Ratio)>,
    /// Profit by quote currency from which losses are measured; zero where absent.
    base: BTreeMap<Currency, Money>,
    /// The state of the last `RiskStateChanged`.
    announced: Option<RiskState>,
}

impl RiskStates {
    /// State of the account: the stricter of its halt and the loss rule.
    pub fn state(&self) -> RiskState {
        let by_loss = if self.breach.is_some() { RiskState::Reducing } else { RiskState::Active };
        by_loss.max(self.halted(Scope::All))
    }

    /// The strictest restriction on an instrument, as it is recorded if it denies an order; `None` while it is active.
    pub fn restriction(&self, instrument: &InstrumentId) -> Option<Denial> {
        let halt = |scope| self.halts.get(&scope).map(|level| (scope, *level));
        // The last of equal levels is taken: a halt of the whole partition.
        let halts = [halt(Scope::Instrument(*instrument)), halt(Scope::All)];
        match halts.into_iter().flatten().max_by_key(|(_, level)| *level) {
            Some((scope, level)) => Some(Denial::Halted { scope, level }),
            None => self.breach.map(|(loss, limit)| Denial::LossOverLimit { loss, limit }),
        }
    }

    fn halted(&self, scope: Scope) -> RiskState {
        match self.halts.get(&scope) {
            None => RiskState::Active,
            Some(HaltLevel::Reducing) => RiskState::Reducing,
            Some(HaltLevel::Halted) => RiskState::Halted,
        }
    }

    pub(crate) fn halt(&mut self, scope: Scope, level: HaltLevel) {
        let in_force = self.halts.entry(scope).or_insert(level);
        *in_force = level.max(*in_force);
    }

    pub(crate) fn resume(&mut self, scope: Scope, exposures: &BTreeMap<InstrumentId, Exposure>) {
        self.halts.remove(&scope);
        if scope == Scope::All {
            self.breach = None;
            self.base = profits(exposures);
        }
    }

    /// Measures the loss. A loss over the limit is kept until a resume, even if the account recovers.
    pub(crate) fn measure(&mut self, exposures: &BTreeMap<InstrumentId, Exposure>, params: &Params) {
        let limit = params.global(&MAX_LOSS);
        let loss = |(currency, profit): (Currency, Money)| {
            let base = self.base.get(&currency).copied().unwrap_or(Money::ZERO);
            rounded_up(base - profit)
        };
        let worst = profits(exposures).into_iter().map(loss).max().unwrap_or(Ratio::ZERO);
        if worst > limit {
            self.breach = Some((worst, limit));
        }
    }

    /// The change of state to decide after `cause`: from, to and the reason.
    pub(crate) fn due(&self, cause: &Event) -> Option<(RiskState, RiskState, RiskStateReason)> {
        let from = self.announced.unwrap_or(RiskState::Active);
        let to = self.state();
        let reason = match (self.halts.get(&Scope::All), self.breach) {
            // A change at a clock comes from the loss, even if a halt is in force too.
            (_, Some((loss, limit))) if matches!(cause, Event::ClockAdvanced(_)) => {
                RiskStateReason::LossOverLimit { loss, limit }
            }
            (Some(level), _) => RiskStateReason::Halted { level: *level },
            (None, Some((loss, limit))) => RiskStateReason::LossOverLimit { loss, limit },
            (None, None) => RiskStateReason::Resumed,
        };
        (from != to).then_some((from, to, reason))
    }

    pub(crate) fn announced(&mut self, to: RiskState) {
        self.announced = Some(to);
    }
}

/// Profit after fees, by quote currency: amounts of different currencies are not added up.
fn profits(exposures: &BTreeMap<InstrumentId, Exposure>) -> BTreeMap<Currency, Money> {
    let mut by_currency = BTreeMap::new();
    for (currency, profit) in exposures.values().filter_map(Exposure::profit) {
        let sum = by_currency.entry(currency).or_insert(Money::ZERO);
        *sum += profit;
    }
    by_currency
}
