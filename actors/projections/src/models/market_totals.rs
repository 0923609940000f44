//! Totals by instrument: counts, exact sums, last prices. The last bid and ask are the last ones quoted, each with its
//! time: the quote in force has no side whose time is not that of the last quote.

use tapedeck_schemas::event::Event;
use tapedeck_schemas::number::Total;

use super::{table, text};
use crate::{ProjectedFact, Projection, RowOp, Table};

pub(super) struct MarketTotals;

table!("market_totals_v1", append: false,
    partition BigInt Key, instrument Text Key,
    quotes BigInt Add, trades BigInt Add, notional Numeric Add, quantity Numeric Add,
    first_price Numeric Keep, last_price Numeric Replace, last_bid Numeric Replace, last_ask Numeric Replace,
    bid_at Numeric Replace, ask_at Numeric Replace, quote_at Numeric Replace,
);

impl Projection for MarketTotals {
    fn name(&self) -> &'static str {
        TABLE.name
    }
    fn table(&self) -> &'static Table {
        &TABLE
    }
    fn project(&self, event: &ProjectedFact<'_>, ops: &mut Vec<RowOp>) {
        let (instrument, sums, last) = match &event.entry.event {
            Event::Quote(quote) => {
                let at = text(quote.ts_recv);
                let (bid_at, ask_at) = (quote.bid.and(at.clone()), quote.ask.and(at.clone()));
                let last = vec![None, None, quote.bid.and_then(text), quote.ask.and_then(text), bid_at, ask_at, at];
                (quote.instrument, [text(1), text(0), text(0), text(0)], last)
            }
            Event::Trade(trade) => {
                let notional = Total::product(trade.price, trade.quantity);
                let last = vec![text(trade.price), text(trade.price), None, None, None, None, None];
                (trade.instrument, [text(0), text(1), text(notional), text(trade.quantity)], last)
            }
            _ => return,
        };
        let row = [vec![text(event.partition), text(instrument)], sums.to_vec(), last].concat();
        ops.push(RowOp { table: &TABLE, row });
    }
}
