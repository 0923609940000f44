//! Rejects a published bar that contradicts itself. The events that it was built from are not known here.

use tapedeck_schemas::bar::BarAlign;
use tapedeck_schemas::event::{RejectDetail, RejectReason};
use tapedeck_schemas::market::{BarBody, MarketBody};

use super::clock::CLOCK_AHEAD_NS_MAX;
use super::{Candidate, Rejection, named, require};

/// Open and close are within low and high. The times of a time bar are a window of its size, by UTC or by the calendar
/// of the instrument, and those of a part lie within one, from its start; any other bar does not end before it starts.
/// No bar ends after its receipt by more than [`CLOCK_AHEAD_NS_MAX`]: it is not over.
pub(super) fn check(candidate: &Candidate) -> Result<(), Rejection> {
    let MarketBody::Bar(BarBody { bar, open, high, low, close, opened, closed, part, .. }) = candidate.event.body
    else {
        return Ok(());
    };
    let require = |holds, detail: &dyn Fn() -> RejectDetail| require(holds, RejectReason::BadBar, detail);
    for (name, price) in [("open", open), ("close", close)] {
        require((low..=high).contains(&price), &|| RejectDetail::OutsideBar { field: named(name), price, low, high })?;
    }
    require(opened <= closed, &|| RejectDetail::ClosedBeforeOpened { opened, closed })?;
    let ahead_ns = closed.saturating_sub(candidate.event.ts_recv);
    require(ahead_ns <= CLOCK_AHEAD_NS_MAX, &|| RejectDetail::ClosedAhead {
        closed,
        ahead_ns,
        limit_ns: CLOCK_AHEAD_NS_MAX,
    })?;
    if !bar.is_timed() {
        return Ok(());
    }
    let calendar = candidate.bars.calendars().get(&candidate.instrument);
    require(bar.align == BarAlign::Utc || calendar.is_some(), &|| RejectDetail::NoCalendar { bar })?;
    let is_window = bar.window(calendar, opened).is_some_and(|window| {
        window.opened == opened && if part == 0 { closed == window.closed } else { closed <= window.closed }
    });
    require(is_window, &|| RejectDetail::NotAWindow { bar, opened, closed })
}
