//! The mark of an instrument: the prices at which a position in it is valued.
//!
//! The rule: the mid of the quote in force, if it has both sides and is not crossed. While there is no such quote, or a
//! trade is newer than it by more than the limit from which market data are late, the price of the latest trade. A side
//! that is withdrawn changes no mark; trades do. Late quotes and trades are not acted on, so they never mark.

use serde::{Deserialize, Serialize};
use tapedeck_schemas::event::{Event, Quote, Trade};
use tapedeck_schemas::number::Price;
use tapedeck_schemas::param::Params;

use crate::freshness::LATE_MS;
use crate::machine::Fact;

/// The prices of a mark, and its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Bid of the quote, or price of the trade.
    pub low: Price,
    /// Ask of the quote, or price of the trade. A position is valued half way between the two.
    pub high: Price,
    /// `ts_recv` of the quote or trade, ns.
    pub at: u64,
}

impl Mark {
    /// Half way between the two prices, rounded toward zero to 1e-12.
    pub fn price(&self) -> Price {
        self.low.mid_toward_zero(self.high)
    }
}

/// The mark of one instrument.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstrumentMark {
    mark: Option<Mark>,
    /// `ts_recv` of the quote in force, if it has both sides and is not crossed, ns.
    quoted_at: Option<u64>,
}

impl InstrumentMark {
    /// The mark; `None` before the first quote with both sides and the first trade.
    pub fn get(&self) -> Option<Mark> {
        self.mark
    }

    /// Observes a quote or trade that is not late.
    pub fn observe(&mut self, fact: &Fact, params: &Params) {
        match &fact.event {
            Event::Quote(quote) => self.quote(quote),
            Event::Trade(trade) => self.trade(trade, params),
            _ => {}
        }
    }

    fn quote(&mut self, quote: &Quote) {
        let touch = quote.touch();
        self.quoted_at = touch.is_some().then_some(quote.ts_recv);
        if let Some((low, high)) = touch {
            self.mark = Some(Mark { low, high, at: quote.ts_recv });
        }
    }

    fn trade(&mut self, trade: &Trade, params: &Params) {
        let limit = || params.in_force(&LATE_MS, &trade.instrument).milliseconds_to_ns();
        if self.quoted_at.is_none_or(|quoted| trade.ts_recv.saturating_sub(quoted) > limit()) {
            self.mark = Some(Mark { low: trade.price, high: trade.price, at: trade.ts_recv });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, aged, fact};
    use tapedeck_schemas::number::Quantity;
    use tapedeck_schemas::record::Writer;

    fn quote(at_ms: u64, bid: Option<&str>, ask: Option<&str>) -> Fact {
        let (price, zero) = (|text: Option<&str>| text.map(|text| text.parse().unwrap()), Quantity::ZERO);
        let event = Quote {
            instrument: "sim.X".parse().unwrap(),
            bid: price(bid),
            bid_size: zero,
            ask: price(ask),
            ask_size: zero,
            ts_recv: 0,
            ts_event: None,
            update_id: None,
        };
        aged(fact(Writer::Ingest, at_ms, event), 0)
    }

    fn trade(at_ms: u64, price: &str) -> Fact {
        testing::trade("sim.X".parse().unwrap(), at_ms, price)
    }

    #[test]
    fn the_mark_is_the_mid_and_the_latest_trade_while_there_is_none() {
        let (mut mark, params) = (InstrumentMark::default(), Params::default());
        assert_eq!(mark.get(), None);
        let mut after = |fact: Fact| {
            mark.observe(&fact, &params);
            mark.get().map(|mark| (mark.price().to_string(), mark.at / 1_000_000))
        };
        let is = |price: &str, at: u64| Some((price.to_string(), at));
        assert_eq!(after(quote(1, None, Some("9"))), None, "one side has no mid");
        assert_eq!(after(trade(2, "7")), is("7", 2));
        assert_eq!(after(quote(3, Some("100"), Some("102"))), is("101", 3));
        assert_eq!(after(trade(4, "50")), is("101", 3), "the quote is in force");
        assert_eq!(after(trade(10_003, "50")), is("101", 3), "the quote is as old as the limit");
        assert_eq!(after(trade(10_004, "50")), is("50", 10_004), "the quote is older than the limit");
        assert_eq!(after(trade(10_004, "49")), is("49", 10_004), "the latest trade, until there is a quote");
        assert_eq!(after(quote(10_005, Some("60"), Some("60"))), is("60", 10_005), "locked");
        assert_eq!(after(quote(10_006, Some("62"), Some("61"))), is("60", 10_005), "crossed");
        assert_eq!(after(trade(10_007, "61")), is("61", 10_007));
        assert_eq!(after(quote(10_008, Some("62"), Some("63"))), is("62.5", 10_008));
        assert_eq!(after(quote(10_009, None, None)), is("62.5", 10_008), "withdrawn");
        assert_eq!(after(trade(10_010, "40")), is("40", 10_010));
    }
}
