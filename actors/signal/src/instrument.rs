//! The signal machine's state of one instrument: the strategies and the last signal. No parameters, no weights.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use tapedeck_kernel::state::BadState;
use tapedeck_schemas::ids::StrategyId;
use tapedeck_schemas::number::Ratio;
use tapedeck_schemas::offset::TapeTime;

use crate::strategies::{Settings, Strategy, StrategySpec};

/// One instrument's state.
#[derive(Debug, Clone, Default)]
pub(crate) struct InstrumentSignals {
    /// The strategies that have run, each from its first sample with a weight.
    strategies: BTreeMap<StrategyId, Box<dyn Strategy>>,
    /// Tape time of the last sample, ns.
    sampled: Option<TapeTime>,
    /// Target of the last signal; zero before the first.
    target: Ratio,
    /// Tape time of the last signal, ns.
    raised: Option<TapeTime>,
}

/// The saved state of one instrument.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SavedSignals {
    /// The saved state of each strategy.
    strategies: BTreeMap<StrategyId, ByteBuf>,
    sampled: Option<TapeTime>,
    target: Ratio,
    raised: Option<TapeTime>,
}

impl SavedSignals {
    /// The state. Fails if a strategy is none of `specs`, or its bytes are not its state.
    pub(crate) fn restore(self, specs: &[(StrategyId, &StrategySpec)]) -> Result<InstrumentSignals, BadState> {
        let restored = self.strategies.into_iter().map(|(name, saved)| {
            let spec = specs.iter().find(|(known, _)| *known == name);
            let (_, spec) = spec.ok_or_else(|| BadState(format!("this build has no strategy {name}")))?;
            Ok((name, (spec.restore)(&saved)?))
        });
        let strategies = restored.collect::<Result<_, BadState>>()?;
        Ok(InstrumentSignals { strategies, sampled: self.sampled, target: self.target, raised: self.raised })
    }
}

impl InstrumentSignals {
    pub(crate) fn save(&self) -> SavedSignals {
        let strategies = self.strategies.iter().map(|(name, strategy)| (*name, ByteBuf::from(strategy.save())));
        let (sampled, target, raised) = (self.sampled, self.target, self.raised);
        SavedSignals { strategies: strategies.collect(), sampled, target, raised }
    }

    /// Updates the running strategies with the mid, if the last sample is at least `interval` ns old.
    pub(crate) fn sample<'a>(
        &mut self,
        mid: f64,
        now: TapeTime,
        interval: TapeTime,
        settings: &Settings<'_>,
        running: impl Iterator<Item = (StrategyId, &'a StrategySpec)>,
    ) {
        if has_passed(self.sampled, now, interval) {
            self.sampled = Some(now);
            for (name, spec) in running {
                self.strategies.entry(name).or_insert_with(spec.start).update(mid, settings);
            }
        }
    }

    /// The score of a strategy; `None` while it warms up, or if it has not run.
    pub(crate) fn score(&self, name: &StrategyId) -> Option<f64> {
        self.strategies.get(name)?.score()
    }

    /// Whether the last signal is at least `interval` ns old.
    pub(crate) fn may_raise(&self, now: TapeTime, interval: TapeTime) -> bool {
        has_passed(self.raised, now, interval)
    }

    /// Whether a target differs enough from the last raised one: by `threshold`, in sign, or back to zero.
    pub(crate) fn has_moved(&self, target: Ratio, threshold: Ratio) -> bool {
        let last_sign = self.target.units().signum();
        let next_sign = target.units().signum();
        let flipped = last_sign * next_sign < 0;
        let closed = last_sign != 0 && next_sign == 0;
        flipped || closed || (target - self.target).abs() >= threshold
    }

    pub(crate) fn raised(&mut self, target: Ratio, now: TapeTime) {
        self.target = target;
        self.raised = Some(now);
    }
}

fn has_passed(since: Option<TapeTime>, now: TapeTime, interval: TapeTime) -> bool {
    since.is_none_or(|since| now.saturating_sub(since) >= interval)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_has_moved_at_the_threshold_at_a_flip_and_at_a_return_to_zero() {
        let ratio = |text: &str| text.parse::<Ratio>().unwrap();
        for (last, target, moved) in [
            ("0", "0.2499", false),
            ("0", "0.25", true),
            ("0", "-0.25", true),
            ("0", "0", false),
            ("0.5", "0.2501", false),
            ("0.5", "0.25", true),
            ("0.1", "0", true),
            ("0.1", "-0.0001", true),
            ("-0.1", "0.0001", true),
            ("-0.1", "-0.1", false),
        ] {
            let mut signals = InstrumentSignals::default();
            signals.raised(ratio(last), 0);
            assert_eq!(signals.has_moved(ratio(target), ratio("0.25")), moved, "{last} to {target}");
        }
    }
}
