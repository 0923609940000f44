//! Turns the target of a signal into an order in whole ticks and lots. Limits are checked later, in [`crate::gate`].

use tapedeck_kernel::terms::OrderTerms;
use tapedeck_schemas::event::{Order, PriceDomain, Side, SignalRaised, TimeInForce};
use tapedeck_schemas::ids::OrderId;
use tapedeck_schemas::number::{Price, Quantity, Ratio};
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::param::{ParamSpec, Params};

use crate::exposure::{Exposure, LastQuote};
use crate::gate::Proposed;
use crate::open::OpenQuantity;

/// Value of the position at a target of 1.
pub const TARGET_NOTIONAL: ParamSpec = ParamSpec {
    name: "risk.target_notional",
    unit: "quote currency",
    about: "value of the position at a target of 1",
    default: Ratio::whole(10_000),
    min: Ratio::ZERO,
    max: Ratio::whole(100_000_000_000),
};
/// Confidence from which an order crosses the spread.
pub const IOC_CONFIDENCE: ParamSpec = ParamSpec {
    name: "risk.ioc_confidence",
    unit: "fraction",
    about: "confidence from which an order is IOC at the opposite touch; below, GTC at its own touch",
    default: Ratio::saturating_from_units(Ratio::ONE * 6 / 10),
    min: Ratio::ZERO,
    max: Ratio::whole(2),
};

/// The parameters of sizing.
pub const PARAMS: &[ParamSpec] = &[TARGET_NOTIONAL, IOC_CONFIDENCE];

/// A signal to size.
#[derive(Debug, Clone, Copy)]
pub struct SizingRequest<'a> {
    /// The signal, with its target and confidence.
    pub signal: &'a SignalRaised,
    /// Offset of the signal.
    pub at: Offset,
    /// Id of the order.
    pub id: OrderId,
}

/// The order that takes the position, with open orders filled, to the target. `None` if it is less than a lot or than
/// the least notional, or if the instrument has no terms, no mark, or no quote on the side that gives the limit price.
pub fn size(request: &SizingRequest<'_>, exposure: &Exposure, open: OpenQuantity, params: &Params) -> Option<Proposed> {
    let signal = request.signal;
    let terms = exposure.terms()?;
    let quote = exposure.quote()?;
    let desired = desired(signal, terms, exposure.mark()?, params)?;
    let expected = exposure.position() + open.buy - open.sell;
    let delta = (desired - expected).truncate_to(terms.lot_size);
    if delta.is_zero() || !terms.lot_size.is_positive() {
        return None;
    }
    let side = if delta.is_positive() { Side::Buy } else { Side::Sell };
    let confident = signal.confidence >= params.in_force(&IOC_CONFIDENCE, &signal.instrument);
    let time_in_force = if confident { TimeInForce::Ioc } else { TimeInForce::Gtc };
    let price = limit_price(side, time_in_force, &quote, terms.tick_size, terms.prices)?;
    if price.abs().saturating_notional(delta.abs()) < terms.min_notional {
        return None;
    }
    Some(Proposed::new(Order {
        id: request.id,
        account: signal.account,
        strategy: signal.strategy,
        instrument: signal.instrument,
        side,
        quantity: delta.abs(),
        price,
        time_in_force,
        signal: request.at,
    }))
}

/// target · target notional / |mark|, rounded toward zero to the lot size; `None` at a mark of zero. Beyond the bound
/// of `Quantity` it stops there, and `max_quantity` denies the order.
fn desired(signal: &SignalRaised, terms: &OrderTerms, mark: Price, params: &Params) -> Option<Quantity> {
    let target = signal.target.clamp(Ratio::whole(-1), Ratio::whole(1));
    let target_notional = params.in_force(&TARGET_NOTIONAL, &signal.instrument).to_money()?;
    let value = target_notional.scaled_by(target);
    if mark.is_zero() {
        return None;
    }
    let most = Quantity::saturating_from_units(if value.is_negative() { i128::MIN } else { i128::MAX });
    Some(value.at(mark.abs()).unwrap_or(most).truncate_to(terms.lot_size))
}

/// The opposite touch for IOC, the own touch for GTC, rounded to the tick size: down for a buy, up for a sell.
fn limit_price(
    side: Side,
    time_in_force: TimeInForce,
    quote: &LastQuote,
    tick: Price,
    prices: PriceDomain,
) -> Option<Price> {
    let touch = match (side, time_in_force) {
        (Side::Buy, TimeInForce::Ioc) | (Side::Sell, TimeInForce::Gtc) => quote.ask?,
        (Side::Sell, TimeInForce::Ioc) | (Side::Buy, TimeInForce::Gtc) => quote.bid?,
    };
    let within = touch.truncate_to(tick);
    let price = match side {
        Side::Sell if within < touch => within + tick,
        Side::Buy if within > touch => within - tick,
        _ => within,
    };
    let is_allowed = price.is_positive() || prices == PriceDomain::Any;
    // The sum saturates at the bound of `Price`, and is then no multiple of the tick size.
    (is_allowed && price.is_multiple_of(tick)).then_some(price)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_no_limit_price_beyond_the_bound_or_with_a_tick_size_of_zero() {
        let most = Price::saturating_from_units(Price::MAX_UNITS);
        let quote = LastQuote { bid: Some(most), ask: Some(most), ts_recv: 0 };
        let price = |side, tick: &str| {
            limit_price(side, TimeInForce::Ioc, &quote, tick.parse().unwrap(), PriceDomain::Positive)
        };
        assert_eq!(price(Side::Buy, "3").unwrap().to_string(), "9999999999");
        assert_eq!(price(Side::Sell, "3"), None, "the next tick is beyond the bound");
        assert_eq!(price(Side::Buy, "0"), None);
    }
}
