//! Medians of measured rates, printed with their ratio to a reference.

use std::collections::BTreeMap;

/// Rates per second, by the name of the measurement, over several rounds.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    order: Vec<String>,
    rates: BTreeMap<String, Vec<f64>>,
}

impl Rates {
    /// Adds one measurement.
    pub(crate) fn add(&mut self, name: impl Into<String>, count: u64, seconds: f64) {
        let name = name.into();
        if !self.rates.contains_key(&name) {
            self.order.push(name.clone());
        }
        self.rates.entry(name).or_default().push(count as f64 / seconds);
    }

    /// Prints each measurement: its median, its range, and the ratio of its median to that of `reference`.
    pub(crate) fn print(&self, reference: &str) {
        let median_of = |name: &str| self.rates.get(name).map_or(0.0, |rates| median(rates));
        println!("{:<34} {:>11} {:>23} {:>7}", "", "median /s", "lowest – highest", "ratio");
        for name in &self.order {
            let rates = &self.rates[name];
            let (low, high) =
                rates.iter().fold((f64::MAX, 0.0f64), |(low, high), rate| (low.min(*rate), high.max(*rate)));
            let median = median_of(name);
            let ratio = median / median_of(reference);
            println!("{name:<34} {median:>11.0} {low:>10.0} – {high:>10.0} {ratio:>7.2}");
        }
    }
}

fn median(rates: &[f64]) -> f64 {
    let mut sorted = rates.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}
