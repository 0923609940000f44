//! Bars built from the accepted trades and quotes of an instrument. No fact is changed here. A trade that would take
//! the volume of a bar beyond the bound of `Quantity` is found here, and rejected by the machine.
//!
//! A time bar covers a window of the instrument's own `ts_recv`, aligned to the Unix epoch. The first accepted event of
//! the instrument at or after the end of the window, heartbeats included, closes it. A closed window never reopens: an
//! event for a closed window, or for a window before the open one, is **late**. A late event is in no time bar; the
//! next bar counts it. A window without events has no bar. A tick or volume bar is closed by the event that fills it,
//! in order of arrival, so no event is late for it. The bars of an instrument therefore depend on its own accepted
//! events alone, however the events of other instruments interleave with them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tapedeck_schemas::bar::{BarInput, BarSize, BarSpec};
use tapedeck_schemas::event::Bar;
use tapedeck_schemas::ids::InstrumentId;
use tapedeck_schemas::number::{Price, Quantity};

/// The input of a bar: a trade, or the mid of a quote.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// Whether the sample is a trade or a quote.
    pub of: BarInput,
    /// Price of the trade, or mid of the quote.
    pub price: Price,
    /// Quantity traded; zero for a quote.
    pub volume: Quantity,
    /// When the publisher received it, ns.
    pub ts_recv: u64,
}

/// The open bars of every instrument.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Bars {
    series: BTreeMap<InstrumentId, Vec<Series>>,
}

/// The bars of one instrument and one specification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Series {
    spec: BarSpec,
    open: Option<OpenBar>,
    /// End of the last closed window, ns.
    closed: u64,
    /// Late events since the last bar.
    late: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct OpenBar {
    open: Price,
    high: Price,
    low: Price,
    close: Price,
    volume: Quantity,
    count: u64,
    /// Start of the window, or `ts_recv` of the first event, ns.
    opened: u64,
    /// End of the window, or `ts_recv` of the last event, ns.
    closed: u64,
}

impl Bars {
    /// Specifications of the bars that are built for an instrument.
    pub fn specs(&self, instrument: &InstrumentId) -> Vec<BarSpec> {
        self.series_of(instrument).map(|series| series.spec).collect()
    }

    /// Replaces the bars of an instrument. Series that stay keep their open bars; the other open bars are dropped.
    pub fn define(&mut self, instrument: InstrumentId, specs: &[BarSpec]) {
        let mut previous = self.series.remove(&instrument).unwrap_or_default();
        let mut series = Vec::with_capacity(specs.len());
        for spec in specs {
            let kept = previous.iter().position(|series| series.spec == *spec).map(|at| previous.remove(at));
            series.push(kept.unwrap_or(Series { spec: *spec, open: None, closed: 0, late: 0 }));
        }
        if !series.is_empty() {
            self.series.insert(instrument, series);
        }
    }

    /// The time bars that an accepted event closes; `ts_recv` is that of the event, whose sample is not yet applied.
    pub fn closed_by(&self, instrument: InstrumentId, ts_recv: u64) -> impl Iterator<Item = Bar> + '_ {
        self.series_of(&instrument).filter_map(move |series| {
            let ended = series.open.filter(|bar| series.window().is_some() && ts_recv >= bar.closed)?;
            Some(series.bar(instrument, ended, ts_recv))
        })
    }

    /// The tick and volume bars that an accepted sample fills; the sample is not yet applied.
    pub fn filled_by(&self, instrument: InstrumentId, sample: Sample) -> impl Iterator<Item = Bar> + '_ {
        self.series_of(&instrument).filter_map(move |series| {
            let updated = series.updated(&sample)?;
            let full = match series.spec.size {
                BarSize::Time(_) => false,
                BarSize::Ticks(count) => updated.count >= count,
                BarSize::Volume(quantity) => updated.volume >= quantity,
            };
            full.then(|| series.bar(instrument, updated, sample.ts_recv))
        })
    }

    /// The bar whose volume would exceed the bound of `Quantity` with this sample, which is not yet applied.
    pub fn overflowed_by(&self, instrument: &InstrumentId, sample: &Sample) -> Option<BarSpec> {
        let exceeds = |series: &&Series| {
            let open = series.open.filter(|bar| series.window().is_none() || sample.ts_recv < bar.closed);
            let volume = open.filter(|_| series.updated(sample).is_some()).map(|bar| bar.volume);
            volume.is_some_and(|volume| volume.checked_add(sample.volume).is_none())
        };
        self.series_of(instrument).find(exceeds).map(|series| series.spec)
    }

    /// Applies an accepted sample to the open bars.
    pub fn apply(&mut self, instrument: &InstrumentId, sample: Sample) {
        for series in self.series.get_mut(instrument).into_iter().flatten() {
            match series.updated(&sample) {
                Some(open) => series.open = Some(open),
                None if series.spec.of == sample.of => series.late = series.late.saturating_add(1),
                None => {}
            }
        }
    }

    /// Closes the open bar that became the fact `bar`.
    pub fn close(&mut self, bar: &Bar) {
        let all = self.series.get_mut(&bar.instrument).into_iter().flatten();
        for series in all.filter(|series| series.spec == bar.bar) {
            *series = Series { spec: series.spec, open: None, closed: bar.closed, late: 0 };
        }
    }

    fn series_of(&self, instrument: &InstrumentId) -> impl Iterator<Item = &Series> + use<'_> {
        self.series.get(instrument).into_iter().flatten()
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

    /// The open bar after a sample; `None` if the sample is not for this series, or late.
    fn updated(&self, sample: &Sample) -> Option<OpenBar> {
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

    fn bar(&self, instrument: InstrumentId, open_bar: OpenBar, ts_recv: u64) -> Bar {
        let OpenBar { open, high, low, close, volume, count, opened, closed } = open_bar;
        Bar {
            instrument,
            bar: self.spec,
            open,
            high,
            low,
            close,
            volume,
            count,
            late: self.late,
            opened,
            closed,
            source: None,
            ts_recv,
            ts_event: None,
        }
    }
}
