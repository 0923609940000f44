//! Rejects a definition that contradicts itself or an earlier one. New steps under the same currencies are allowed.

use tapedeck_schemas::event::RejectReason;
use tapedeck_schemas::market::MarketBody;

use super::{Candidate, Rejection, require};
use crate::instruments::INSTRUMENTS_MAX;

/// Tick and lot size are above zero, `min_notional` is not below zero, and the two currencies differ and never change.
pub(super) fn check(candidate: &Candidate) -> Result<(), Rejection> {
    let MarketBody::Definition { base, quote, tick_size, lot_size, min_notional, .. } = candidate.event.body else {
        return Ok(());
    };
    let require = |holds, detail: &dyn Fn() -> String| require(holds, RejectReason::BadDefinition, detail);
    require(tick_size.is_positive(), &|| format!("tick_size {tick_size} is not above zero"))?;
    require(lot_size.is_positive(), &|| format!("lot_size {lot_size} is not above zero"))?;
    require(!min_notional.is_negative(), &|| format!("min_notional {min_notional} is below zero"))?;
    require(base != quote, &|| format!("base and quote are both {base}"))?;
    match candidate.terms {
        Some(terms) => require((base, quote) == (terms.base, terms.quote), &|| {
            format!("{base}/{quote} was defined as {}/{} before", terms.base, terms.quote)
        }),
        None => require(candidate.instruments < INSTRUMENTS_MAX, &|| {
            format!("the partition already defines {INSTRUMENTS_MAX} instruments, its bound")
        }),
    }
}
