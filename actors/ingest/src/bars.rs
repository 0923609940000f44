//! Bars built from the accepted trades and quotes of an instrument. Nothing is refused here, and no fact is changed.
//!
//! A time bar covers a window of the instrument's own `ts_recv`, aligned to the epoch. Its window is closed by the
//! instrument's first accepted event (a heartbeat will do) at or behind the window's end, and then stays closed: an
//! event that comes for a closed window, or for one before the open window, is **late**. It is in no time bar; the
//! next bar says how many there were. A window without events has no bar. A tick or volume bar is closed by the event
//! that fills it, in order of arrival, so that nothing is late for it. So the bars of an instrument are a function of
//! its accepted events alone, however those of other instruments lie between them.

use std::collections::BTreeMap;

use tapedeck_schemas::bar::{BarInput, BarSize, BarSpec};
use tapedeck_schemas::event::Bar;
use tapedeck_schemas::ids::InstrumentId;
use tapedeck_schemas::number::{Price, Quantity};

/// What a bar takes in: a trade, or the mid of a quote.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// Which of the two.
    pub of: BarInput,
    /// Price, or mid.
    pub price: Price,
    /// Traded; zero for a quote.
    pub volume: Quantity,
    /// When the publisher received it, ns.
    pub ts_recv: u64,
}

/// The open bars of every instrument.
#[derive(Debug, Clone, Default)]
pub struct Bars {
    series: BTreeMap<InstrumentId, Vec<Series>>,
}

/// One sort of bar of one instrument.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Series {
    spec: BarSpec,
    open: Option<OpenBar>,
    /// End of the last window closed, ns.
    closed: u64,
    late: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct OpenBar {
    open: Price,
    high: Price,
    low: Price,
    close: Price,
    volume: Quantity,
    count: u64,
    /// Begin of the window, or `ts_recv` of the first event, ns.
    opened: u64,
    /// End of the window, or `ts_recv` of the last event, ns.
    closed: u64,
}

impl Bars {
    /// Which bars are built of an instrument.
    pub fn asked(&self, instrument: &InstrumentId) -> Vec<BarSpec> {
        self.series.get(instrument).map_or_else(Vec::new, |all| all.iter().map(|one| one.spec).collect())
    }

    /// From here on these bars are built; those that are asked for again go on, the others' open bars are dropped.
    pub fn define(&mut self, instrument: InstrumentId, asked: &[BarSpec]) {
        let mut before = self.series.remove(&instrument).unwrap_or_default();
        let mut go_on = |spec: &BarSpec| before.iter().position(|one| one.spec == *spec).map(|at| before.remove(at));
        let series = |spec| go_on(spec).unwrap_or(Series { spec: *spec, open: None, closed: 0, late: 0 });
        let all: Vec<_> = asked.iter().map(series).collect();
        if !all.is_empty() {
            self.series.insert(instrument, all);
        }
    }

    /// The time bars that an accepted event received at `ts_recv` closes, before it is taken in.
    pub fn closed_by(&self, instrument: InstrumentId, ts_recv: u64) -> impl Iterator<Item = Bar> + '_ {
        let ended = move |one: &Series| one.open.filter(|bar| one.window().is_some() && ts_recv >= bar.closed);
        let all = self.series.get(&instrument).into_iter().flatten();
        all.filter_map(move |one| Some(one.bar(instrument, ended(one)?, ts_recv)))
    }

    /// The tick and volume bars that are full with an accepted sample, which is yet to be taken in.
    pub fn filled_by(&self, instrument: InstrumentId, sample: Sample) -> impl Iterator<Item = Bar> + '_ {
        let all = self.series.get(&instrument).into_iter().flatten();
        all.filter_map(move |one| {
            let with = one.with(&sample)?;
            let full = match one.spec.size {
                BarSize::Time(_) => false,
                BarSize::Ticks(count) => with.count >= count,
                BarSize::Volume(quantity) => with.volume >= quantity,
            };
            full.then(|| one.bar(instrument, with, sample.ts_recv))
        })
    }

    /// Takes in an accepted sample.
    pub fn take(&mut self, instrument: &InstrumentId, sample: Sample) {
        for one in self.series.get_mut(instrument).into_iter().flatten() {
            match one.with(&sample) {
                Some(open) => one.open = Some(open),
                None if one.spec.of == sample.of => one.late = one.late.saturating_add(1),
                None => {}
            }
        }
    }

    /// A bar that was built here is on the tape.
    pub fn close(&mut self, bar: &Bar) {
        let all = self.series.get_mut(&bar.instrument).into_iter().flatten();
        for one in all.filter(|one| one.spec == bar.bar) {
            *one = Series { spec: one.spec, open: None, closed: bar.closed, late: 0 };
        }
    }
}

impl Series {
    /// Length of a time bar's window, ns.
    fn window(&self) -> Option<u64> {
        match self.spec.size {
            BarSize::Time(length) => Some(length),
            _ => None,
        }
    }

    /// The open bar with a sample in it; none if the sample is not for this series, or late.
    fn with(&self, sample: &Sample) -> Option<OpenBar> {
        if sample.of != self.spec.of {
            return None;
        }
        let Sample { price, volume, ts_recv, .. } = *sample;
        let (opened, closed) = match self.window() {
            Some(length) => {
                let begin = ts_recv - ts_recv % length;
                if begin < self.closed || self.open.is_some_and(|bar| begin < bar.opened) {
                    return None;
                }
                (begin, begin.saturating_add(length))
            }
            None => (self.open.map_or(ts_recv, |bar| bar.opened), ts_recv),
        };
        let new = OpenBar { open: price, high: price, low: price, close: price, volume, count: 1, opened, closed };
        let Some(bar) = self.open else { return Some(new) };
        Some(OpenBar {
            open: bar.open,
            high: bar.high.max(price),
            low: bar.low.min(price),
            volume: bar.volume + volume,
            count: bar.count.saturating_add(1),
            ..new
        })
    }

    fn bar(&self, instrument: InstrumentId, bar: OpenBar, ts_recv: u64) -> Bar {
        let OpenBar { open, high, low, close, volume, count, opened, closed } = bar;
        let (late, source, bar) = (self.late, None, self.spec);
        Bar { instrument, bar, open, high, low, close, volume, count, late, opened, closed, source, ts_recv }
    }
}
