//! The facts of ingest on intended events, compared with the events alone, without ingest's machine.

use std::collections::{BTreeMap, BTreeSet};

use tapedeck_schemas::event::Event;
use tapedeck_schemas::ids::InstrumentId;
use tapedeck_schemas::market::{BarBody, DefinitionBody, MarketBody, MarketEvent, QuoteBody, TradeBody};
use tapedeck_schemas::offset::Offset;
use tapedeck_schemas::record::Entry;
use tapedeck_schemas::subject::parse_market_subject;

use super::publications::{Item, Publications};
use super::rules::{Checks, Rule, Violation};

/// Entries without a fact or rejection, and events with a fact.
#[derive(Debug, Default)]
pub(super) struct MarketFacts {
    waiting: BTreeMap<Offset, Item>,
    accepted: BTreeSet<Item>,
    /// The last entry that got a fact or a rejection.
    last: Option<Offset>,
}

impl MarketFacts {
    /// An intended event was stored in the inbox.
    pub(super) fn waits(&mut self, at: Offset, item: Item) {
        self.waiting.insert(at, item);
    }

    /// A fact of ingest.
    pub(super) fn fact(
        &mut self,
        entry: &Entry,
        publications: &Publications,
        checks: &mut Checks,
    ) -> Result<(), Violation> {
        let is_rejected = match &entry.event {
            Event::Rejected(_) => true,
            Event::Bar(bar) if bar.source.is_none() => return Ok(()),
            Event::Quote(_)
            | Event::Trade(_)
            | Event::InstrumentDefined(_)
            | Event::Bar(_)
            | Event::MarketHeartbeat(_) => false,
            _ => return Ok(()),
        };
        let (cause, fact) = (entry.cause, &entry.event);
        checks.check(Rule::FactOrRejection, self.last != Some(cause), || {
            format!("inbox entry {cause} gets a second answer: {fact:?}")
        })?;
        self.last = Some(cause);
        let Some(item) = self.waiting.remove(&cause) else { return Ok(()) };
        let (event, subject) = (publications.event(item), publications.subject(item));
        checks.check(Rule::FactsEqualTheEvent, is_fact_of(fact, event, subject), || {
            format!("inbox entry {cause} on {subject} is {event:?}, but its fact is {fact:?}")
        })?;
        checks.check(Rule::FactOrRejection, is_rejected || self.accepted.insert(item), || {
            format!("the event {event:?} on {subject} is accepted twice, now at {cause}")
        })
    }

    /// At rest each entry is answered.
    pub(super) fn finish(&self, checks: &mut Checks) -> Result<(), Violation> {
        checks.check(Rule::EveryEventIsAnswered, self.waiting.is_empty(), || {
            format!("neither fact nor rejection for {:?}", self.waiting.keys().collect::<Vec<_>>())
        })
    }
}

/// Whether a fact has the content of the event, or rejects it by source and number.
fn is_fact_of(fact: &Event, event: &MarketEvent, subject: &str) -> bool {
    let Ok((named, _)) = parse_market_subject(subject) else { return false };
    let on = |instrument: InstrumentId| instrument == named;
    let times = |recv: u64, at: Option<u64>| recv == event.ts_recv && at == event.ts_event;
    match (fact, &event.body) {
        (Event::Rejected(fact), _) => {
            let numbered = (fact.source, fact.seq) == (Some(event.source), Some(event.seq));
            numbered && fact.subject == subject && fact.instrument == Some(named)
        }
        (Event::Quote(fact), MarketBody::Quote(QuoteBody { bid, bid_size, ask, ask_size, update_id })) => {
            let prices = (fact.bid, fact.bid_size, fact.ask, fact.ask_size) == (*bid, *bid_size, *ask, *ask_size);
            prices && fact.update_id == *update_id && on(fact.instrument) && times(fact.ts_recv, fact.ts_event)
        }
        (Event::Trade(fact), MarketBody::Trade(TradeBody { price, quantity, aggressor, trade_id })) => {
            let values = (fact.price, fact.quantity, fact.aggressor) == (*price, *quantity, *aggressor);
            values && fact.trade_id == *trade_id && on(fact.instrument) && times(fact.ts_recv, fact.ts_event)
        }
        (
            Event::InstrumentDefined(fact),
            MarketBody::Definition(DefinitionBody { base, quote, tick_size, lot_size, min_notional, bars }),
        ) => {
            let terms =
                (fact.base, fact.quote, fact.tick_size, fact.lot_size) == (*base, *quote, *tick_size, *lot_size);
            let rest = fact.min_notional == *min_notional && fact.bars == *bars;
            terms && rest && on(fact.instrument) && times(fact.ts_recv, fact.ts_event)
        }
        (Event::Bar(fact), MarketBody::Bar(BarBody { bar, open, high, low, close, volume, .. })) => {
            let prices = (fact.open, fact.high, fact.low, fact.close) == (*open, *high, *low, *close);
            let rest = fact.bar == *bar && fact.volume == *volume && fact.source == Some(event.source);
            prices && rest && on(fact.instrument) && times(fact.ts_recv, fact.ts_event)
        }
        (Event::MarketHeartbeat(fact), MarketBody::Heartbeat(_)) => {
            on(fact.instrument) && times(fact.ts_recv, fact.ts_event)
        }
        _ => false,
    }
}
