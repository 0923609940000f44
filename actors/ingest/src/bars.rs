//! Bars built from the accepted trades and quotes of an instrument. No fact is changed here.
//!
//! A time bar covers a window of the instrument's own `ts_recv`, aligned to UTC or to the trading sessions of its
//! calendar. The first accepted event of the instrument at or after the end of the window, heartbeats included, closes
//! it. A closed window never reopens: an event for a closed window, or for a window before the open one, is **late**. A
//! late event is in no time bar; the next bar counts it. An event outside of all sessions belongs to no session bar. A
//! window without events has no bar. A tick or volume bar is closed by the event that fills it, in order of arrival, so
//! no event is late for it. The bars of an instrument therefore depend on its own accepted events alone, however the
//! events of other instruments interleave with them.
//!
//! A bar is **cut**, that is closed early as a part, before an event whose quantity its volume cannot hold, and by a
//! definition that gives its window another start, or under whose prices, tick or lot size the bar would not be valid.
//! What follows in the same time is a further part, whatever window it is in. A bar that is added to an instrument
//! which has events begins with the next window, so that no whole bar lacks a part of its events.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tapedeck_schemas::bar::{BarAlign, BarInput, BarSize, BarSpec, BarWindow};
use tapedeck_schemas::calendar::Calendar;
use tapedeck_schemas::event::{Bar, CalendarEnded, InstrumentDefined, PriceDomain};
use tapedeck_schemas::ids::InstrumentId;
use tapedeck_schemas::number::{Price, Quantity};

use crate::calendars::Calendars;

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

/// The open bars of every instrument, and the calendars.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Bars {
    of: BTreeMap<InstrumentId, InstrumentBars>,
    calendars: Calendars,
}

/// The bars of one instrument.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct InstrumentBars {
    series: Vec<Series>,
    /// Greatest `ts_recv` of its accepted trades and quotes, ns.
    last: u64,
}

/// The bars of one instrument and one specification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Series {
    spec: BarSpec,
    open: Option<OpenBar>,
    /// End of the last closed window, ns.
    closed: u64,
    /// The parts of a time bar since the last window that ended.
    cut: Option<CutWindow>,
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
    /// Greatest `ts_recv` of an event in the bar, ns.
    last: u64,
    /// End of the window of a time bar, ns.
    end: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct CutWindow {
    /// Start of the window of the last part, ns.
    opened: u64,
    /// Greatest end of the windows of the parts, ns. A bar that opens before it is a further part.
    end: u64,
    /// Number of closed parts.
    parts: u64,
}

/// What an accepted sample means to a series.
enum Placement {
    /// The series is of other events, or the sample is outside of all sessions.
    Elsewhere,
    Late,
    /// The open bar, with the sample.
    In(OpenBar),
}

impl Bars {
    /// Specifications of the bars that are built for an instrument.
    pub fn specs(&self, instrument: &InstrumentId) -> Vec<BarSpec> {
        self.series_of(instrument).map(|series| series.spec).collect()
    }

    /// The calendars in force.
    pub fn calendars(&self) -> &Calendars {
        &self.calendars
    }

    /// Replaces the bars of an instrument, and its calendar. Series that stay keep their open bars, unless these were
    /// cut; the other open bars are dropped.
    pub fn define(&mut self, fact: &InstrumentDefined, is_operator: bool) {
        let instrument = fact.instrument;
        let InstrumentBars { series: mut previous, last } = self.of.remove(&instrument).unwrap_or_default();
        let calendar = self.calendars.after(&instrument, fact.calendar.as_ref(), is_operator).cloned();
        let mut series = Vec::with_capacity(fact.bars.len());
        for spec in &fact.bars {
            let kept = previous.iter().position(|series| series.spec == *spec).map(|at| previous.remove(at));
            let mut one = kept.unwrap_or_else(|| Series::after(*spec, calendar.as_ref(), last));
            one.open = one.open.and_then(|bar| one.aligned(bar, calendar.as_ref()));
            series.push(one);
        }
        self.of.insert(instrument, InstrumentBars { series, last });
        self.calendars.set(instrument, calendar);
    }

