//! Exact totals of a feed without its injected faults, for comparison with what was recorded.

use std::collections::BTreeMap;

use tapedeck_schemas::ids::InstrumentId;
use tapedeck_schemas::market::MarketBody;
use tapedeck_schemas::number::{Price, Total};

use crate::item::{Item, Payload};

/// Totals by instrument.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// Instruments with at least one quote or trade.
    pub by_instrument: BTreeMap<InstrumentId, InstrumentTotals>,
}

/// One instrument's totals.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InstrumentTotals {
    /// Number of quotes.
    pub quotes: u64,
    /// Number of trades.
    pub trades: u64,
    /// Σ price · quantity of the trades.
    pub notional: Total,
    /// Σ quantity of the trades.
    pub quantity: Total,
    /// Price of the first trade.
    pub first_price: Option<Price>,
    /// Price of the last trade.
    pub last_price: Option<Price>,
    /// The last bid that was quoted.
    pub last_bid: Option<Price>,
    /// The last ask that was quoted.
    pub last_ask: Option<Price>,
}

impl Totals {
    /// Adds an item, unless it is an injected fault.
    pub fn add(&mut self, item: &Item) {
        if let (None, Payload::Event(event)) = (item.injected, &item.payload) {
            self.add_body(item.instrument, &event.body);
        }
    }

    /// Adds an accepted market event.
    pub fn add_body(&mut self, instrument: InstrumentId, body: &MarketBody) {
        match body {
            MarketBody::Quote(quote) => {
                let totals = self.by_instrument.entry(instrument).or_default();
                totals.quotes += 1;
                totals.last_bid = quote.bid.or(totals.last_bid);
                totals.last_ask = quote.ask.or(totals.last_ask);
            }
            MarketBody::Trade(trade) => {
                let totals = self.by_instrument.entry(instrument).or_default();
                totals.trades += 1;
                totals.notional += Total::product(trade.price, trade.quantity);
                totals.quantity += trade.quantity;
                totals.first_price = totals.first_price.or(Some(trade.price));
                totals.last_price = Some(trade.price);
            }
            _ => {}
        }
    }
}
