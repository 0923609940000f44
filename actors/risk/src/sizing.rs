//! From a signal's target to an order on the grid. Sizing knows no limits: refusing is the checks' part.

use tapedeck_schemas::event::{InstrumentDefined, Order, Side, SignalRaised, TimeInForce};
use tapedeck_schemas::ids::OrderId;
use tapedeck_schemas::number::{Price, Quantity, Ratio};
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::param::{ParamSpec, Params};

use crate::checks::in_force;
use crate::exposure::{Exposure, LastQuote};
use crate::gate::Proposed;
use crate::open::OpenQuantity;

/// What a whole target is worth.
pub const TARGET_NOTIONAL: ParamSpec = ParamSpec {
    name: "risk.target_notional",
    unit: "quote currency",
    about: "value of the position that a target of 1 asks for",
    default: Ratio::whole(10_000),
    min: Ratio::ZERO,
    max: Ratio::whole(100_000_000_000),
};
/// From which confidence an order crosses the spread.
pub const IOC_CONFIDENCE: ParamSpec = ParamSpec {
    name: "risk.ioc_confidence",
    unit: "fraction",
    about: "confidence from which an order is IOC at the opposite touch; below it is GTC at its own",
    default: Ratio::saturating_from_units(Ratio::ONE * 6 / 10),
    min: Ratio::ZERO,
    max: Ratio::whole(2),
};

/// The parameters of sizing.
pub const PARAMS: &[ParamSpec] = &[TARGET_NOTIONAL, IOC_CONFIDENCE];

/// A signal to size.
#[derive(Debug, Clone, Copy)]
pub struct SizingRequest<'a> {
    /// What is wanted.
    pub signal: &'a SignalRaised,
    /// Offset of the signal.
    pub at: Offset,
    /// Id that the order will have.
    pub id: OrderId,
}

/// The order that takes position and open orders to the target; `None` when that is less than a lot or than the
/// least notional, or when there are no terms or no quote to size by.
pub fn size(wanted: &SizingRequest<'_>, exposure: &Exposure, open: OpenQuantity, params: &Params) -> Option<Proposed> {
    let (terms, quote, signal) = (exposure.terms()?, exposure.quote()?, wanted.signal);
    let desired = desired(signal, terms, &quote, params)?;
    let expected = exposure.position() + open.buy - open.sell;
    let delta = (desired - expected).truncate_to(terms.lot_size);
    if delta.is_zero() || !terms.lot_size.is_positive() {
        return None;
    }
    let side = if delta.is_positive() { Side::Buy } else { Side::Sell };
    let confident = signal.confidence >= in_force(params, &IOC_CONFIDENCE, &signal.instrument);
    let time_in_force = if confident { TimeInForce::Ioc } else { TimeInForce::Gtc };
    let price = limit_price(side, time_in_force, &quote, terms.tick_size)?;
    if price.saturating_notional(delta.abs()) < terms.min_notional {
        return None;
    }
    Some(Proposed::new(Order {
        id: wanted.id,
        account: signal.account,
        strategy: signal.strategy,
        instrument: signal.instrument,
        side,
        quantity: delta.abs(),
        price,
        time_in_force,
        signal: wanted.at,
    }))
}

/// target · max_position_notional / mid, rounded toward zero to the lot.
fn desired(signal: &SignalRaised, terms: &InstrumentDefined, quote: &LastQuote, params: &Params) -> Option<Quantity> {
    let target = signal.target.clamp(Ratio::whole(-1), Ratio::whole(1));
    let whole = in_force(params, &TARGET_NOTIONAL, &signal.instrument).to_money();
    Some(whole.scaled_by(target).at(quote.mid())?.truncate_to(terms.lot_size))
}

/// The opposite touch for IOC, the own for GTC. A touch off the grid moves to the next tick that is no worse.
fn limit_price(side: Side, time_in_force: TimeInForce, quote: &LastQuote, tick: Price) -> Option<Price> {
    let touch = match (side, time_in_force) {
        (Side::Buy, TimeInForce::Ioc) | (Side::Sell, TimeInForce::Gtc) => quote.ask,
        (Side::Sell, TimeInForce::Ioc) | (Side::Buy, TimeInForce::Gtc) => quote.bid,
    };
    let below = touch.truncate_to(tick);
    let price = if side == Side::Sell && below != touch { below + tick } else { below };
    // Held at the bound of a price, the sum could be off the grid.
    (price.is_positive() && price.is_multiple_of(tick)).then_some(price)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_no_price_beyond_the_bound_or_on_a_grid_without_a_step() {
        let most = Price::saturating_from_units(Price::MAX_UNITS);
        let quote = LastQuote { bid: most, ask: most, at: 0 };
        let price = |side, tick: &str| limit_price(side, TimeInForce::Ioc, &quote, tick.parse().unwrap());
        assert_eq!(price(Side::Buy, "3").unwrap().to_string(), "9999999999");
        assert_eq!(price(Side::Sell, "3"), None, "the next tick is beyond the bound");
        assert_eq!(price(Side::Buy, "0"), None);
    }
}