    /// The time bars that an accepted event closes; `ts_recv` is that of the event, whose sample is not yet applied.
    pub fn closed_by(&self, instrument: InstrumentId, ts_recv: u64) -> impl Iterator<Item = Bar> + '_ {
        self.series_of(&instrument).filter_map(move |series| {
            let ended = series.open.filter(|bar| bar.is_ended_by(ts_recv))?;
            Some(series.bar(instrument, ended, false, ts_recv))
        })
    }

    /// The end of the calendar that an accepted event shows, if bars are built by it.
    pub fn calendar_ended_by(&self, instrument: InstrumentId, ts_recv: u64) -> Option<CalendarEnded> {
        let is_used = self.series_of(&instrument).any(|series| series.spec.align == BarAlign::Session);
        self.calendars.ended_by(instrument, ts_recv).filter(|_| is_used)
    }

    /// Records that [`Self::calendar_ended_by`] became a fact.
    pub fn record_end(&mut self, instrument: &InstrumentId) {
        self.calendars.record_end(instrument);
    }

    /// The open bars that a definition cuts, which is not yet applied.
    pub fn cut_by_definition<'a>(
        &'a self,
        fact: &'a InstrumentDefined,
        is_operator: bool,
    ) -> impl Iterator<Item = Bar> + 'a {
        let calendar = self.calendars.after(&fact.instrument, fact.calendar.as_ref(), is_operator);
        self.series_of(&fact.instrument).filter(|series| fact.bars.contains(&series.spec)).filter_map(move |series| {
            let open = series.open.filter(|bar| !bar.is_ended_by(fact.ts_recv))?;
            let prices = [open.open, open.high, open.low, open.close];
            let is_on_grid = series.spec.of == BarInput::Quotes
                || prices.into_iter().all(|price| price.is_multiple_of(fact.tick_size))
                    && open.volume.is_multiple_of(fact.lot_size);
            let is_allowed = fact.prices == PriceDomain::Any || open.low.is_positive();
            let is_kept = is_on_grid && is_allowed && series.aligned(open, calendar).is_some();
            (!is_kept).then(|| series.bar(fact.instrument, open, true, fact.ts_recv))
        })
    }

    /// The open bars that cannot hold an accepted sample, which is not yet applied.
    pub fn cut_by(&self, instrument: InstrumentId, sample: Sample) -> impl Iterator<Item = Bar> + '_ {
        let calendar = self.calendars.get(&instrument);
        self.series_of(&instrument).filter_map(move |series| {
            let Placement::In(updated) = series.place(calendar, &sample) else { return None };
            let open = series.open_in(updated.window())?;
            open.with(&sample).is_none().then(|| series.bar(instrument, open, true, sample.ts_recv))
        })
    }

    /// The tick and volume bars that an accepted sample fills; the sample is not yet applied.
    pub fn filled_by(&self, instrument: InstrumentId, sample: Sample) -> impl Iterator<Item = Bar> + '_ {
        let calendar = self.calendars.get(&instrument);
        self.series_of(&instrument).filter_map(move |series| {
            let Placement::In(updated) = series.place(calendar, &sample) else { return None };
            let full = match series.spec.size {
                BarSize::Ticks(count) => updated.count >= count,
                BarSize::Volume(quantity) => updated.volume >= quantity,
                BarSize::Time(_) | BarSize::Weeks(_) | BarSize::Months(_) => false,
            };
            full.then(|| series.bar(instrument, updated, false, sample.ts_recv))
        })
    }

    /// Applies an accepted sample to the open bars.
    pub fn apply(&mut self, instrument: &InstrumentId, sample: Sample) {
        let calendar = self.calendars.get(instrument);
        let Some(bars) = self.of.get_mut(instrument) else { return };
        bars.last = bars.last.max(sample.ts_recv);
        for series in &mut bars.series {
            match series.place(calendar, &sample) {
                Placement::In(open) => series.open = Some(open),
                Placement::Late => series.late = series.late.saturating_add(1),
                Placement::Elsewhere => {}
            }
        }
    }

    /// Closes the open bar that became the fact `bar`.
    pub fn close(&mut self, bar: &Bar) {
        let all = self.of.get_mut(&bar.instrument).into_iter().flat_map(|bars| &mut bars.series);
        for series in all.filter(|series| series.spec == bar.bar) {
            let end = series.open.and_then(|open| open.end).filter(|end| bar.closed < *end);
            let (closed, cut) = match end {
                Some(end) => {
                    let end = series.cut.map_or(end, |cut| cut.end.max(end));
                    (series.closed, Some(CutWindow { opened: bar.opened, end, parts: bar.part }))
                }
                None => (bar.closed, None),
            };
            *series = Series { spec: series.spec, open: None, closed, cut, late: 0 };
        }
    }

    fn series_of(&self, instrument: &InstrumentId) -> impl Iterator<Item = &Series> + use<'_> {
        self.of.get(instrument).into_iter().flat_map(|bars| &bars.series)
    }
}

