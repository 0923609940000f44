//! Medians beside a reference, printed; nothing is measured here.

use std::collections::BTreeMap;

/// Rates per second, by what was measured, over several rounds.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    order: Vec<String>,
    rates: BTreeMap<String, Vec<f64>>,
}

impl Rates {
    /// One measurement of a round.
    pub(crate) fn add(&mut self, what: impl Into<String>, count: u64, seconds: f64) {
        let what = what.into();
        if !self.rates.contains_key(&what) {
            self.order.push(what.clone());
        }
        self.rates.entry(what).or_default().push(count as f64 / seconds);
    }

    /// Every measurement: median, its spread, and its ratio to the reference, which was measured in the same rounds.
    pub(crate) fn print(&self, reference: &str) {
        let of = |what: &str| self.rates.get(what).map_or(0.0, |rates| median(rates));
        println!("{:<34} {:>11} {:>23} {:>7}", "", "median /s", "lowest – highest", "ratio");
        for what in &self.order {
            let rates = &self.rates[what];
            let (low, high) =
                rates.iter().fold((f64::MAX, 0.0f64), |(low, high), rate| (low.min(*rate), high.max(*rate)));
            let ratio = of(what) / of(reference);
            println!("{what:<34} {:>11.0} {:>10.0} – {:>10.0} {ratio:>7.2}", of(what), low, high);
        }
    }
}

fn median(rates: &[f64]) -> f64 {
    let mut sorted = rates.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}
