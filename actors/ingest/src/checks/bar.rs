//! Rejects a published bar that contradicts itself. The events that it was built from are not known here.

use tapedeck_schemas::bar::BarSize;
use tapedeck_schemas::event::{RejectDetail, RejectReason};
use tapedeck_schemas::market::{BarBody, MarketBody};

use super::{Candidate, Rejection, named, require};

/// Open and close are within low and high. The window of a time bar has the length in its name and is aligned to the
/// Unix epoch; any other bar does not end before it starts.
pub(super) fn check(candidate: &Candidate) -> Result<(), Rejection> {
    let MarketBody::Bar(BarBody { bar, open, high, low, close, opened, closed, .. }) = candidate.event.body else {
        return Ok(());
    };
    let require = |holds, detail: &dyn Fn() -> RejectDetail| require(holds, RejectReason::BadBar, detail);
    for (name, price) in [("open", open), ("close", close)] {
        require((low..=high).contains(&price), &|| RejectDetail::OutsideBar { field: named(name), price, low, high })?;
    }
    match bar.size {
        BarSize::Time(length) => require(opened.checked_add(length) == Some(closed) && opened % length == 0, &|| {
            RejectDetail::NotAWindow { bar, opened, closed }
        }),
        _ => require(opened <= closed, &|| RejectDetail::ClosedBeforeOpened { opened, closed }),
    }
}
