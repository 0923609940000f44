//! Rejects a definition that contradicts itself or the one in force. New terms under the same currencies are allowed if
//! they are not older than those in force: a late definition must not replace a current one. The operator may set any
//! terms at any time, and a publisher none but these afterwards.

use tapedeck_schemas::bar::BarAlign;
use tapedeck_schemas::event::{RejectDetail, RejectReason};
use tapedeck_schemas::market::{DefinitionBody, MarketBody};

use super::{Candidate, Rejection, named, require};
use crate::calendars::{CALENDARS_MAX, OPERATOR_CALENDARS};
use crate::instruments::{INSTRUMENTS_MAX, InstrumentTerms, OPERATOR_INSTRUMENTS, is_operator};

/// Tick and lot size are above zero, `min_notional` is not below zero, the two currencies differ and never change, bars
/// by trading sessions have a calendar, and an older definition has the terms in force.
pub(super) fn check(candidate: &Candidate) -> Result<(), Rejection> {
    let MarketBody::Definition(DefinitionBody {
        base,
        quote,
        tick_size,
        lot_size,
        min_notional,
        ref bars,
        prices,
        trade_ids,
        ref sources,
        ref calendar,
    }) = candidate.event.body
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
    let is_operator = is_operator(candidate.event.source);
    let (instrument, calendars) = (&candidate.instrument, candidate.bars.calendars());
    if let Some(bar) = bars.iter().copied().find(|bar| bar.align == BarAlign::Session) {
        let has_one = calendars.after(instrument, calendar.as_ref(), is_operator).is_some();
        require(has_one, &|| RejectDetail::NoCalendar { bar })?;
    }
    if let Some(calendar) = calendar {
        let limit = CALENDARS_MAX + if is_operator { OPERATOR_CALENDARS } else { 0 };
        let count = calendars.count_with(instrument, calendar);
        let holds = count <= limit.max(calendars.len());
        require(holds, &|| RejectDetail::TooManyCalendars { limit: limit as u32 })?;
    }
    match candidate.terms {
        Some(terms) => {
            for (name, currency, defined) in [("base", base, terms.base), ("quote", quote, terms.quote)] {
                require(currency == defined, &|| RejectDetail::ChangedCurrency {
                    field: named(name),
                    currency: currency.into(),
                    defined: defined.into(),
                })?;
            }
            let (ts_recv, defined) = (candidate.event.ts_recv, terms.defined);
            let is_in_force = || {
                (tick_size, lot_size, min_notional) == (terms.tick_size, terms.lot_size, terms.min_notional)
                    && (prices, trade_ids) == (terms.prices, terms.trade_ids)
                    && *bars == candidate.bars.specs(&candidate.instrument)
                    && (sources.is_empty() || *sources == terms.sources)
                    && (calendar.is_none() || calendar.as_ref() == calendars.get(instrument))
            };
            let &InstrumentTerms { tick_size, lot_size, is_set_by_operator, .. } = terms;
            let may_change = is_operator || !is_set_by_operator;
            require(may_change || is_in_force(), &|| RejectDetail::OperatorTerms { tick_size, lot_size })?;
            let holds = is_operator || ts_recv >= defined || is_in_force();
            require(holds, &|| RejectDetail::OlderDefinition { ts_recv, defined })
        }
        None => {
            let reserve = if is_operator { OPERATOR_INSTRUMENTS } else { 0 };
            let limit = INSTRUMENTS_MAX + reserve;
            require(candidate.instruments < limit, &|| RejectDetail::TooManyInstruments { limit: limit as u32 })
        }
    }
}
