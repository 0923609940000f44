//! The defined instruments: the terms of each, and its natural keys. No prices are kept here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tapedeck_schemas::event::InstrumentDefined;
use tapedeck_schemas::ids::{Currency, InstrumentId, SourceId};
use tapedeck_schemas::number::{Money, Price, Quantity};
use tapedeck_schemas::offset::TapeTime;
use tapedeck_schemas::subject::OPERATOR_SOURCE;

use crate::natural_keys::NaturalKeys;

/// Most instruments of a partition; a further definition is rejected.
pub const INSTRUMENTS_MAX: usize = 10_000;

/// Instruments that only the operator may define, beyond [`INSTRUMENTS_MAX`]: a publisher can use up the others.
pub const OPERATOR_INSTRUMENTS: usize = 256;

/// Whether a source is that of the operators. The broker proves it where publishers have keys.
pub fn is_operator(source: SourceId) -> bool {
    source.as_str() == OPERATOR_SOURCE
}

/// The terms of a defined instrument, and its natural keys.
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
    /// Greatest `ts_recv` of a definition with these terms, ns.
    pub defined: TapeTime,
    /// Sources that may publish on the instrument, sorted; if empty, any source may.
    pub sources: Vec<SourceId>,
    /// Whether the operator has set these terms, so that no definition of a publisher changes them.
    pub is_set_by_operator: bool,
    /// Trade ids accepted, over all sources and sessions.
    pub trades: NaturalKeys,
    /// Update ids accepted, over all sources and sessions.
    pub updates: NaturalKeys,
}

/// Every defined instrument.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Instruments {
    terms: BTreeMap<InstrumentId, InstrumentTerms>,
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

    /// Sets the terms of an instrument as a definition by `source` has them; its natural keys stay. The sources that a
    /// publisher does not name stay too, while the operator sets all terms.
    pub fn define(&mut self, fact: &InstrumentDefined, source: Option<SourceId>) {
        let before = self.terms.remove(&fact.instrument);
        let is_operator = source.is_some_and(is_operator);
        let sources = match &before {
            Some(terms) if fact.sources.is_empty() && !is_operator => terms.sources.clone(),
            _ => fact.sources.clone(),
        };
        let instrument = InstrumentTerms {
            base: fact.base,
            quote: fact.quote,
            tick_size: fact.tick_size,
            lot_size: fact.lot_size,
            min_notional: fact.min_notional,
            defined: before.as_ref().map_or(fact.ts_recv, |terms| terms.defined.max(fact.ts_recv)),
            sources,
            is_set_by_operator: is_operator || before.as_ref().is_some_and(|terms| terms.is_set_by_operator),
            trades: before.as_ref().map(|terms| terms.trades.clone()).unwrap_or_default(),
            updates: before.map(|terms| terms.updates).unwrap_or_default(),
        };
        self.terms.insert(fact.instrument, instrument);
    }

    /// Records that numbers of a session of the instrument were skipped, perhaps with their natural keys.
    pub fn skip_keys(&mut self, id: &InstrumentId) {
        if let Some(terms) = self.terms.get_mut(id) {
            terms.trades.open();
            terms.updates.open();
        }
    }

    /// Records the update id of an accepted quote; `was_missing`: a gap had skipped its number.
    pub fn accept_update(&mut self, id: &InstrumentId, update_id: Option<u64>, was_missing: bool) {
        if let (Some(terms), Some(update_id)) = (self.terms.get_mut(id), update_id) {
            terms.updates.accept(update_id, was_missing);
        }
    }

    /// Records the trade id of an accepted trade; `was_missing`: a gap had skipped its number.
    pub fn accept_trade(&mut self, id: &InstrumentId, trade_id: Option<u64>, was_missing: bool) {
        if let (Some(terms), Some(trade_id)) = (self.terms.get_mut(id), trade_id) {
            terms.trades.accept(trade_id, was_missing);
        }
    }
}
