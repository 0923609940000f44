//! Refuses a published bar that contradicts itself; what it was made of cannot be known here.

use tapedeck_schemas::bar::BarSize;
use tapedeck_schemas::event::RejectReason;
use tapedeck_schemas::market::MarketBody;

use super::{Candidate, Rejection, require};

/// OpenBar and close between low and high; a time bar's window is as long as its name says, any other ends no earlier
/// than it begins.
pub(super) fn check(subject: &Candidate) -> Result<(), Rejection> {
    let MarketBody::Bar { bar, open, high, low, close, opened, closed, .. } = subject.event.body else {
        return Ok(());
    };
    let require = |holds, detail: &dyn Fn() -> String| require(holds, RejectReason::BadBar, detail);
    for (name, price) in [("open", open), ("close", close)] {
        require((low..=high).contains(&price), &|| format!("{name} {price} is not from low {low} to high {high}"))?;
    }
    match bar.size {
        BarSize::Time(length) => require(opened.checked_add(length) == Some(closed) && opened % length == 0, &|| {
            format!("{opened} to {closed} is no window of {bar}: windows count from the epoch")
        }),
        _ => require(opened <= closed, &|| format!("opened {opened} is after closed {closed}")),
    }
}
