//! Rejects a time that cannot be in nanoseconds: publishers send seconds, milliseconds or microseconds by mistake.

use tapedeck_schemas::event::{RejectDetail, RejectReason, TimeUnit};
use tapedeck_schemas::market::MarketBody;

use super::{Candidate, Rejection, named, require};

/// The least time, ns since the Unix epoch: 1980-01-01. No market event is older, and a time in another unit is less:
/// microseconds of the year 2200, read as ns, are 84 days after 1970.
pub const TIME_NS_MIN: u64 = 315_532_800 * 1_000_000_000;
/// The end of the times that a unit must give to be named, ns since the Unix epoch: 2200-01-01.
const TIME_NS_END: u64 = 7_258_118_400 * 1_000_000_000;

/// Every time is at least [`TIME_NS_MIN`].
pub(super) fn check(candidate: &Candidate) -> Result<(), Rejection> {
    let event = candidate.event;
    let of_bar = match &event.body {
        MarketBody::Bar(bar) => [("opened", Some(bar.opened)), ("closed", Some(bar.closed))],
        _ => [("opened", None), ("closed", None)],
    };
    let times = [("ts_recv", Some(event.ts_recv)), ("ts_event", event.ts_event)];
    for (name, time) in times.into_iter().chain(of_bar).filter_map(|(name, time)| Some((name, time?))) {
        require(time >= TIME_NS_MIN, RejectReason::NotNanoseconds, || RejectDetail::NotNanoseconds {
            field: named(name),
            value: time,
            unit: unit_of(time),
        })?;
    }
    Ok(())
}

/// The unit in which a number is a time from 1980 to 2200.
fn unit_of(time: u64) -> Option<TimeUnit> {
    let units =
        [(TimeUnit::Seconds, 1_000_000_000), (TimeUnit::Milliseconds, 1_000_000), (TimeUnit::Microseconds, 1_000)];
    let is_time = |ns: u64| (TIME_NS_MIN..TIME_NS_END).contains(&ns);
    units.into_iter().find(|(_, ns)| time.checked_mul(*ns).is_some_and(is_time)).map(|(unit, _)| unit)
}
