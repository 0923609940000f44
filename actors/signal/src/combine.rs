//! Combines the scores of strategies into a target and a confidence: the only place where floats become exact numbers.

use tapedeck_schemas::number::Ratio;

/// Steps in one whole: targets, confidences and scores are rounded to 1e-4.
const STEPS: f64 = 10_000.0;

/// The combined target of the strategies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Combined {
    /// Σ weight·score / Σ weight, −1 to 1; 0 when no weight is above zero.
    pub target: Ratio,
    /// |Σ weight·score| / Σ weight·|score|, 0 to 1: 1 when all scores with weight have the same sign.
    pub confidence: Ratio,
}

/// Combines (score, weight) of the warm strategies; `None` when none is warm. A weight of zero or less is ignored.
pub fn combine(warm: impl Iterator<Item = (f64, Ratio)>) -> Option<Combined> {
    let mut any_warm = false;
    let mut weighted_sum = 0.0;
    let mut weighted_magnitude = 0.0;
    let mut total_weight = 0.0;
    for (score, weight) in warm {
        any_warm = true;
        if weight.is_positive() {
            let weight = weight.to_f64();
            weighted_sum += weight * score;
            weighted_magnitude += weight * score.abs();
            total_weight += weight;
        }
    }
    let ratio = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
    let target = rounded(ratio(weighted_sum, total_weight));
    let confidence = rounded(ratio(weighted_sum.abs(), weighted_magnitude));
    any_warm.then_some(Combined { target, confidence })
}

/// The nearest multiple of 1e-4, halves away from zero, clamped to −1 to 1; 0 for NaN.
pub fn rounded(value: f64) -> Ratio {
    // A float cast saturates, and NaN becomes 0, so this cannot fail; within ±10,000 it is exact.
    let steps = (value.clamp(-1.0, 1.0) * STEPS).round() as i64;
    Ratio::saturating_from_units(i128::from(steps) * (Ratio::ONE / 10_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ratio(text: &str) -> Ratio {
        text.parse().unwrap()
    }

    fn of(warm: &[(f64, &str)]) -> Option<(String, String)> {
        let combined = combine(warm.iter().map(|(score, weight)| (*score, ratio(weight))))?;
        Some((combined.target.to_string(), combined.confidence.to_string()))
    }

    fn shown(target: &str, confidence: &str) -> Option<(String, String)> {
        Some((target.into(), confidence.into()))
    }

    #[test]
    fn the_target_is_the_weighted_mean_and_the_confidence_the_agreement() {
        assert_eq!(of(&[(1.0, "1"), (0.5, "1")]), shown("0.75", "1"));
        assert_eq!(of(&[(1.0, "1"), (-0.5, "1")]), shown("0.25", "0.3333"));
        assert_eq!(of(&[(1.0, "3"), (-0.5, "1")]), shown("0.625", "0.7143"));
        assert_eq!(of(&[(0.5, "2"), (-1.0, "-1")]), shown("0.5", "1"), "a weight below zero does not count");
        assert_eq!(of(&[(-0.4, "2")]), shown("-0.4", "1"));
    }

    #[test]
    fn without_weight_or_score_the_target_is_zero_and_without_a_warm_strategy_there_is_none() {
        assert_eq!(of(&[(1.0, "0"), (0.5, "-1")]), shown("0", "0"));
        assert_eq!(of(&[(0.0, "1"), (0.0, "1")]), shown("0", "0"));
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn floats_become_the_nearest_ten_thousandth_within_one() {
        for (value, shown) in [(0.12344, "0.1234"), (-0.12346, "-0.1235"), (7.0, "1"), (-1e300, "-1"), (f64::NAN, "0")]
        {
            assert_eq!(rounded(value).to_string(), shown);
        }
    }
}