impl OpenBar {
    fn window(&self) -> Option<BarWindow> {
        self.end.map(|closed| BarWindow { opened: self.opened, closed })
    }

    fn is_ended_by(&self, ts_recv: u64) -> bool {
        self.end.is_some_and(|end| ts_recv >= end)
    }

    /// The bar with a sample; `None` if a sum would be beyond its range.
    fn with(&self, sample: &Sample) -> Option<OpenBar> {
        Some(OpenBar {
            high: self.high.max(sample.price),
            low: self.low.min(sample.price),
            close: sample.price,
            volume: self.volume.checked_add(sample.volume)?,
            count: self.count.checked_add(1)?,
            last: self.last.max(sample.ts_recv),
            ..*self
        })
    }
}

impl Series {
    /// A series that begins after the last event of its instrument, if there is one: with the next window.
    fn after(spec: BarSpec, calendar: Option<&Calendar>, last: u64) -> Self {
        let window = spec.window(calendar, last).filter(|_| last > 0);
        let closed = window.map_or(last, |window| window.closed);
        Self { spec, open: None, closed, cut: None, late: 0 }
    }

    /// What a sample means to the series.
    fn place(&self, calendar: Option<&Calendar>, sample: &Sample) -> Placement {
        if sample.of != self.spec.of {
            return Placement::Elsewhere;
        }
        let Sample { price, volume, ts_recv, .. } = *sample;
        let window = self.spec.window(calendar, ts_recv);
        match window {
            None if self.spec.is_timed() => return Placement::Elsewhere,
            Some(window) if self.is_late(window) => return Placement::Late,
            _ => {}
        }
        let (opened, end) = window.map_or((ts_recv, None), |window| (window.opened, Some(window.closed)));
        let (open, high, low, close) = (price, price, price, price);
        let new = OpenBar { open, high, low, close, volume, count: 1, opened, last: ts_recv, end };
        Placement::In(self.open_in(window).and_then(|bar| bar.with(sample)).unwrap_or(new))
    }

    /// The open bar, if it is of this window; a tick or volume bar has none.
    fn open_in(&self, window: Option<BarWindow>) -> Option<OpenBar> {
        self.open.filter(|bar| window.is_none_or(|window| window.opened == bar.opened))
    }

    fn is_late(&self, window: BarWindow) -> bool {
        let is_before_open = self.open.is_some_and(|bar| window.opened < bar.opened);
        let is_before_cut = self.cut.is_some_and(|cut| window.closed <= cut.opened);
        window.opened < self.closed || is_before_open || is_before_cut
    }

    /// The open bar under another calendar; `None` if its window has another start, or ended before its last event.
    fn aligned(&self, bar: OpenBar, calendar: Option<&Calendar>) -> Option<OpenBar> {
        match self.spec.align {
            BarAlign::Utc => Some(bar),
            BarAlign::Session => {
                let window = self.spec.window(calendar, bar.last).filter(|window| window.opened == bar.opened)?;
                Some(OpenBar { end: Some(window.closed), ..bar })
            }
        }
    }

    /// The fact of an open bar, which is closed at its end or cut.
    fn bar(&self, instrument: InstrumentId, open_bar: OpenBar, is_cut: bool, ts_recv: u64) -> Bar {
        let OpenBar { open, high, low, close, volume, count, opened, last, end } = open_bar;
        let parts = self.cut.filter(|cut| opened < cut.end).map_or(0, |cut| cut.parts);
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
            closed: end.filter(|_| !is_cut).unwrap_or(last),
            part: if is_cut || parts > 0 { parts.saturating_add(1) } else { 0 },
            source: None,
            ts_recv,
            ts_event: None,
        }
    }
}
