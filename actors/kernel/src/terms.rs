//! The terms of an instrument that an order must hold to, without what only ingest needs: bars, sources and calendar.

use serde::{Deserialize, Serialize};
use tapedeck_schemas::event::{InstrumentDefined, PriceDomain};
use tapedeck_schemas::ids::Currency;
use tapedeck_schemas::number::{Money, Price, Quantity};

/// The terms of one instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderTerms {
    /// Base currency, which is bought and sold.
    pub base: Currency,
    /// Quote currency, which prices are in.
    pub quote: Currency,
    /// Step of prices, above zero.
    pub tick_size: Price,
    /// Step of quantities, above zero.
    pub lot_size: Quantity,
    /// Least notional of an order, not below zero.
    pub min_notional: Money,
    /// Prices that the instrument may have.
    pub prices: PriceDomain,
}

impl From<&InstrumentDefined> for OrderTerms {
    fn from(fact: &InstrumentDefined) -> Self {
        let &InstrumentDefined { base, quote, tick_size, lot_size, min_notional, prices, .. } = fact;
        Self { base, quote, tick_size, lot_size, min_notional, prices }
    }
}
