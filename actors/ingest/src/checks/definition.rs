//! Rejects a definition that contradicts itself or an earlier one. New steps under the same currencies are allowed.

use tapedeck_schemas::event::{RejectDetail, RejectReason};
use tapedeck_schemas::market::{DefinitionBody, MarketBody};

use super::{Candidate, Rejection, named, require};
use crate::instruments::INSTRUMENTS_MAX;

/// Tick and lot size are above zero, `min_notional` is not below zero, and the two currencies differ and never change.
pub(super) fn check(candidate: &Candidate) -> Result<(), Rejection> {
    let MarketBody::Definition(DefinitionBody { base, quote, tick_size, lot_size, min_notional, .. }) =
        candidate.event.body
    else {
        return Ok(());
    };
    let require = |holds, detail: &dyn Fn() -> RejectDetail| require(holds, RejectReason::BadDefinition, detail);
    require(tick_size.is_positive(), &|| RejectDetail::PriceNotPositive {
        field: named("tick_size"),
        price: tick_size,
    })?;
    require(lot_size.is_positive(), &|| RejectDetail::QuantityNotPositive {
        field: named("lot_size"),
        quantity: lot_size,
    })?;
    require(!min_notional.is_negative(), &|| RejectDetail::NegativeNotional { min_notional })?;
    require(base != quote, &|| RejectDetail::EqualCurrencies { currency: base })?;
    match candidate.terms {
        Some(terms) => [("base", base, terms.base), ("quote", quote, terms.quote)].into_iter().try_for_each(
            |(name, currency, defined)| {
                let changed = || RejectDetail::ChangedCurrency {
                    field: named(name),
                    currency: currency.into(),
                    defined: defined.into(),
                };
                require(currency == defined, &changed)
            },
        ),
        None => require(candidate.instruments < INSTRUMENTS_MAX, &|| RejectDetail::TooManyInstruments {
            limit: INSTRUMENTS_MAX as u32,
        }),
    }
}
