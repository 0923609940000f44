//! Z-score mean reversion over a rolling window of mids. Independent of other strategies and of orders.
//!
//! z = (mid − mean) / deviation over the last `window` samples, the newest included; the deviation is that of the
//! population (ddof = 0). With hysteresis: flat until |z| reaches `entry`; then the
//! score is −clamp(z / entry, −1, 1), fading as the mid reverts; flat again once z is less than `exit` on its side.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use tapedeck_kernel::state;
use tapedeck_schemas::number::Ratio;
use tapedeck_schemas::param::ParamSpec;

use super::{FLAT, Settings, Strategy, StrategySpec};

/// Samples in the window; the strategy is warm once it is full.
pub const WINDOW: ParamSpec = ParamSpec {
    name: "signal.zscore.window",
    unit: "samples",
    about: "samples of the mid over which mean and deviation are taken",
    default: Ratio::whole(120),
    min: Ratio::whole(8),
    max: Ratio::whole(512),
};
/// |z| at which the strategy opens a position.
pub const ENTRY: ParamSpec = ParamSpec {
    name: "signal.zscore.entry",
    unit: "deviations",
    about: "|z| from which the strategy takes a position, and at which its score is 1 or −1",
    default: Ratio::whole(2),
    min: Ratio::saturating_from_units(Ratio::ONE / 10),
    max: Ratio::whole(20),
};
/// |z| below which the strategy closes the position.
pub const EXIT: ParamSpec = ParamSpec {
    name: "signal.zscore.exit",
    unit: "deviations",
    about: "z below which, on the side of entry, the strategy is flat again; at most entry",
    default: Ratio::saturating_from_units(Ratio::ONE / 2),
    min: Ratio::ZERO,
    max: Ratio::whole(20),
};

/// The entry of [`super::STRATEGIES`].
pub const SPEC: StrategySpec = StrategySpec {
    name: "zscore",
    params: &[WINDOW, ENTRY, EXIT],
    start: || Box::new(ZScore { window: Window::default(), side: 0.0, score: None }),
    restore: |saved| Ok(Box::new(state::decode::<ZScore>(saved)?)),
};

#[derive(Debug, Clone, Serialize, Deserialize)]
struct ZScore {
    window: Window,
    /// Sign of the z at entry; 0 when flat.
    side: f64,
    score: Option<f64>,
}

impl Strategy for ZScore {
    fn update(&mut self, mid: f64, settings: &Settings<'_>) {
        let capacity = settings.count(&WINDOW);
        let entry = settings.value(&ENTRY);
        let exit = settings.value(&EXIT).min(entry);
        self.window.push(mid, capacity);
        let Some(z) = self.window.z(capacity) else {
            (self.side, self.score) = (0.0, None);
            return;
        };
        if self.side * z < exit {
            self.side = 0.0;
        }
        if z.abs() >= entry {
            self.side = if z < 0.0 { -1.0 } else { 1.0 };
        }
        let engaged = self.side != 0.0;
        self.score = Some(if engaged { -(z / entry).clamp(-1.0, 1.0) } else { 0.0 });
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

/// The last mids, with the sums of their differences from an anchor near them and of the squares of these.
///
/// Differences are small beside the price, so that their squares lose little precision. After every window of updates
/// the sums are computed again from a new anchor: a rounding error lasts one window at most, at constant cost a sample.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Window {
    mids: VecDeque<f64>,
    anchor: f64,
    sum: f64,
    squares: f64,
    updates: usize,
}

impl Window {
    fn push(&mut self, mid: f64, capacity: usize) {
        if self.mids.is_empty() {
            self.anchor = mid;
        }
        self.mids.push_back(mid);
        let difference = mid - self.anchor;
        self.sum += difference;
        self.squares += difference * difference;
        while self.mids.len() > capacity {
            let removed = self.mids.pop_front().unwrap_or(mid) - self.anchor;
            self.sum -= removed;
            self.squares -= removed * removed;
        }
        self.updates += 1;
        if self.updates >= capacity {
            self.recompute();
        }
    }

    fn recompute(&mut self) {
        self.anchor += self.sum / self.mids.len().max(1) as f64;
        (self.sum, self.squares, self.updates) = (0.0, 0.0, 0);
        for mid in &self.mids {
            let difference = mid - self.anchor;
            self.sum += difference;
            self.squares += difference * difference;
        }
    }

