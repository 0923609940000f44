//! The fact that accepts a market event, and the market event that a fact accepts: each the other in another form.

use super::{MarketBody, Unnumbered};
use crate::event::{Bar, Event, InstrumentDefined, MarketHeartbeat, Quote, Trade};
use crate::ids::{InstrumentId, SourceId};

/// Returns the fact that accepts an event of an instrument, published by `source`.
pub fn accepted(instrument: InstrumentId, source: SourceId, event: Unnumbered) -> Event {
    let Unnumbered { ts_recv, ts_event, body } = event;
    match body {
        MarketBody::Quote { bid, bid_size, ask, ask_size, update_id } => {
            Quote { instrument, bid, bid_size, ask, ask_size, ts_recv, ts_event, update_id }.into()
        }
        MarketBody::Trade { price, quantity, aggressor, trade_id } => {
            Trade { instrument, price, quantity, aggressor, trade_id, ts_recv, ts_event }.into()
        }
        MarketBody::Bar { bar, open, high, low, close, volume, count, opened, closed } => {
            let (late, source) = (0, Some(source));
            let prices = Bar {
                instrument,
                bar,
                open,
                high,
                low,
                close,
                volume,
                count,
                late,
                opened,
                closed,
                source,
                ts_recv,
                ts_event,
            };
            prices.into()
        }
        MarketBody::Definition { base, quote, tick_size, lot_size, min_notional, bars } => {
            InstrumentDefined { instrument, base, quote, tick_size, lot_size, min_notional, bars, ts_recv, ts_event }
                .into()
        }
        MarketBody::Heartbeat => MarketHeartbeat { instrument, ts_recv, ts_event }.into(),
    }
}

/// Returns the market event that a fact accepts, with its instrument; `None` for a fact that accepts none. A bar that
/// `ingest` built accepts none: it is built again from the same events.
pub fn published(fact: &Event) -> Option<(InstrumentId, Unnumbered)> {
    let (instrument, ts_recv, ts_event, body) = match fact {
        Event::Quote(Quote { instrument, bid, bid_size, ask, ask_size, ts_recv, ts_event, update_id }) => {
            let (bid, bid_size, ask, ask_size) = (*bid, *bid_size, *ask, *ask_size);
            (instrument, ts_recv, ts_event, MarketBody::Quote { bid, bid_size, ask, ask_size, update_id: *update_id })
        }
        Event::Trade(Trade { instrument, price, quantity, aggressor, trade_id, ts_recv, ts_event }) => {
            let (price, quantity, aggressor, trade_id) = (*price, *quantity, *aggressor, *trade_id);
            (instrument, ts_recv, ts_event, MarketBody::Trade { price, quantity, aggressor, trade_id })
        }
        Event::Bar(fact) if fact.source.is_some() => {
            let Bar { bar, open, high, low, close, volume, count, opened, closed, .. } = *fact;
            let body = MarketBody::Bar { bar, open, high, low, close, volume, count, opened, closed };
            (&fact.instrument, &fact.ts_recv, &fact.ts_event, body)
        }
        Event::InstrumentDefined(fact) => {
            let InstrumentDefined { base, quote, tick_size, lot_size, min_notional, .. } = *fact;
            let bars = fact.bars.clone();
            let body = MarketBody::Definition { base, quote, tick_size, lot_size, min_notional, bars };
            (&fact.instrument, &fact.ts_recv, &fact.ts_event, body)
        }
        Event::MarketHeartbeat(MarketHeartbeat { instrument, ts_recv, ts_event }) => {
            (instrument, ts_recv, ts_event, MarketBody::Heartbeat)
        }
        _ => return None,
    };
    Some((*instrument, Unnumbered { ts_recv: *ts_recv, ts_event: *ts_event, body }))
}

/// Returns `ts_recv` of the market event that a fact accepts, ns since the Unix epoch; `None` for a fact that accepts
/// none.
pub fn accepted_at(fact: &Event) -> Option<u64> {
    match fact {
        Event::Quote(fact) => Some(fact.ts_recv),
        Event::Trade(fact) => Some(fact.ts_recv),
        Event::Bar(fact) => fact.source.and(Some(fact.ts_recv)),
        Event::InstrumentDefined(fact) => Some(fact.ts_recv),
        Event::MarketHeartbeat(fact) => Some(fact.ts_recv),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::{contract::KINDS, decode_unnumbered};

    /// Every kind, with every field of the contract.
    #[test]
    fn a_fact_of_every_kind_has_the_whole_event_that_it_accepts() {
        let source = "feed".parse().unwrap();
        for kind in KINDS {
            let example = crate::describe::market::example(*kind).to_string();
            let (_, event) = decode_unnumbered(example.as_bytes()).remove(0).unwrap();
            assert_eq!(event.body.kind(), *kind);
            assert!(event.ts_event.is_some());
            let instrument = "nyse.BRK.B".parse().unwrap();
            let fact = accepted(instrument, source, event.clone());
            assert_eq!(accepted_at(&fact), Some(event.ts_recv), "{kind}");
            assert_eq!(published(&fact), Some((instrument, event)), "{kind}");
        }
    }
}
