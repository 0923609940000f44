//! A deterministic random number generator for the synthetic market and for tests; not for secrets.

/// SplitMix64, by Sebastiano Vigna (2015, public domain, `splitmix64.c` at prng.di.unimi.it).
#[derive(Debug, Clone)]
pub struct SplitMix64(pub u64);

impl SplitMix64 {
    /// The next 64 bits.
    #[expect(clippy::should_implement_trait, reason = "it never ends")]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `low..=high`, taken from the high half of a 128-bit product.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        let count = (high - low) as u128 + 1;
        low + ((u128::from(self.next()) * count) >> 64) as i64
    }

    /// `true` with probability 1/`n`.
    pub(crate) fn one_in(&mut self, n: i64) -> bool {
        self.between(1, n) == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_output_matches_the_reference_implementation() {
        let mut random = SplitMix64(1234567);
        let first = [(); 3].map(|()| random.next());
        assert_eq!(first, [6457827717110365317, 3203168211198807973, 9817491932198370423]);
    }

    #[test]
    fn between_includes_both_ends() {
        let mut random = SplitMix64(1);
        let drawn: std::collections::BTreeSet<i64> = (0..200).map(|_| random.between(-1, 2)).collect();
        assert_eq!(drawn, [-1, 0, 1, 2].into());
    }
}
