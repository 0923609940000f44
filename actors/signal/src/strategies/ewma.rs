//! EWMA crossover, a trend follower. Independent of other strategies and of orders.
//!
//! fast and slow are exponentially weighted averages of the mid, α = 2 / (span + 1), started at the first sample.
//! score = clamp((fast − slow) / (scale × deviation), −1, 1), where the deviation is the average of |mid − slow|
//! with the α of slow. So the score does not depend on the instrument's price or volatility.

use serde::{Deserialize, Serialize};
use tapedeck_kernel::state;
use tapedeck_schemas::number::Ratio;
use tapedeck_schemas::param::ParamSpec;

use super::{FLAT, Settings, Strategy, StrategySpec};

/// Span of the fast average.
pub const FAST: ParamSpec = ParamSpec {
    name: "signal.ewma.fast",
    unit: "samples",
    about: "span of the fast average",
    default: Ratio::whole(12),
    min: Ratio::whole(1),
    max: Ratio::whole(2_000),
};
/// Span of the slow average, and the number of samples until the strategy is warm.
pub const SLOW: ParamSpec = ParamSpec {
    name: "signal.ewma.slow",
    unit: "samples",
    about: "span of the slow average",
    default: Ratio::whole(48),
    min: Ratio::whole(2),
    max: Ratio::whole(10_000),
};
/// Distance between the averages, in deviations, at which the score is 1.
pub const SCALE: ParamSpec = ParamSpec {
    name: "signal.ewma.scale",
    unit: "deviations",
    about: "distance between the averages at which the score is 1 or −1",
    default: Ratio::whole(1),
    min: Ratio::saturating_from_units(Ratio::ONE / 100),
    max: Ratio::whole(100),
};

/// The entry of [`super::STRATEGIES`].
pub const SPEC: StrategySpec = StrategySpec {
    name: "ewma",
    params: &[FAST, SLOW, SCALE],
    start: || Box::new(Ewma::default()),
    restore: |saved| Ok(Box::new(state::decode::<Ewma>(saved)?)),
};

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Ewma {
    fast: f64,
    slow: f64,
    deviation: f64,
    seen: usize,
    score: Option<f64>,
}

impl Strategy for Ewma {
    fn update(&mut self, mid: f64, settings: &Settings<'_>) {
        let span = settings.count(&SLOW);
        let fast = 2.0 / (settings.count(&FAST) as f64 + 1.0);
        let slow = 2.0 / (span as f64 + 1.0);
        if self.seen == 0 {
            (self.fast, self.slow) = (mid, mid);
        }
        self.fast += fast * (mid - self.fast);
        self.slow += slow * (mid - self.slow);
        self.deviation += slow * ((mid - self.slow).abs() - self.deviation);
        self.seen = self.seen.saturating_add(1);
        self.score = (self.seen >= span).then(|| {
            if self.deviation <= FLAT * self.slow {
                return 0.0;
            }
            let whole = settings.value(&SCALE) * self.deviation;
            ((self.fast - self.slow) / whole).clamp(-1.0, 1.0)
        });
    }

    fn score(&self) -> Option<f64> {
        self.score
    }

    fn save(&self) -> Vec<u8> {
        state::encode(self)
    }

    fn boxed_clone(&self) -> Box<dyn Strategy> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tapedeck_schemas::param::Params;

    /// The definition: Σ α(1−α)^(n−i)·xᵢ + (1−α)^n·x₀.
    fn weighted(samples: &[f64], start: f64, span: f64) -> f64 {
        let alpha = 2.0 / (span + 1.0);
        let mut total = 0.0;
        let mut weight = 1.0;
        for sample in samples.iter().rev() {
            total += alpha * weight * sample;
            weight *= 1.0 - alpha;
        }
        total + weight * start
    }

    #[test]
    fn averages_and_score_equal_the_weighted_sums_of_the_definition() {
        let params = Params::default();
        let settings = Settings::new(&params, "sim.X".parse().unwrap());
        let mut strategy = Ewma::default();
        let mut mids = Vec::new();
        let mut distances = Vec::new();
        let mut state = 3u64;
        for at in 0..400 {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let trend = if (at / 100) % 2 == 0 { 0.05 } else { -0.04 };
            let last = mids.last().copied().unwrap_or(250.0);
            mids.push(last + trend + ((state >> 40) as f64 / (1u64 << 24) as f64 - 0.5));
            strategy.update(mids[at], &settings);
            let (fast, slow) = (weighted(&mids, mids[0], 12.0), weighted(&mids, mids[0], 48.0));
            distances.push((mids[at] - slow).abs());
            let expected = ((fast - slow) / weighted(&distances, 0.0, 48.0)).clamp(-1.0, 1.0);
            match strategy.score() {
                None => assert!(at < 47, "warm at the 48th sample, not later than {at}"),
                Some(score) => {
                    assert!(at >= 47, "warm too early, at {at}");
                    assert!((score - expected).abs() < 1e-9, "sample {at}: {score} but by definition {expected}");
                }
            }
        }
    }

    #[test]
    fn it_is_long_in_a_rise_short_in_a_fall_and_flat_in_a_flat_market() {
        let params = Params::default();
        let settings = Settings::new(&params, "sim.X".parse().unwrap());
        let score = |slope: f64| {
            let mut strategy = Ewma::default();
            (0..200).for_each(|at| strategy.update(100.0 + slope * f64::from(at), &settings));
            strategy.score().unwrap()
        };
        assert!(score(0.01) > 0.5, "{}", score(0.01));
        assert!((score(-0.01) + score(0.01)).abs() < 1e-9);
        assert_eq!(score(0.0), 0.0);
    }
}
