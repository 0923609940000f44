//! Refuses a definition that contradicts itself or an earlier one. New grids under the same currencies are allowed.

use tapedeck_schemas::event::RejectReason;
use tapedeck_schemas::market::MarketBody;

use super::{Candidate, Rejection, require};
use crate::instruments::INSTRUMENTS_MAX;

/// Grids above zero, least order value not below, two currencies, the same ones as before.
pub(super) fn check(subject: &Candidate) -> Result<(), Rejection> {
    let MarketBody::Definition { base, quote, tick_size, lot_size, min_notional, .. } = subject.event.body else {
        return Ok(());
    };
    let require = |holds, detail: &dyn Fn() -> String| require(holds, RejectReason::BadDefinition, detail);
    require(tick_size.is_positive(), &|| format!("tick_size {tick_size} is not above zero"))?;
    require(lot_size.is_positive(), &|| format!("lot_size {lot_size} is not above zero"))?;
    require(!min_notional.is_negative(), &|| format!("min_notional {min_notional} is below zero"))?;
    require(base != quote, &|| format!("base and quote are both {base}"))?;
    match subject.known {
        Some(known) => require((base, quote) == (known.base, known.quote), &|| {
            format!("{base}/{quote} was defined as {}/{} before", known.base, known.quote)
        }),
        None => require(subject.instruments < INSTRUMENTS_MAX, &|| {
            format!("the partition already defines {INSTRUMENTS_MAX} instruments, its bound")
        }),
    }
}
