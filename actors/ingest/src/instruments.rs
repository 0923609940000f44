//! What is known of each defined instrument: its terms and the natural keys accepted last. Never a price.

use std::collections::BTreeMap;

use tapedeck_schemas::event::InstrumentDefined;
use tapedeck_schemas::ids::{Currency, InstrumentId};
use tapedeck_schemas::number::{Price, Quantity};

/// Most instruments that a partition defines; a further definition is refused.
pub const INSTRUMENTS_MAX: usize = 4096;

/// A defined instrument.
#[derive(Debug, Clone, Copy)]
pub struct InstrumentTerms {
    /// What is bought and sold; fixed by the first definition.
    pub base: Currency,
    /// What prices are in; fixed by the first definition.
    pub quote: Currency,
    /// Grid of prices, above zero.
    pub tick_size: Price,
    /// Grid of quantities, above zero.
    pub lot_size: Quantity,
    /// Greatest trade id accepted, over all sources and sessions.
    pub trade_id: Option<u64>,
    /// Greatest update id accepted, over all sources and sessions.
    pub update_id: Option<u64>,
}

/// Every defined instrument.
#[derive(Debug, Clone, Default)]
pub struct Instruments {
    known: BTreeMap<InstrumentId, InstrumentTerms>,
}

impl Instruments {
    /// The instrument, if it was defined.
    pub fn get(&self, id: &InstrumentId) -> Option<&InstrumentTerms> {
        self.known.get(id)
    }

    /// How many are defined.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether none is defined.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Terms hold from here; the natural keys accepted before stay.
    pub fn define(&mut self, fact: &InstrumentDefined) {
        let before = self.known.get(&fact.instrument);
        let instrument = InstrumentTerms {
            base: fact.base,
            quote: fact.quote,
            tick_size: fact.tick_size,
            lot_size: fact.lot_size,
            trade_id: before.and_then(|known| known.trade_id),
            update_id: before.and_then(|known| known.update_id),
        };
        self.known.insert(fact.instrument, instrument);
    }

    /// A quote with this update id was accepted.
    pub fn accept_update(&mut self, id: &InstrumentId, update_id: Option<u64>) {
        if let Some(known) = self.known.get_mut(id) {
            known.update_id = known.update_id.max(update_id);
        }
    }

    /// A trade with this trade id was accepted.
    pub fn accept_trade(&mut self, id: &InstrumentId, trade_id: Option<u64>) {
        if let Some(known) = self.known.get_mut(id) {
            known.trade_id = known.trade_id.max(trade_id);
        }
    }
}