    /// Z-score of the newest mid; 0 in a flat window, `None` until the window is full.
    fn z(&self, capacity: usize) -> Option<f64> {
        let newest = *self.mids.back()?;
        if self.mids.len() < capacity {
            return None;
        }
        let count = self.mids.len() as f64;
        let mean = self.sum / count;
        let variance = (self.squares / count - mean * mean).max(0.0);
        let deviation = variance.sqrt();
        if deviation <= FLAT * newest { Some(0.0) } else { Some((newest - self.anchor - mean) / deviation) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tapedeck_schemas::param::Params;

    /// A fixed pseudo-random walk from `start`, in steps of up to `step`.
    fn walk(start: f64, step: f64, count: usize) -> Vec<f64> {
        let mut state = 7u64;
        let mut mid = start;
        let next = |_| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            mid += step * ((state >> 33) as f64 / (1u64 << 30) as f64 - 1.0);
            mid
        };
        (0..count).map(next).collect()
    }

    /// The definition, in two passes over the window.
    fn z_by_definition(window: &[f64]) -> f64 {
        let count = window.len() as f64;
        let mean = window.iter().sum::<f64>() / count;
        let variance = window.iter().map(|m| (m - mean) * (m - mean)).sum::<f64>() / count;
        (window[window.len() - 1] - mean) / variance.sqrt()
    }

    fn assert_follows_the_definition(mids: &[f64], capacity: usize, from: usize) {
        let mut window = Window::default();
        for (at, mid) in mids.iter().enumerate() {
            window.push(*mid, capacity);
            if at + 1 < capacity {
                assert_eq!(window.z(capacity), None, "warm too early, at {at}");
            } else if at >= from {
                let expected = z_by_definition(&mids[at + 1 - capacity..=at]);
                let z = window.z(capacity).unwrap();
                assert!((z - expected).abs() < 1e-6, "sample {at}: {z} but by definition {expected}");
            }
        }
    }

    #[test]
    fn rolling_z_equals_the_definition_over_a_long_walk() {
        assert_follows_the_definition(&walk(61_000.0, 0.01, 50_000), 120, 0);
        assert_follows_the_definition(&walk(0.001, 1e-7, 20_000), 8, 0);
    }

    #[test]
    fn a_bad_price_affects_no_more_than_two_windows() {
        let mut mids = walk(100.0, 0.01, 1_000);
        mids[300] = 1e10;
        assert_follows_the_definition(&mids, 64, 300 + 2 * 64);
    }

    #[test]
    fn a_flat_window_scores_zero() {
        let mut window = Window::default();
        (0..50).for_each(|_| window.push(0.1, 8));
        assert_eq!(window.z(8), Some(0.0));
    }

    #[test]
    fn a_position_opens_at_entry_fades_with_z_and_closes_below_exit() {
        let params = Params::default();
        let settings = Settings::new(&params, "sim.X".parse().unwrap());
        let mut strategy = (SPEC.start)();
        let mut seen = Vec::new();
        let mut window = Vec::new();
        // A quiet ripple, a jump up that stays, and a return below the mean.
        for at in 0..300 {
            let ripple = if at % 2 == 0 { 0.1 } else { -0.1 };
            let mid = 100.0 + ripple + if (150..200).contains(&at) { 1.0 } else { 0.0 };
            strategy.update(mid, &settings);
            window.push(mid);
            let score = strategy.score();
            assert_eq!(score.is_some(), at >= 119, "warm at the 120th sample, not at {at}");
            if let Some(score) = score {
                let z = z_by_definition(&window[window.len() - 120..]);
                seen.push((at, z, score));
            }
        }
        assert!(
            seen.iter().filter(|(at, ..)| *at < 150).all(|(_, _, score)| *score == 0.0),
            "the ripple is below entry"
        );
        let (_, z, score) = seen[150 - 119];
        assert!(z > 2.0 && score == -1.0, "a jump up makes the target fully short: z {z}, score {score}");
        let fading = seen.iter().find(|(at, z, _)| *at > 150 && (0.5..1.9).contains(z)).unwrap();
        assert!(
            (fading.2 + fading.1 / 2.0).abs() < 1e-6,
            "below entry, with a position, the score is -z/entry: {fading:?}"
        );
        let first_after = seen[200 - 119];
        assert!(first_after.1 < 0.5 && first_after.2 == 0.0, "reverted, so flat: {first_after:?}");
    }
}
