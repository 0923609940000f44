//! Exact totals of a feed without its injected faults, for comparison with what was recorded.

use std::collections::{BTreeMap, BTreeSet};

use tapedeck_schemas::ids::InstrumentId;
use tapedeck_schemas::market::{MarketBody, PriceDomain};
use tapedeck_schemas::number::{Price, Total};

use crate::item::{Item, Payload};

/// Totals by instrument.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// Instruments with at least one quote or trade.
    pub by_instrument: BTreeMap<InstrumentId, InstrumentTotals>,
    /// Instruments that may have a price of 0: of others, a side with price 0 and size 0 is absent.
    zero_prices: BTreeSet<InstrumentId>,
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
    /// Bid of the last quote.
    pub last_bid: Option<Price>,
    /// Ask of the last quote.
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
        let has_zero = self.zero_prices.contains(&instrument);
        match body {
            MarketBody::Definition(terms) if terms.prices == PriceDomain::Any => {
                self.zero_prices.insert(instrument);
            }
            MarketBody::Definition(_) => {
                self.zero_prices.remove(&instrument);
            }
            MarketBody::Quote(quote) => {
                let totals = self.by_instrument.entry(instrument).or_default();
                totals.quotes += 1;
                let quote = if has_zero { quote.clone() } else { quote.without_zero_sides() };
                (totals.last_bid, totals.last_ask) = (quote.bid, quote.ask);
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
