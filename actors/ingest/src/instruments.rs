//! The defined instruments: the terms of each, and the venue's ids of its events. No prices are kept here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tapedeck_schemas::event::{Bar, InstrumentDefined, PriceDomain, Quote, Trade, TradeIdOrder};
use tapedeck_schemas::ids::{Currency, InstrumentId, SourceId};
use tapedeck_schemas::market::BarBody;
use tapedeck_schemas::number::{Money, Price, Quantity};
use tapedeck_schemas::offset::TapeTime;
use tapedeck_schemas::subject::OPERATOR_SOURCE;

use crate::venue_ids::{ConsecutiveIds, EventKey, EventKeys, Identity, VENUE_IDS_LEFT, VENUE_IDS_MAX, bar_key, cut_to};

/// Most instruments of a partition; a further definition is rejected.
pub const INSTRUMENTS_MAX: usize = 10_000;

/// Instruments that only the operator may define, beyond [`INSTRUMENTS_MAX`]: a publisher can use up the others.
pub const OPERATOR_INSTRUMENTS: usize = 256;

/// Whether a source is that of the operators. The broker proves it where publishers have keys.
pub fn is_operator(source: SourceId) -> bool {
    source.as_str() == OPERATOR_SOURCE
}

/// The terms of a defined instrument, and the venue's ids of its events.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct InstrumentTerms {
    /// Base currency, which is bought and sold; fixed by the first definition.
    pub base: Currency,
    /// Quote currency, which prices are in; fixed by the first definition.
    pub quote: Currency,
    /// Step of prices, above zero.
    pub tick_size: Price,
    /// Step of quantities, above zero.
    pub lot_size: Quantity,
    /// Least notional of an order, not below zero.
    pub min_notional: Money,
    /// Prices that the instrument may have.
    pub prices: PriceDomain,
    /// Greatest `ts_recv` of a definition with these terms, ns.
    pub defined: TapeTime,
    /// Sources that may publish on the instrument, sorted; if empty, any source may.
    pub sources: Vec<SourceId>,
    /// Whether the operator has set these terms, so that no definition of a publisher changes them.
    pub is_set_by_operator: bool,
    /// How the venue's ids of trades follow each other.
    pub trade_ids: TradeIdOrder,
    /// What was accepted of the instrument, to recognise a repetition.
    pub accepted: AcceptedIds,
}

/// The events of an instrument that were accepted, over all sources and sessions.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct AcceptedIds {
    /// The latest trades with an id.
    pub trades: EventKeys,
    /// The latest quotes with an id.
    pub updates: EventKeys,
    /// The latest published bars.
    pub bars: EventKeys,
    /// Greatest `ts_recv` of the quotes with an id, ns.
    pub updated: u64,
    /// The numbers of the trades, if they are consecutive.
    pub consecutive: ConsecutiveIds,
}

impl AcceptedIds {
    fn windows(&self) -> [&EventKeys; 3] {
        [&self.trades, &self.updates, &self.bars]
    }

    fn windows_mut(&mut self) -> [&mut EventKeys; 3] {
        [&mut self.trades, &mut self.updates, &mut self.bars]
    }
}

/// Every defined instrument.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Instruments {
    terms: BTreeMap<InstrumentId, InstrumentTerms>,
    /// Number of event keys of all instruments.
    keys: usize,
}

impl Instruments {
    /// The instrument's terms, if it is defined.
    pub fn get(&self, id: &InstrumentId) -> Option<&InstrumentTerms> {
        self.terms.get(id)
    }

    /// How many are defined.
    pub fn len(&self) -> usize {
        self.terms.len()
    }

    /// Whether none is defined.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Sets the terms of an instrument as a definition by `source` has them; the venue's ids stay. The sources that a
    /// publisher does not name stay too, while the operator sets all terms.
    pub fn define(&mut self, fact: &InstrumentDefined, source: Option<SourceId>) {
        let is_operator = source.is_some_and(is_operator);
        let before = self.terms.remove(&fact.instrument);
        let (mut sources, mut defined, mut is_set_by_operator) = (fact.sources.clone(), fact.ts_recv, is_operator);
        let mut accepted = AcceptedIds::default();
        if let Some(before) = before {
            if fact.sources.is_empty() && !is_operator {
                sources = before.sources;
            }
            defined = defined.max(before.defined);
            is_set_by_operator |= before.is_set_by_operator;
            accepted = before.accepted;
            if fact.trade_ids != before.trade_ids {
                accepted.consecutive = ConsecutiveIds::default();
            }
        }
        let instrument = InstrumentTerms {
            base: fact.base,
            quote: fact.quote,
            tick_size: fact.tick_size,
            lot_size: fact.lot_size,
            min_notional: fact.min_notional,
            prices: fact.prices,
            trade_ids: fact.trade_ids,
            defined,
            sources,
            is_set_by_operator,
            accepted,
        };
        self.terms.insert(fact.instrument, instrument);
    }

    /// Records the id of an accepted quote.
    pub fn accept_quote(&mut self, quote: &Quote) {
        let Some(id) = &quote.update_id else { return };
        let at = quote.ts_event.unwrap_or(quote.ts_recv);
        let key = Identity::of_quote(id, (quote.bid, quote.bid_size), (quote.ask, quote.ask_size), at).key();
        self.accept(&quote.instrument, key, |accepted| &mut accepted.updates);
        if let Some(terms) = self.terms.get_mut(&quote.instrument) {
            terms.accepted.updated = terms.accepted.updated.max(quote.ts_recv);
        }
    }

    /// Records an accepted bar; one that ingest built is none.
    pub fn accept_bar(&mut self, bar: &Bar) {
        if bar.source.is_some() {
            self.accept(&bar.instrument, bar_key(&BarBody::of(bar)), |accepted| &mut accepted.bars);
        }
    }

    /// Records the id of an accepted trade.
    pub fn accept_trade(&mut self, trade: &Trade) {
        let Some(id) = &trade.trade_id else { return };
        let at = trade.ts_event.unwrap_or(trade.ts_recv);
        let key = Identity::of_trade(id, trade.price, trade.quantity, at).key();
        self.accept(&trade.instrument, key, |accepted| &mut accepted.trades);
        if let (Some(terms), Some(number)) = (self.terms.get_mut(&trade.instrument), id.number())
            && terms.trade_ids == TradeIdOrder::Consecutive
        {
            terms.accepted.consecutive.accept(number, trade.ts_recv);
        }
    }

    fn accept(
        &mut self,
        instrument: &InstrumentId,
        key: EventKey,
        of: impl FnOnce(&mut AcceptedIds) -> &mut EventKeys,
    ) {
        let Some(terms) = self.terms.get_mut(instrument) else { return };
        let keys = of(&mut terms.accepted);
        let before = keys.len();
        keys.insert(key);
        self.keys += keys.len() - before;
        if self.keys > VENUE_IDS_MAX {
            self.drop_oldest();
        }
    }

    /// Drops the oldest keys of the instruments with the most.
    fn drop_oldest(&mut self) {
        let lengths = self.terms.values().flat_map(|terms| terms.accepted.windows().map(EventKeys::len)).collect();
        let most = cut_to(lengths, VENUE_IDS_LEFT);
        self.keys = 0;
        for keys in self.terms.values_mut().flat_map(|terms| terms.accepted.windows_mut()) {
            if keys.len() > most {
                keys.keep_latest(most);
            }
            self.keys += keys.len();
        }
    }
}
